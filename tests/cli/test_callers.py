import pytest

from ringdown.calls.callers import Caller
from ringdown.stores import Store
from tests.cli.calls.stored_calls import good_call, sid
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
    assert with_calls.run("callers", "unblock", number).said == f"{number} is answered again.\n"
    assert not caller(with_calls, number).blocked
    assert with_calls.run("callers", "unblock", number).said == f"{number} was not blocked.\n"


@pytest.mark.parametrize("command", ["block", "unblock", "forget"])
@pytest.mark.parametrize("number", ["4155550123", "+1 415 555 0123", "(415) 555", " "])
def test_a_number_that_is_none_is_told_how(
    with_calls: CommandLine, command: str, number: str
) -> None:
    ran = with_calls.run("callers", command, number)
    assert ran.status == 1
    assert "Write it like +14155550123" in ran.complained


def test_a_caller_is_forgotten_and_others_are_not(with_calls: CommandLine) -> None:
    with_calls.run("callers", "block", CALLER)
    ran = with_calls.run("callers", "forget", CALLER, answers="y\n")
    assert ran.status == 0, ran.all
    assert ran.said.startswith("Erased: 2 calls with ")
    assert "and what was known about the caller" in ran.said
    listed = with_calls.run("calls", "list", "--numbers").said
    assert CALLER not in listed
    assert sid(3) in listed
    assert not caller(with_calls, CALLER).blocked


def test_it_says_what_it_cannot_reach(with_calls: CommandLine) -> None:
    said = with_calls.run("callers", "forget", CALLER, "--yes").said
    places = said.partition("What this cannot reach:\n")[2]
    for place in ("Twilio", "dead letters", "point-in-time recovery", "backups", "tools"):
        assert place in places


def test_nothing_is_erased_without_a_yes(with_calls: CommandLine) -> None:
    ran = with_calls.run("callers", "forget", CALLER, answers="")
    assert (ran.status, ran.complained.endswith("Nothing is erased.\n")) == (1, True)
    assert sid(1) in with_calls.run("calls", "list").said


def test_an_unknown_caller_has_left_nothing(with_calls: CommandLine) -> None:
    ran = with_calls.run("callers", "forget", "+14155550188", "--yes")
    assert ran.said.startswith("Nothing was stored about +14155550188.\n")
