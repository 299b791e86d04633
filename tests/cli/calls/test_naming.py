"""Finding the call that a person means."""

import datetime

import pytest

from tests.cli.calls.stored_calls import begin_call, good_call, sid
from tests.cli.command_line import CommandLine

AB, AC = 0xAB1234, 0xAB9999


@pytest.fixture
def calls(command_line: CommandLine) -> CommandLine:
    good_call(command_line, AB, ago=datetime.timedelta(hours=1))
    good_call(command_line, AC)
    return command_line


@pytest.mark.parametrize(
    "text", [sid(AB), sid(AB)[:8], "CAab1234", "ab1234", "AB12", "CAab1234…", "CAab1234..."]
)
def test_a_call_is_found_by_its_sid_or_its_beginning(calls: CommandLine, text: str) -> None:
    ran = calls.run("calls", "show", text)
    assert ran.status == 0, ran.all
    assert sid(AB) in ran.said


def test_the_last_call_is_found(calls: CommandLine) -> None:
    assert sid(AC) in calls.run("calls", "show", "last").said


@pytest.mark.parametrize("command", ["show", "watch", "logs", "replay"])
def test_a_beginning_that_may_be_several_is_refused(calls: CommandLine, command: str) -> None:
    begin_call(calls, 0xAB1235)
    ran = calls.run("calls", command, "CAab123")
    assert ran.status == 1
    assert ran.complained == (
        f"CAab123 may be {sid(AB)} or {sid(0xAB1235)}. Give more characters.\n"
    )


@pytest.mark.parametrize("text", ["CA77", "7777", "lst", "…", "CA/%", "ab"])
def test_a_call_that_is_not_there_is_told(calls: CommandLine, text: str) -> None:
    ran = calls.run("calls", "show", text)
    assert ran.status == 1
    assert "There is no call " in ran.complained
    assert "To find it: ringdown calls list." in ran.complained


def test_in_an_empty_store_there_is_no_last_call(command_line: CommandLine) -> None:
    command_line.run("agents", "seed")
    ran = command_line.run("calls", "show", "last")
    assert (ran.status, ran.complained) == (1, "This store has no calls yet.\n")
