"""What all commands have in common."""

import re
import subprocess
import sys

import pytest

from tests.cli.command_line import CommandLine

AGENTS = (
    *("list", "show", "edit", "new", "copy", "delete", "diff", "validate", "try", "publish"),
    *("history", "rollback", "seed"),
)
COMMANDS = [
    *(("agents", name) for name in AGENTS),
    *(("numbers", name) for name in ("list", "set", "unset")),
    *(
        ("calls", name)
        for name in ("list", "show", "watch", "logs", "analyse", "replay", "restore")
    ),
    *(("callers", name) for name in ("list", "block", "unblock", "forget")),
    *(("tools", name) for name in ("list", "call")),
    *((name,) for name in ("costs", "limits", "outcomes", "voices")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_examples(
    command_line: CommandLine, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.run(*command, "--help")
    help = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"ringdown {' '.join(command)} " in help, "it says how it is called"
    assert "examples:\n  ringdown " in help
    assert "--store URL" in help


@pytest.mark.parametrize(
    "argv", [("agents",), ("agents", "paint"), ("calls", "list", "--limit", "0"), ("callers",)]
)
def test_a_command_that_is_misused_ends_with_2(
    command_line: CommandLine, argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.run(*argv)
    assert ended.value.code == 2
    assert "usage: ringdown" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (("agent", "list"), "Did you mean agents?"),
        (("calls", "lst"), "Did you mean list?"),
        (("paint",), "Commands: agents, "),
    ],
)
def test_a_slip_in_a_command_is_told_with_what_was_meant(
    command_line: CommandLine,
    argv: tuple[str, ...],
    meant: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        command_line.run(*argv)
    told = capsys.readouterr().err
    assert "unknown command " in told
    assert meant in told


def test_the_version_is_told(command_line: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.run("--version")
    assert ended.value.code == 0
    assert re.fullmatch(r"ringdown \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_a_store_may_be_named_before_the_command(command_line: CommandLine) -> None:
    command_line.run("agents", "seed")
    ran = command_line.run("--store", command_line.store_url, "agents", "list", environ={})
    assert (ran.status, ran.complained) == (0, "")


def test_it_can_be_started_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ringdown_cli", "--help"], capture_output=True, text=True, check=True
    )
    assert all(group in ran.stdout for group in ("agents", "numbers", "calls", "callers", "doctor"))


def test_an_operators_installation_needs_no_simulators_and_no_speech() -> None:
    source = """
import pkgutil, sys
for name in ("boto3", "devtools", "espeakng_loader", "functions_framework", "pocketsphinx",
             "simulators", "starlette", "trustme"):
    sys.modules[name] = None
import ringdown_cli
for module in pkgutil.walk_packages(ringdown_cli.__path__, "ringdown_cli."):
    if not module.name.endswith(("__main__", ".stand_in_answers")):
        __import__(module.name)
"""
    subprocess.run([sys.executable, "-c", source], check=True)


def test_help_needs_none_of_what_the_parts_need() -> None:
    source = "import sys, ringdown_cli.command_line; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    heavy = {"numpy", "google.genai", "google.cloud.firestore_v1", "simulators", "httpx2"}
    assert heavy & set(ran.stdout.split()) == set(), "a person waits for these at every command"
