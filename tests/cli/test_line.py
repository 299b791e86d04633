"""`ringdown` without a command: the state of the line, and what to do next."""

import datetime
import re

import pytest

from ringdown.calls.limits import LineLimits
from ringdown.calls.line_state import Hours
from ringdown_cli.line import hours_in_words
from tests.cli.agents.stored_agents import DOCUMENT, write
from tests.cli.calls.stored_calls import bad_call, begin_call, good_call, sid
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import NOW


@pytest.fixture
def line(command_line: CommandLine) -> CommandLine:
    write(command_line, DOCUMENT, agent_id="default")
    return command_line


def test_a_line_that_is_all_right_says_so_and_what_to_do_next(line: CommandLine) -> None:
    good_call(line, 1)
    ran = line.run()
    assert ran.status == 0, ran.all
    first, well, figures, *rest = ran.said.splitlines()
    assert first == line.store_url
    assert well == "✓ All is well."
    assert figures.startswith("0 live calls. Today: ")
    assert "$0.02 of $100.00 in the last 24 hours" in figures
    assert sid(1)[:8] in ran.said
    assert "Needs you" not in ran.said
    assert any(each.startswith("  ringdown calls show last ") for each in rest)


def test_before_the_first_call_there_is_none_to_look_at(line: CommandLine) -> None:
    said = line.run().said
    assert "calls show last" not in said
    assert "  ringdown agents edit default  " in said


def test_what_needs_a_person_comes_with_what_to_do(line: CommandLine) -> None:
    bad_call(line, 1)
    write(line, {**DOCUMENT, "voice": "Korr"}, agent_id="night")
    line.run("numbers", "set", "+14155550100", "night")
    line.with_store(lambda store: store.write_number("+14155550199", "gone"))
    line.with_store(lambda store: store.write_limits(LineLimits(calls_per_hour=1)))
    said = line.run().said
    assert "! 4 things need you." in said
    assert 'agents/night: voice: there is no voice "Korr"' in said
    assert "    ringdown agents edit night, or ringdown agents rollback night\n" in said
    assert "+14155550199: It is assigned to the agent gone, which does not exist.\n" in said
    assert "    ringdown numbers unset +14155550199, so that default answers it\n" in said
    assert "calls_per_hour: The limit is reached: 1 of 1.\n    ringdown limits\n" in said
    assert f"the model was lost.\n    ringdown calls show {sid(1)[:8]}\n" in said


def test_live_calls_are_there_with_their_length(line: CommandLine) -> None:
    begin_call(line, 1, ago=datetime.timedelta(seconds=95))
    said = line.run().said
    assert "1 live call." in said
    assert re.search(rf"  {sid(1)[:8]}  [0-9]+:[0-9]{{2}}  …0123 with default\n", said)


def test_opening_hours_are_told(line: CommandLine) -> None:
    week = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "24h")
    always = {**week, "saturday": "24h", "sunday": "24h"}
    write(line, {**DOCUMENT, "time_zone": "UTC", "opening_hours": always}, agent_id="default")
    assert "default is open.\n" in line.run().said
    write(line, {**DOCUMENT, "time_zone": "UTC", "opening_hours": {}}, agent_id="default")
    assert "default is closed.\n" in line.run().said


def test_without_a_store_it_says_how_to_get_one(command_line: CommandLine) -> None:
    ran = command_line.run(environ={})
    assert (ran.status, ran.said) == (1, "")
    assert "make talk" in ran.complained
    assert ran.complained.endswith("For all commands: ringdown --help\n")


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (
            Hours(is_open=True, changes_at=NOW.replace(hour=17, minute=0)),
            "default is open until 17:00.",
        ),
        (
            Hours(is_open=False, changes_at=NOW.replace(hour=13, minute=0)),
            "default is closed, opens 13:00.",
        ),
        (
            Hours(is_open=False, changes_at=NOW.replace(day=4)),
            "default is closed, opens Wednesday 2026-11-04 09:30.",
        ),
    ],
)
def test_the_next_change_is_told_with_its_day_unless_it_is_today(hours: Hours, said: str) -> None:
    assert list(hours_in_words({"default": hours}, NOW)) == [said]
