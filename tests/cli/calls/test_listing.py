import datetime
import json
import re
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ringdown.calls.search import MOST_LOOKED_THROUGH
from ringdown.stores import Store
from tests.cli.calls.stored_calls import bad_call, begin_call, good_call, sid
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import CALLER, a_call

HOURS, DAYS = datetime.timedelta(hours=1), datetime.timedelta(days=1)
OTHER = "+14155550177"


def listed(command_line: CommandLine, *argv: str) -> list[str]:
    """The SIDs found, in order."""
    ran = command_line.run("calls", "list", "--json", *argv)
    assert ran.status == 0, ran.all
    return [call["call_sid"] for call in json.loads(ran.said)]


def test_a_call_is_a_line_with_what_matters(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    head, line = command_line.run("calls", "list").said.splitlines()
    assert re.split(r"  +", head) == [
        *("call", "began (UTC)", "caller", "agent", "length", "cost", "what happened")
    ]
    short_sid, _when, caller, agent, length, cost, what = re.split(r"  +", line)
    assert (short_sid, caller, agent) == (sid(1)[:8], "…0123", "default")
    assert (length, cost, what) == ("1:05", "$0.02", "agent hung up")


def test_the_called_number_is_shown_where_there_are_several(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    good_call(command_line, 2, called=OTHER)
    said = command_line.run("calls", "list").said
    assert "…0100" in said
    assert "…0177" in said


def test_times_are_those_of_the_persons_clock(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    command_line.environ["TZ"] = "Asia/Kolkata"
    head, line = command_line.run("calls", "list").said.splitlines()
    began = datetime.datetime.now(ZoneInfo("Asia/Kolkata")) - datetime.timedelta(minutes=5)
    assert "began (IST)" in head
    assert f"{began:%Y-%m-%d %H:}" in line


def test_numbers_are_whole_only_if_asked_for(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    short = command_line.run("calls", "list").said
    assert CALLER not in short
    whole = command_line.run("calls", "list", "--numbers").said
    assert CALLER in whole


def test_what_went_wrong_is_in_the_line(command_line: CommandLine) -> None:
    bad_call(command_line, 1)
    line = command_line.run("calls", "list").said.splitlines()[1]
    assert "model lost: The model was lost" in line
    assert line.endswith("so the caller was sent to the fallback number (+1)")


def test_a_call_that_goes_on_is_there_too(command_line: CommandLine) -> None:
    begin_call(command_line, 1)
    assert "live" in command_line.run("calls", "list").said


def test_yesterdays_bad_call_is_found(command_line: CommandLine) -> None:
    good_call(command_line, 1, ago=HOURS)
    bad_call(command_line, 2, ago=DAYS)
    good_call(command_line, 3, ago=DAYS)
    bad_call(command_line, 4, ago=9 * DAYS)
    assert listed(command_line, "--since", "2d", "--until", "12h", "--problem") == [sid(2)]


@pytest.mark.parametrize(
    ("words", "found"), [("LOOKUP_account", [sid(1)]), ("model", [sid(1)]), ("twilio", [])]
)
def test_a_problem_is_found_by_its_words(
    command_line: CommandLine, words: str, found: list[str]
) -> None:
    bad_call(command_line, 1)
    good_call(command_line, 2)
    assert listed(command_line, "--problem", words) == found


def test_calls_are_found_by_number_and_agent(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    good_call(command_line, 2, caller=OTHER)
    good_call(command_line, 3, caller=OTHER, agent_id="night")
    assert listed(command_line, "--number", OTHER) == [sid(3), sid(2)]
    assert listed(command_line, "--number", OTHER, "--agent", "night") == [sid(3)]


def test_a_problem_is_found_behind_many_good_calls(command_line: CommandLine) -> None:
    bad_call(command_line, 500, ago=2 * HOURS)
    for n in range(120):  # more than one page
        begin_call(command_line, n, ago=n * datetime.timedelta(seconds=1))
    assert listed(command_line, "--problem") == [sid(500)]


def test_it_says_that_there_may_be_more(command_line: CommandLine) -> None:
    for n in range(3):
        good_call(command_line, n)
    ran = command_line.run("calls", "list", "--limit", "2")
    assert len(ran.said.splitlines()) == 3
    assert ran.complained == "Showing the newest 2. For more, use --limit.\n"


def test_nothing_found_is_said(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    ran = command_line.run("calls", "list", "--number", OTHER)
    assert (ran.status, ran.said, ran.complained) == (0, "", "No calls found.\n")


def test_a_time_that_is_none_is_told(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    ran = command_line.run("calls", "list", "--since", "soon")
    assert ran.status == 1
    assert ran.complained.startswith("Can't read 'soon' as a time. Try 90m, 24h, 7d")


def test_it_says_when_it_has_looked_long_enough_and_how_to_go_on(command_line: CommandLine) -> None:
    bad_call(command_line, 5_000, ago=DAYS)
    many_calls(command_line, MOST_LOOKED_THROUGH)
    ran = command_line.run("calls", "list", "--problem", "tool")
    assert ran.said == ""
    told, _, until = ran.complained.rstrip().rpartition(" add: ")
    assert "No calls found.\nSearched only the newest 2,000 calls, back to" in told
    assert listed(command_line, "--problem", "tool", *until.split()) == [sid(5_000)]


def many_calls(command_line: CommandLine, count: int) -> None:
    """One call per second, until now."""
    now = datetime.datetime.now(datetime.UTC)

    async def begin(store: Store) -> None:
        for n in range(count):
            began = now - n * datetime.timedelta(seconds=1)
            call = msgspec.structs.replace(a_call(call_sid=sid(n)), created_at=began)
            await store.open_call(call)

    command_line.with_store(begin)


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e3", "1_0", ""])
def test_a_bad_limit_is_explained(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], limit: str
) -> None:
    with pytest.raises(SystemExit):
        command_line.run("calls", "list", f"--limit={limit}")

    assert f"{limit!r} isn't a whole number of at least 1" in capsys.readouterr().err
