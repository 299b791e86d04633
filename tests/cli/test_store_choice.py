"""Which store commands use, and the message when none is found."""

import json
import os
import subprocess
import sys

import pytest

from devtools.stack import Stack, described
from ringdown_cli.store_choice import NO_STORE
from tests.cli.calls.stored_calls import good_call, sid
from tests.cli.command_line import CommandLine, Ran


def test_an_argument_goes_before_the_environment(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    environ = {"STORE_URL": "sqlite:elsewhere.db"}
    ran = command_line.run("calls", "list", "--store", command_line.store_url, environ=environ)
    assert sid(1)[:8] in ran.said
    assert ran.complained == "", "who names a store need not be told its name"


# Found


def left_by(command_line: CommandLine, *folders: str, n: int = 1) -> CommandLine:
    """A store in a folder below `out`, with a call in it."""
    there = CommandLine(command_line.folder.joinpath("out", *folders))
    there.folder.mkdir(parents=True, exist_ok=True)
    good_call(there, n)
    return there


def running(stack: CommandLine, *, pid: int) -> None:
    """Write what a running stack with that process would say about itself."""
    description = a_stack(stack).describe() | {"pid": pid}
    (stack.folder / "stack.json").write_text(json.dumps(description))


def a_stack(stack: CommandLine) -> Stack:
    return Stack(
        webhook_url="http://127.0.0.1:8080",
        twilio_auth_token="generated",
        token_was_generated=True,
        call_ended_url="unused",
        store_url=stack.store_url,
    )


def test_a_stack_is_found_as_long_as_it_runs(command_line: CommandLine) -> None:
    talk = left_by(command_line, "talk")
    with described(a_stack(talk), talk.folder):
        assert "(make talk, running)" in listed(command_line).complained
    assert "(left by make talk)" in listed(command_line).complained


def listed(command_line: CommandLine, **environ: str) -> Ran:
    return command_line.run("calls", "list", environ=environ)


@pytest.mark.parametrize(
    ("folders", "command"), [((), "make stack"), (("talk",), "make talk"), (("last",), "make call")]
)
def test_what_ran_here_last_is_found_and_said(
    command_line: CommandLine, folders: tuple[str, ...], command: str
) -> None:
    there = left_by(command_line, *folders)
    ran = listed(command_line)
    assert sid(1)[:8] in ran.said
    assert ran.complained == f"Store: {there.store_url} (left by {command})\n"


def test_what_runs_goes_before_what_ran(command_line: CommandLine) -> None:
    talk = left_by(command_line, "talk", n=1)
    running(talk, pid=os.getpid())
    stack = left_by(command_line, n=2)
    running(stack, pid=a_process_that_is_gone())
    ran = listed(command_line)
    assert sid(1)[:8] in ran.said
    assert ran.complained == f"Store: {talk.store_url} (make talk, running)\n"


def test_of_two_that_run_the_one_started_last_is_found(command_line: CommandLine) -> None:
    for folders, at in (((), 2_000), (("talk",), 1_000)):
        stack = left_by(command_line, *folders)
        running(stack, pid=os.getpid())
        os.utime(stack.folder / "stack.json", (at, at))
    assert "(make stack, running)" in listed(command_line).complained


def a_process_that_is_gone() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def deployed(command_line: CommandLine, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that Terraform was run, with this shell script as `terraform`."""
    (command_line.folder / "terraform" / ".terraform").mkdir(parents=True)
    program = command_line.folder / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_what_was_deployed_goes_before_what_ran(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    good_call(command_line, 1)
    left_by(command_line, n=2)
    deployed(command_line, f"test $3 = -raw && echo {command_line.store_url}", monkeypatch)
    ran = listed(command_line)
    assert sid(1)[:8] in ran.said
    assert ran.complained.startswith(f"Store: {command_line.store_url} (deployed from ")


@pytest.mark.parametrize("script", ["exit 1", "echo 'no state' >&2; exit 1"])
def test_a_deployment_that_does_not_say_is_told(
    command_line: CommandLine, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(command_line, script, monkeypatch)
    ran = listed(command_line)
    assert ran.status == 1
    assert "terraform output failed: " in ran.complained
    assert "To name the store instead, set STORE_URL." in ran.complained


def test_before_the_first_apply_nothing_is_deployed(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(command_line, "echo 'Warning: No outputs found'", monkeypatch)
    assert listed(command_line).complained == f"{NO_STORE}\n"


def test_where_there_is_none_it_says_what_to_do(command_line: CommandLine) -> None:
    ran = listed(command_line)
    assert ran.status == 2
    assert "make talk\nTo deploy one: make deploy\n" in ran.complained


# Named


def test_a_misspelt_path_makes_no_empty_store(command_line: CommandLine) -> None:
    missing = command_line.folder / "rindgown.db"
    ran = command_line.run("calls", "list", "--store", f"sqlite:{missing}")
    assert ran.status == 1
    assert ran.complained.startswith(f"There is no store file {missing}. Check the path")
    assert not missing.exists()


@pytest.mark.parametrize(
    ("argv", "environ", "named"),
    [
        (["--store", "mysql:here"], {}, "--store is 'mysql:here'"),
        ([], {"STORE_URL": "mysql:here"}, "STORE_URL is 'mysql:here'"),
    ],
)
def test_a_store_that_is_none_is_told_by_its_name(
    command_line: CommandLine, argv: list[str], environ: dict[str, str], named: str
) -> None:
    ran = command_line.run("calls", "list", *argv, environ=environ)
    assert ran.status == 2
    assert ran.complained.startswith(f"{named}. Set it to firestore:PROJECT")


def test_a_store_that_does_not_answer_is_told(command_line: CommandLine) -> None:
    (command_line.folder / "ringdown.db").write_text("this isn't a database\n" * 100)
    ran = command_line.run("calls", "list")
    assert ran.status == 1
    assert ran.complained.startswith("The store doesn't answer: ")
    assert ran.complained.endswith("Try again in a minute.\n")
