import datetime
import json

import msgspec
import pytest

from ringdown.calls import CallChanges, EndReason
from ringdown.calls.dead_letters import DeadLetter, log_fields
from ringdown.stores import Store
from tests.cli.calls.stored_calls import TURNS, USAGE
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import CALL_SID, NOW, a_call, a_claim


@pytest.fixture(autouse=True)
def empty_store(command_line: CommandLine) -> None:
    async def touch(store: Store) -> None:
        await store.read_call(CALL_SID)

    command_line.with_store(touch)


def letter_lines(began: datetime.datetime = NOW) -> list[str]:
    changes = CallChanges(turns=TURNS, usage=USAGE, end_reason=EndReason.CALLER_HUNG_UP)
    call = msgspec.structs.replace(a_call(), created_at=began)
    letter = DeadLetter(call=call, claim=a_claim(), changes=changes, left_at=began)
    return [json.dumps(fields) for fields in log_fields(letter)]


def test_a_record_comes_back_from_a_log_and_only_once(command_line: CommandLine) -> None:
    log = command_line.folder / "handler.log"
    log.write_text("\n".join(["a line of no interest", *letter_lines()]))

    first = command_line.run("calls", "restore", str(log))
    again = command_line.run("calls", "restore", str(log))

    assert first.said == f"1 of 1  {CALL_SID}  restored: the call, 3 turns, its end\n"
    assert again.said == f"1 of 1  {CALL_SID}  nothing was missing\n"
    assert (first.status, again.status) == (0, 0)
    assert "When do you open?" in command_line.run("calls", "show", CALL_SID).said


def test_what_is_restored_is_in_the_costs_of_its_day(command_line: CommandLine) -> None:
    def calls_by_day() -> list[int]:
        ran = command_line.run("costs", "--days", "5", "--json")
        return [day["calls"] for day in json.loads(ran.said)]

    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)
    assert calls_by_day() == [0, 0, 0, 0, 0]
    command_line.run("calls", "restore", "-", answers="\n".join(letter_lines(began)))
    assert calls_by_day() == [0, 0, 0, 1, 0]


def test_standard_input_may_be_what_gcloud_prints(command_line: CommandLine) -> None:
    entries = [{"jsonPayload": json.loads(line), "insertId": "x"} for line in letter_lines()]
    ran = command_line.run("calls", "restore", "-", answers=json.dumps(entries, indent=2))
    assert (ran.status, ran.complained) == (0, "")


def test_a_letter_that_is_incomplete_is_told_and_the_rest_is_written(
    command_line: CommandLine,
) -> None:
    torn = json.dumps({**json.loads(letter_lines()[0]), "letter": "torn", "of": 2})
    ran = command_line.run("calls", "restore", "-", answers="\n".join([torn, *letter_lines()]))
    assert ran.status == 1
    assert "torn" in ran.complained
    assert "part 2 of 2 is missing. Read the log again" in ran.complained
    assert "restored: the call" in ran.said


def test_a_call_that_goes_on_is_left_for_later(command_line: CommandLine) -> None:
    later = msgspec.structs.replace(a_call(), attempt=2)

    async def go_on(store: Store) -> None:
        await store.open_call(later)
        await store.claim(CALL_SID, a_claim(attempt=2))

    command_line.with_store(go_on)
    ran = command_line.run("calls", "restore", "-", answers="\n".join(letter_lines()))
    assert ran.status == 1
    assert "the call is still live. Try again when it has ended" in ran.said


@pytest.mark.parametrize("text", ["", "no letters\n", "{}"])
def test_a_log_without_letters_is_told(command_line: CommandLine, text: str) -> None:
    ran = command_line.run("calls", "restore", "-", answers=text)
    assert ran.status == 1
    assert ran.complained == "No complete record in standard input.\n"


def test_json_that_is_nested_too_deeply_is_told(command_line: CommandLine) -> None:
    ran = command_line.run("calls", "restore", "-", answers="[" * 100_000)
    assert ran.status == 1
    assert ran.complained == "JSON in standard input is nested too deeply.\n"


def test_a_file_that_is_not_there_is_told(command_line: CommandLine) -> None:
    ran = command_line.run("calls", "restore", "gone.log")
    assert (ran.status, ran.complained) == (
        1,
        "Can't read gone.log: No such file or directory.\n",
    )
