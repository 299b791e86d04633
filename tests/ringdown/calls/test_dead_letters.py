"""Dead letters are written to the real log, and restored to a real store."""

import datetime
import io
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, strategies as st

from ringdown import log
from ringdown.calls import (
    CallChanges,
    CallRecord,
    CallStatus,
    EndReason,
    NextAction,
    Speaker,
    ToolCall,
    ToolOutcome,
    Turn,
    TwilioStatus,
    Usage,
)
from ringdown.calls.dead_letters import (
    MAX_LINE_BYTES,
    Assembled,
    DeadLetter,
    Replayed,
    assemble,
    log_fields,
    missing,
    replay,
)
from ringdown.log import Log, call_bound
from ringdown.stores.sqlite import SqliteStore
from tests.ringdown.samples import CALL_SID, NOW, a_call, a_claim, a_tool_call, a_turn, an_agent

pytestmark = pytest.mark.usefixtures("restored_logging")

LEFT_AT = NOW + datetime.timedelta(minutes=5)
ENDED = CallChanges(
    turns=(a_turn(1, text="Hello."), a_turn(2, text="Bye.")),
    tool_calls=(a_tool_call("t1", start_ms=1_500),),
    usage=Usage(reports=1, total=7),
    status=CallStatus.ENDED,
    ended_at=NOW + datetime.timedelta(minutes=4),
    end_reason=EndReason.CALLER_HUNG_UP,
)


def a_letter(changes: CallChanges = ENDED, *, attempt: int = 1) -> DeadLetter:
    return DeadLetter(
        call=a_call(attempt=attempt),
        claim=a_claim(attempt=attempt),
        changes=changes,
        left_at=LEFT_AT,
    )


def a_long_letter() -> DeadLetter:
    """A dead letter too long for one line, even compressed."""
    noise = random.Random(7)  # noqa: S311 - not for secrets
    turns = tuple(a_turn(n, text=noise.randbytes(300).hex()) for n in range(1, 900))
    return a_letter(CallChanges(turns=turns))


def logged(*letters: DeadLetter) -> list[str]:
    output = io.StringIO()
    log.configure(output)
    logger = Log("stream_handler.record.recorder")
    with call_bound(CALL_SID):
        for letter in letters:
            for part in log_fields(letter):
                logger.error("dead letter", **part)
    return output.getvalue().splitlines()


# Saving


def test_a_letter_is_marked_and_names_its_call() -> None:
    (line,) = (json.loads(line) for line in logged(a_letter()))
    assert line["ringdown_dead_letter"] is True
    assert (line["call_sid"], line["part"], line["of"]) == (CALL_SID, 1, 1)
    assert line["severity"] == "ERROR"


def test_what_was_said_cannot_be_read_by_looking_at_the_log() -> None:
    (line,) = logged(a_letter())
    assert "Hello." not in line
    assert a_call().caller not in line


def test_a_long_letter_leaves_in_numbered_parts_under_the_limit() -> None:
    lines = logged(a_long_letter())
    assert len(lines) > 2
    assert max(len(line.encode()) for line in lines) < MAX_LINE_BYTES
    numbered = [(json.loads(line)["part"], json.loads(line)["of"]) for line in lines]
    assert numbered == [(n, len(lines)) for n in range(1, len(lines) + 1)]


# Reading the log


def test_letters_come_back_from_lines_in_any_order_among_others() -> None:
    letters = [a_letter(), a_long_letter(), a_letter(CallChanges(), attempt=2)]
    lines = [*logged(*letters) * 2, '{"message":"call answered"}', "not JSON", "", "[1]", "7"]
    random.Random(7).shuffle(lines)  # noqa: S311 - not for secrets
    found = assemble(lines)
    assert found.problems == ()
    assert sorted(map(repr, found.letters)) == sorted(map(repr, letters))


def test_letters_come_back_from_what_gcloud_prints() -> None:
    entries = []
    for line in logged(a_long_letter()):
        payload = json.loads(line)
        del payload["severity"], payload["time"]
        entries.append({"insertId": "x", "severity": "ERROR", "jsonPayload": payload})
        payload["part"], payload["of"] = float(payload["part"]), float(payload["of"])
    printed = json.dumps(entries, indent=2)
    assert assemble(printed.splitlines()) == Assembled(letters=(a_long_letter(),), problems=())


def test_a_missing_part_is_named_with_what_to_do() -> None:
    lines = logged(a_long_letter())
    del lines[1]
    found = assemble(lines)
    (problem,) = found.problems
    assert found.letters == ()
    assert f"of call {CALL_SID} is incomplete: part 2 of {len(lines) + 1}" in problem
    assert "longer period" in problem


@pytest.mark.parametrize("body", ["", "!!!", "AAAA", "eNo="])
def test_a_damaged_letter_is_reported_and_stops_no_other(body: str) -> None:
    damaged = json.loads(logged(a_letter(attempt=2))[0]) | {"body": body}
    found = assemble([json.dumps(damaged), *logged(a_letter())])
    (problem,) = found.problems
    assert "is damaged" in problem
    assert found.letters == (a_letter(),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"part": 0},
        {"part": "one"},
        {"of": None},
        {"letter": 7},
        {"body": ["a"]},
    ],
)
def test_a_line_that_is_only_marked_is_reported(wrong: dict[str, object]) -> None:
    line = json.loads(logged(a_letter())[0]) | wrong
    found = assemble([json.dumps(line), '{"ringdown_dead_letter": true, and so on'])
    assert len(found.problems) == 2
    assert all("marked as a dead letter but isn't one" in problem for problem in found.problems)


def test_an_absurd_number_of_parts_is_no_trouble() -> None:
    line = json.loads(logged(a_letter())[0]) | {"of": 10**12}
    (problem,) = assemble([json.dumps(line)]).problems
    assert f"part 2 of {10**12}" in problem


# Restoring


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "ringdown.db")
    yield store
    await store.close()


async def record_in(store: SqliteStore) -> CallRecord:
    record = await store.read_record(CALL_SID)
    assert record is not None
    return record


async def test_a_call_that_was_never_created_is_written_whole(store: SqliteStore) -> None:
    replayed = await replay(store, a_letter())

    record = await record_in(store)
    assert replayed == Replayed(
        call_sid=CALL_SID, created=True, turns=2, tool_calls=1, completed=True
    )
    assert record.turns == ENDED.turns
    assert record.tool_calls == ENDED.tool_calls
    assert record.claims == (a_claim(),)
    assert record.call == msgspec.structs.replace(
        a_call(), started_at=a_claim().claimed_at, **ENDED.fields()
    )


async def test_a_call_that_was_deleted_meanwhile_is_written_with_its_claim(
    store: SqliteStore,
) -> None:
    begun = msgspec.structs.replace(
        a_call(), status=CallStatus.IN_PROGRESS, started_at=a_claim().claimed_at
    )
    await replay(store, msgspec.structs.replace(a_letter(), call=begun))

    assert (await record_in(store)).claims == (a_claim(),)


async def test_writing_back_twice_is_writing_back_once(store: SqliteStore) -> None:
    await replay(store, a_letter())
    once = await record_in(store)

    assert await replay(store, a_letter()) == Replayed(call_sid=CALL_SID)
    assert await record_in(store) == once


async def test_a_long_letter_is_written_in_batches(store: SqliteStore) -> None:
    letter = a_long_letter()
    assert (await replay(store, letter)).turns == len(letter.changes.turns)
    assert (await record_in(store)).turns == letter.changes.turns


async def test_only_what_is_missing_is_added(store: SqliteStore) -> None:
    await store.open_call(a_call())
    await store.claim(CALL_SID, a_claim())
    await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1, text="Hel"), a_turn(3))))

    replayed = await replay(store, a_letter())

    assert replayed == Replayed(call_sid=CALL_SID, turns=2, tool_calls=1, completed=True)
    assert [turn.text for turn in (await record_in(store)).turns] == ["Hello.", "Bye.", "Hello."]


async def test_what_after_stream_did_meanwhile_stays(store: SqliteStore) -> None:
    await store.open_call(a_call())
    await store.claim(CALL_SID, a_claim())
    await store.save(CALL_SID, 1, CallChanges(status=CallStatus.ENDED, next=NextAction.FALL_BACK))

    await replay(store, a_letter(ENDED | CallChanges(next=NextAction.HANG_UP)))

    call = (await record_in(store)).call
    assert call.next is NextAction.FALL_BACK
    assert call.end_reason is EndReason.CALLER_HUNG_UP


async def test_what_twilio_said_meanwhile_stays(store: SqliteStore) -> None:
    await store.open_call(a_call())
    status = TwilioStatus(status="completed", duration_s=61, final=True)
    await store.note_twilio_status(CALL_SID, status, LEFT_AT)

    await replay(store, a_letter())

    call = (await record_in(store)).call
    assert (call.twilio_status, call.twilio_duration_s) == ("completed", 61)
    assert call.end_reason is EndReason.CALLER_HUNG_UP


async def test_a_stream_that_was_lost_is_over(store: SqliteStore) -> None:
    """Twilio may have reported the end while the store was away, so we may never learn of it."""
    await replay(store, a_letter(CallChanges(end_reason=EndReason.STREAM_LOST)))

    call = (await record_in(store)).call
    assert (call.status, call.ended_at) == (CallStatus.ENDED, LEFT_AT)
    assert call.end_reason is EndReason.STREAM_LOST


async def resumed(store: SqliteStore) -> None:
    """Continue the call in a second stream that has as many turns as the first."""
    agent = an_agent(transfer_numbers={"billing": "+14155550166"})
    await store.open_call(msgspec.structs.replace(a_call(), agent=agent))
    await store.claim(CALL_SID, a_claim())
    transfer = CallChanges(next=NextAction.TRANSFER, transfer_to="billing")
    await store.save(CALL_SID, 1, transfer)
    await store.resume(CALL_SID)
    await store.claim(CALL_SID, a_claim(attempt=2))
    said = (a_turn(1, text="Later 1."), a_turn(2, text="Later 2."))
    later = tuple(msgspec.structs.replace(turn, start_ms=turn.start_ms + 60_000) for turn in said)
    await store.save(CALL_SID, 2, CallChanges(turns=later))


async def test_a_later_stream_that_is_going_on_is_left_alone(store: SqliteStore) -> None:
    await resumed(store)
    before = await record_in(store)

    assert await replay(store, a_letter()) == Replayed(call_sid=CALL_SID, still_open=True)
    assert await record_in(store) == before


async def test_what_was_lost_before_a_later_stream_takes_its_place_in_time(
    store: SqliteStore,
) -> None:
    await resumed(store)
    ended = CallChanges(status=CallStatus.ENDED, end_reason=EndReason.AGENT_HUNG_UP, ended_at=NOW)
    await store.save(CALL_SID, 2, ended)

    replayed = await replay(store, a_letter())
    again = await replay(store, a_letter())

    record = await record_in(store)
    assert replayed == Replayed(call_sid=CALL_SID, turns=2, tool_calls=1)
    assert again == Replayed(call_sid=CALL_SID)
    assert [turn.text for turn in record.turns] == ["Hello.", "Bye.", "Later 1.", "Later 2."]
    assert len({turn.n for turn in record.turns}) == 4
    assert record.call.end_reason is EndReason.AGENT_HUNG_UP


def test_a_result_that_came_later_is_not_made_unknown_again() -> None:
    answered = a_tool_call("t1")
    unknown = msgspec.structs.replace(answered, outcome=ToolOutcome.UNKNOWN, output=None)
    call = msgspec.structs.replace(a_call(), status=CallStatus.ENDED)

    def added(stored: tuple[ToolCall, ...], lost: ToolCall) -> tuple[ToolCall, ...]:
        record = CallRecord(call=call, claims=(), turns=(), tool_calls=stored)
        return missing(record, a_letter(CallChanges(tool_calls=(lost,)))).tool_calls

    assert added((answered,), unknown) == ()
    assert added((unknown,), answered) == (answered,)
    assert added((), unknown) == (unknown,)


moments = st.integers(0, 8).map(lambda second: second * 1000)
said = st.builds(
    Turn,
    n=st.integers(1, 6),
    speaker=st.sampled_from(Speaker),
    text=st.sampled_from(["a", "b"]),
    start_ms=moments,
    end_ms=st.just(9_000),
)


def turns_of_one_stream(turns: list[Turn]) -> tuple[Turn, ...]:
    by_number = {turn.n: turn for turn in turns}
    return tuple({(turn.speaker, turn.start_ms): turn for turn in by_number.values()}.values())


some_turns = st.lists(said, max_size=6).map(turns_of_one_stream)


@given(stored=some_turns, lost=some_turns, attempt=st.integers(1, 2))
def test_no_turn_is_lost_doubled_or_overwritten_by_another(
    stored: tuple[Turn, ...], lost: tuple[Turn, ...], attempt: int
) -> None:
    call = msgspec.structs.replace(a_call(attempt=attempt), status=CallStatus.ENDED)
    record = CallRecord(call=call, claims=(), turns=stored, tool_calls=())
    letter = a_letter(CallChanges(turns=lost))

    written = missing(record, letter)
    by_number = {turn.n: turn for turn in (*stored, *written.turns)}

    def heard(turns: tuple[Turn, ...]) -> dict[tuple[Speaker, int], str]:
        return {(turn.speaker, turn.start_ms): turn.text for turn in turns}

    after = tuple(by_number.values())
    assert heard(after) == heard(stored) | heard(lost)
    assert len(after) == len(heard(after)), "a turn would be stored twice"
    again = missing(msgspec.structs.replace(record, turns=after), letter)
    assert again.turns == ()
