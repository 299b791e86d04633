"""Which store commands work on, and what is said when there is none."""

from pathlib import Path

import pytest

from tests.cli.calls.stored_calls import good_call, sid
from tests.cli.command_line import CommandLine


def test_an_argument_goes_before_the_environment(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    environ = {"STORE_URL": "sqlite:elsewhere.db"}
    ran = command_line.run("calls", "list", "--store", command_line.store_url, environ=environ)
    assert sid(1) in ran.said


def test_without_either_it_is_the_local_stacks(tmp_path: Path) -> None:
    local = CommandLine(tmp_path / "out")
    good_call(local, 1)
    assert sid(1) in CommandLine(tmp_path).run("calls", "list", environ={}).said


def test_without_a_local_stack_it_is_told_what_to_set(command_line: CommandLine) -> None:
    ran = command_line.run("calls", "list", environ={})
    assert ran.status == 2
    assert ran.complained == (
        "No store is named. Set STORE_URL, or add --store, to firestore:PROJECT or sqlite:PATH."
        " On this machine, `make stack` makes one.\n"
    )


def test_the_demonstration_calls_records_are_pointed_out(command_line: CommandLine) -> None:
    demonstration = command_line.folder / "out" / "last" / "ringdown.db"
    demonstration.parent.mkdir(parents=True)
    demonstration.touch()
    ran = command_line.run("calls", "list", environ={})
    assert f"--store sqlite:{demonstration}" in ran.complained


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
    (command_line.folder / "ringdown.db").write_text("this is no database\n" * 100)
    ran = command_line.run("calls", "list")
    assert ran.status == 1
    assert ran.complained.startswith("The store does not answer: ")
    assert ran.complained.endswith("Try again soon.\n")
