import datetime
import json

import pytest

from ringdown.calls.callers import Caller
from ringdown.stores import Store
from tests.cli.calls.stored_calls import begin_call, good_call, sid
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import CALLER

OTHER = "+14155550177"


@pytest.fixture
def with_calls(command_line: CommandLine) -> CommandLine:
    good_call(command_line, 1)
    good_call(command_line, 2)
    good_call(command_line, 3, caller=OTHER)
    return command_line


def caller(command_line: CommandLine, number: str) -> Caller:
    async def work(store: Store) -> Caller:
        return await store.read_caller(number)

    return command_line.with_store(work)


@pytest.mark.parametrize(
    "number", [CALLER, "anonymous", "sip:eve@example.com", "client:eve", "12345"]
)
def test_a_caller_is_blocked_and_unblocked(with_calls: CommandLine, number: str) -> None:
    ran = with_calls.run("callers", "block", number)
    assert ran.said == f"{number} is blocked. To undo it: ringdown callers unblock {number}\n"
    assert caller(with_calls, number).blocked
    assert (
        with_calls.run("callers", "unblock", number).said
        == f"{number} is unblocked: calls from it are answered again.\n"
    )
    assert not caller(with_calls, number).blocked
    assert with_calls.run("callers", "unblock", number).said == f"{number} wasn't blocked.\n"


@pytest.mark.parametrize("command", ["block", "unblock", "forget"])
@pytest.mark.parametrize("number", ["4155550999", "+1 415 555 0123", "(415) 555", "anonymus", " "])
def test_a_number_that_is_none_is_told_how(
    with_calls: CommandLine, command: str, number: str
) -> None:
    ran = with_calls.run("callers", command, number)
    assert ran.status == 1
    assert "Write it like +14155550123" in ran.complained


@pytest.mark.parametrize("end", ["…0123", "...0123", "0123", "4155550123"])
def test_the_end_of_a_number_is_asked_about_and_means_the_caller(
    with_calls: CommandLine, end: str
) -> None:
    ran = with_calls.run("callers", "block", end, answers="y\n")
    assert f"Do you mean {CALLER}, who last called " in ran.complained
    assert ran.said == f"{CALLER} is blocked. To undo it: ringdown callers unblock {CALLER}\n"
    assert caller(with_calls, CALLER).blocked
    assert with_calls.run("callers", "unblock", end, answers="y\n").status == 0
    assert not caller(with_calls, CALLER).blocked


@pytest.mark.parametrize("command", ["block", "unblock", "forget"])
@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("…0123", "Nothing was changed."),
        ("…4567", "None of the last 500 calls came from …4567. Give the full number."),
        ("sip:…", "sip:… matches sip:ann@example.com, sip:eve@example.com."),
    ],
)
def test_an_end_that_may_be_anybody_is_refused(
    with_calls: CommandLine, command: str, end: str, told: str
) -> None:
    for n, sip in enumerate(("sip:eve@example.com", "sip:ann@example.com"), start=4):
        good_call(with_calls, n, caller=sip)
    yes = ("--yes",) if command == "forget" else ()
    ran = with_calls.run("callers", command, end, *yes)
    assert (ran.status, ran.said) == (1, "")
    assert told in ran.complained
    assert caller(with_calls, end) == Caller(), "no record is written under that name"
    assert with_calls.run("calls", "list", "--number", CALLER).said.count(sid(1)[:8]) == 1


def test_a_caller_is_forgotten_and_others_are_not(with_calls: CommandLine) -> None:
    with_calls.run("callers", "block", CALLER)
    ran = with_calls.run("callers", "forget", CALLER, answers="y\n")
    assert ran.status == 0, ran.all
    assert ran.said.startswith("Erased: 2 calls (")
    assert "and the caller's profile" in ran.said
    listed = with_calls.run("calls", "list", "--numbers").said
    assert CALLER not in listed
    assert sid(3)[:8] in listed
    assert f"{CALLER} stays blocked" in ran.said
    assert caller(with_calls, CALLER) == Caller(blocked=True)


def test_a_caller_who_was_not_blocked_is_forgotten_without_a_word_on_blocks(
    with_calls: CommandLine,
) -> None:
    ran = with_calls.run("callers", "forget", CALLER, "--yes")
    assert "blocked" not in ran.said
    assert caller(with_calls, CALLER) == Caller()


def test_who_is_in_a_call_must_be_forgotten_again(with_calls: CommandLine) -> None:
    begin_call(with_calls, 4)
    again = f"Once that is over, repeat: ringdown callers forget {CALLER}"
    assert again in with_calls.run("callers", "forget", CALLER, "--yes").complained
    assert again not in with_calls.run("callers", "forget", CALLER, "--yes").complained


def test_it_says_what_it_cannot_reach(with_calls: CommandLine) -> None:
    said = with_calls.run("callers", "forget", CALLER, "--yes").said
    places = said.partition("Ringdown can't delete:\n")[2]
    for place in ("Twilio", "dead letters", "point-in-time recovery", "backups", "tools"):
        assert place in places


def test_nothing_is_erased_without_a_yes(with_calls: CommandLine) -> None:
    ran = with_calls.run("callers", "forget", CALLER, answers="")
    assert (ran.status, ran.complained.endswith("Nothing was erased.\n")) == (1, True)
    assert sid(1)[:8] in with_calls.run("calls", "list").said


def test_an_unknown_caller_has_left_nothing(with_calls: CommandLine) -> None:
    ran = with_calls.run("callers", "forget", "+14155550188", "--yes")
    assert ran.said.startswith("Nothing was stored about +14155550188.\n")


# Listing


def test_who_is_blocked_comes_first_then_who_has_called(with_calls: CommandLine) -> None:
    with_calls.run("callers", "block", "+14155550188")
    head, blocked, *others = with_calls.run("callers", "list").said.splitlines()
    assert head.split() == ["caller", "state", "calls", "last", "call"]
    assert blocked.split() == ["…0188", "blocked", "0"]
    assert {tuple(line.split()[:2]) for line in others} == {("…0123", "2"), ("…0177", "1")}
    whole = json.loads(with_calls.run("callers", "list", "--blocked", "--json").said)
    assert [(each["caller"], each["blocked"]) for each in whole] == [("+14155550188", True)]


def test_of_forgotten_callers_it_says_how_many_stay_blocked(with_calls: CommandLine) -> None:
    with_calls.run("callers", "block", CALLER)
    with_calls.run("callers", "forget", CALLER, "--yes")
    ran = with_calls.run("callers", "list", "--blocked")
    assert ran.said == ""
    assert "Also blocked: 1 forgotten caller" in ran.complained


def test_who_called_last_is_asked_about(with_calls: CommandLine) -> None:
    good_call(with_calls, 9, caller="+14155550166", ago=datetime.timedelta(seconds=1))
    ran = with_calls.run("callers", "block", "last", answers="y\n")
    assert ran.status == 0, ran.all
    assert "Do you mean +14155550166, who last called " in ran.complained
    assert caller(with_calls, "+14155550166").blocked
