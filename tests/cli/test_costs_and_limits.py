"""`ringdown costs`, `limits` and `voices`."""

import datetime
import json
import re

import pytest

from ringdown.calls.limits import LineLimits
from ringdown.gemini.models import VOICES
from tests.cli.calls.stored_calls import begin_call, good_call
from tests.cli.command_line import CommandLine

DAY = datetime.timedelta(days=1)


def table(said: str) -> list[list[str]]:
    return [re.split(r"  +", line) for line in said.splitlines()]


def test_costs_by_day_with_their_sum(command_line: CommandLine) -> None:
    good_call(command_line, 1, ago=datetime.timedelta(0))
    good_call(command_line, 2, ago=datetime.timedelta(0))
    good_call(command_line, 3, ago=DAY)
    good_call(command_line, 4, ago=9 * DAY)
    ran = command_line.run("costs", "--days", "3")
    heads, today, yesterday, before, together = table(ran.said)
    assert heads == ["day", "calls", "minutes", "cost", "per call"]
    assert today[0] == f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    assert today[1:] == ["2", "2", "$0.05", "$0.02"]
    assert yesterday[1:] == ["1", "1", "$0.02", "$0.02"]
    assert before[1:] == ["0", "0", "$0.00"]
    assert together == ["total", "3", "3", "$0.07", "$0.02"]
    assert "Twilio and Google Cloud are extra" in ran.complained


def test_a_day_is_one_of_the_persons_clock(command_line: CommandLine) -> None:
    good_call(command_line, 1, ago=datetime.timedelta(0))
    days = []
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):  # 25 hours apart
        command_line.environ["TZ"] = zone
        (day,) = json.loads(command_line.run("costs", "--days", "1", "--json").said)
        assert day["calls"] == 1
        days.append(day["day"])
    assert days[0] > days[1]


@pytest.mark.parametrize(
    ("by", "names"),
    [("agent", ["night", "default"]), ("number", ["+14155550199", "+14155550100"])],
)
def test_costs_by_agent_and_by_number_the_dearest_first(
    command_line: CommandLine, by: str, names: list[str]
) -> None:
    good_call(command_line, 1)
    for n in (2, 3):
        good_call(command_line, n, agent_id="night", called="+14155550199")
    found = json.loads(command_line.run("costs", "--by", by, "--json").said)
    assert [(each[by], each["calls"]) for each in found] == list(zip(names, (2, 1), strict=True))


# Limits


def limits(command_line: CommandLine) -> LineLimits:
    return command_line.with_store(lambda store: store.read_limits())


def test_limits_are_shown_with_what_is_used(command_line: CommandLine) -> None:
    begin_call(command_line, 1)
    command_line.run("limits", "calls_per_hour", "1")
    rows = {row[0]: row[1:] for row in table(command_line.run("limits").said)}
    assert rows["calls_per_hour"] == ["1", "1", "reached"]
    assert rows["calls_at_once"] == ["1", "50"]
    document = json.loads(command_line.run("limits", "--json").said)
    assert document["used"]["calls_at_once"] == 1
    assert document["limits"]["calls_per_hour"] == 1


def test_a_limit_is_changed_and_lifted(command_line: CommandLine) -> None:
    begin_call(command_line, 1)
    ran = command_line.run("limits", "usd_per_day", "12.50")
    assert ran.said == "usd_per_day is now 12.5 (it was 100). It applies from the next call.\n"
    command_line.run("limits", "calls_at_once", "none")
    assert limits(command_line) == LineLimits(usd_per_day=12.5, calls_at_once=None)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("calls_at_onse", "3"), "Did you mean calls_at_once?"),
        (("calls_at_once", "many"), "Can't read 'many' as a limit. Give a number, or none."),
        (("calls_at_once", "0"), "calls_at_once: "),
        (("calls_at_once", "2.5"), "calls_at_once: "),
        (("calls_at_once", "true"), "calls_at_once: "),
        (("usd_per_day", "-3"), "usd_per_day: "),
        (("usd_per_day", "Infinity"), "Can't read"),
    ],
)
def test_what_is_no_limit_changes_nothing(
    command_line: CommandLine, argv: tuple[str, ...], told: str
) -> None:
    begin_call(command_line, 1)
    ran = command_line.run("limits", *argv)
    assert ran.status == 1
    assert told in ran.complained
    assert limits(command_line) == LineLimits()


def test_every_voice_has_its_character(command_line: CommandLine) -> None:
    _, *rows = table(command_line.run("voices", environ={}).said)
    assert dict(rows) == VOICES
