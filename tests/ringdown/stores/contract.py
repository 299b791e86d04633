"""Tests that every store must pass, whatever it is built on.

A subclass provides the fixtures `store_url` (a fresh store) and `put` (writes a raw document,
bypassing the store).
"""

import asyncio
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from ringdown.calls import (
    CallChanges,
    CallStatus,
    EndReason,
    NextAction,
    Reconnect,
    Resumption,
    ToolCall,
    ToolOutcome,
    TwilioStatus,
    Usage,
)
from ringdown.calls.flights import FlightPart
from ringdown.errors import InvalidDocument, Superseded
from ringdown.stores import Store, open_store
from ringdown.tools import Json
from tests.ringdown.samples import (
    CALL_SID,
    CALLER,
    NOW,
    a_call,
    a_claim,
    a_tool_call,
    a_turn,
    an_agent,
)

Put = Callable[[str, Json], Awaitable[None]]
LATER = NOW + datetime.timedelta(minutes=3)


def _nested(depth: int) -> Json:
    """Return maps nested `depth` deep."""
    value: Json = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def _nested_lists(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = [value]
    return value


class StoreContract:
    @pytest.fixture
    async def store(self, store_url: str) -> AsyncIterator[Store]:
        async with open_store(store_url) as store:
            yield store

    @pytest.fixture
    async def other_store(self, store_url: str) -> AsyncIterator[Store]:
        """The same records, opened a second time, as by another process."""
        async with open_store(store_url) as store:
            yield store

    # Opening

    async def test_an_unknown_call_is_none(self, store: Store) -> None:
        assert await store.read_call(CALL_SID) is None
        assert await store.read_record(CALL_SID) is None
        assert await store.claim(CALL_SID, a_claim()) is None

    async def test_a_call_comes_back_as_it_was_opened(
        self, store: Store, other_store: Store
    ) -> None:
        call = a_call(agent=an_agent(notice="“Notice” – ü", fallback_number="+14155550199"))
        assert await store.open_call(call) == call
        assert await other_store.read_call(CALL_SID) == call

    async def test_opening_again_returns_the_first(self, store: Store, other_store: Store) -> None:
        first = await store.open_call(a_call(agent=an_agent(greeting="First.")))
        second = await other_store.open_call(a_call(agent=an_agent(greeting="Second.")))
        assert second == first

    async def test_opening_again_does_not_undo_a_claim(self, store: Store) -> None:
        await store.open_call(a_call())
        claimed = await store.claim(CALL_SID, a_claim())
        assert await store.open_call(a_call()) == claimed

    # Claims

    async def test_a_claim_puts_the_call_in_progress(self, store: Store) -> None:
        await store.open_call(a_call())
        claimed = await store.claim(CALL_SID, a_claim())
        assert claimed == msgspec.structs.replace(
            a_call(), status=CallStatus.IN_PROGRESS, started_at=NOW
        )
        assert await store.read_call(CALL_SID) == claimed

    async def test_of_racing_claims_exactly_one_wins(
        self, store: Store, other_store: Store
    ) -> None:
        await store.open_call(a_call())
        claims = [
            (store if n % 2 else other_store).claim(CALL_SID, a_claim(handler=f"handler-{n}"))
            for n in range(20)
        ]
        winners = [call for call in await asyncio.gather(*claims) if call is not None]
        record = await store.read_record(CALL_SID)
        assert record is not None
        assert (len(winners), len(record.claims)) == (1, 1), "winners and stored claims"

    async def test_a_claim_that_is_sent_again_finds_that_it_has_won(
        self, store: Store, other_store: Store
    ) -> None:
        await store.open_call(a_call())
        claimed = await store.claim(CALL_SID, a_claim())
        assert await other_store.claim(CALL_SID, a_claim()) == claimed
        assert await other_store.claim(CALL_SID, a_claim(handler="another")) is None
        later = msgspec.structs.replace(a_claim(), claimed_at=LATER)
        assert await other_store.claim(CALL_SID, later) is None, "a claim made later is another one"
        await other_store.note_twilio_status(CALL_SID, _status("completed"), LATER)
        assert await store.claim(CALL_SID, a_claim()) == await store.read_call(CALL_SID)

    @pytest.mark.parametrize("attempt", [0, 2, 3])
    async def test_only_the_current_attempt_can_be_claimed(
        self, store: Store, attempt: int
    ) -> None:
        await store.open_call(a_call(attempt=1))
        assert await store.claim(CALL_SID, a_claim(attempt=attempt)) is None
        assert await store.claim(CALL_SID, a_claim(attempt=1)) is not None

    async def test_a_call_that_is_over_cannot_be_claimed(self, store: Store) -> None:
        await store.open_call(a_call())
        await store.note_twilio_status(
            CALL_SID, TwilioStatus(status="canceled", duration_s=None, final=True), LATER
        )
        assert await store.claim(CALL_SID, a_claim()) is None

    # Saving

    async def test_how_the_models_session_went_on_is_in_the_record(self, store: Store) -> None:
        made = Reconnect(at_ms=61_000, took_ms=90, reason="1011 internal")
        resumption = Resumption(handle="h" * 300, at_ms=64_000)
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        await store.save(CALL_SID, 1, CallChanges(reconnects=(made,), resumption=resumption))
        call = await store.read_call(CALL_SID)
        assert call is not None
        assert (call.reconnects, call.resumption) == ((made,), resumption)

    async def test_all_that_is_saved_is_in_the_record_in_order(self, store: Store) -> None:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        await store.save(
            CALL_SID,
            1,
            CallChanges(
                turns=(a_turn(10), a_turn(2)),
                tool_calls=(a_tool_call("a", start_ms=900), a_tool_call("b", start_ms=100)),
                usage=Usage(reports=1, prompt={"AUDIO": 25}, total=25),
            ),
        )
        await store.save(
            CALL_SID,
            1,
            CallChanges(
                turns=(a_turn(1),),
                status=CallStatus.ENDED,
                ended_at=LATER,
                end_reason=EndReason.AGENT_HUNG_UP,
                next=NextAction.HANG_UP,
            ),
        )
        record = await store.read_record(CALL_SID)
        assert record is not None
        assert [turn.n for turn in record.turns] == [1, 2, 10]
        assert [call.id for call in record.tool_calls] == ["b", "a"]
        assert record.claims == (a_claim(),)
        assert record.call == msgspec.structs.replace(
            a_call(),
            status=CallStatus.ENDED,
            started_at=NOW,
            ended_at=LATER,
            end_reason=EndReason.AGENT_HUNG_UP,
            next=NextAction.HANG_UP,
            usage=Usage(reports=1, prompt={"AUDIO": 25}, total=25),
        )

    async def test_a_turn_saved_again_replaces_the_first(self, store: Store) -> None:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        for text in ("Hel", "Hello there."):
            await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1, text=text),)))
        record = await store.read_record(CALL_SID)
        assert record is not None
        assert record.turns == (a_turn(1, text="Hello there."),)

    async def test_a_result_that_comes_after_the_end_replaces_what_was_unknown(
        self, store: Store
    ) -> None:
        answered = msgspec.structs.replace(a_tool_call("a"), idempotency_key=f"{CALL_SID}/a/1")
        unknown = msgspec.structs.replace(answered, outcome=ToolOutcome.UNKNOWN, output=None)
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        await store.save(CALL_SID, 1, CallChanges(tool_calls=(unknown,)))
        await store.save(
            CALL_SID, 1, CallChanges(status=CallStatus.ENDED, end_reason=EndReason.CALLER_HUNG_UP)
        )
        ended = await store.read_record(CALL_SID)
        await store.save(CALL_SID, 1, CallChanges(tool_calls=(answered,)))
        record = await store.read_record(CALL_SID)
        assert ended is not None
        assert ended.tool_calls == (unknown,)
        assert record == msgspec.structs.replace(ended, tool_calls=(answered,))

    async def test_saving_nothing_changes_nothing(self, store: Store) -> None:
        await store.open_call(a_call())
        claimed = await store.claim(CALL_SID, a_claim())
        await store.save(CALL_SID, 1, CallChanges())
        assert await store.read_call(CALL_SID) == claimed

    async def test_a_superseded_attempt_writes_nothing(self, store: Store) -> None:
        await store.open_call(a_call(attempt=2))
        with pytest.raises(Superseded):
            await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1),), next=NextAction.HANG_UP))
        record = await store.read_record(CALL_SID)
        assert record is not None
        assert (record.call, record.turns) == (a_call(attempt=2), ())

    async def test_nothing_is_saved_for_an_unknown_call(self, store: Store) -> None:
        with pytest.raises(Superseded):
            await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1),)))
        assert await store.read_record(CALL_SID) is None

    async def test_records_of_other_calls_stay_apart(self, store: Store) -> None:
        other_sid = CALL_SID[:-1] + "0"
        for call_sid in (CALL_SID, other_sid):
            await store.open_call(a_call(call_sid=call_sid))
            await store.claim(call_sid, a_claim())
        await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1),)))
        other = await store.read_record(other_sid)
        assert other is not None
        assert other.turns == ()

    async def test_what_an_attempt_that_nobody_claimed_decides_is_kept(self, store: Store) -> None:
        await store.open_call(a_call())
        await store.save(CALL_SID, 1, CallChanges(next=NextAction.FALL_BACK, turns=(a_turn(1),)))
        record = await store.read_record(CALL_SID)
        assert record is not None
        assert (record.call.next, record.turns) == (NextAction.FALL_BACK, (a_turn(1),))

    async def test_nothing_is_lost_when_several_write_to_one_call(
        self, store: Store, other_store: Store
    ) -> None:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        rounds = range(1, 11)
        await asyncio.gather(
            *(
                store.save(
                    CALL_SID, 1, CallChanges(turns=(a_turn(n),), usage=Usage(reports=n, total=n))
                )
                for n in rounds
            ),
            *(other_store.note_twilio_status(CALL_SID, _status("in-progress"), NOW) for _ in "12"),
            other_store.note_twilio_status(CALL_SID, _status("completed", duration_s=61), LATER),
            other_store.save(CALL_SID, 1, CallChanges(next=NextAction.HANG_UP)),
        )
        record = await store.read_record(CALL_SID)
        assert record is not None
        call = record.call
        assert [turn.n for turn in record.turns] == list(rounds)
        assert call.usage.total in rounds
        assert (call.status, call.ended_at, call.next) == (
            CallStatus.ENDED,
            LATER,
            NextAction.HANG_UP,
        )
        assert (call.twilio_status, call.twilio_duration_s) == ("completed", 61)

    # Values that models and tools may send

    @pytest.mark.parametrize(
        "call_id",
        ["", ".", "..", "a/b", "__call__", "%2F", "!", "ü", "\x00", "\ud800", "call-" * 500],
    )
    async def test_a_tool_call_may_have_any_id(self, store: Store, call_id: str) -> None:
        await store.open_call(a_call())
        saved = (a_tool_call(call_id), a_tool_call("call-1", start_ms=1))
        await store.save(CALL_SID, 1, CallChanges(tool_calls=saved))
        record = await store.read_record(CALL_SID)
        assert record is not None
        written = call_id.replace("\ud800", "\ufffd")
        assert [tool_call.id for tool_call in record.tool_calls] == [written, "call-1"]

    @pytest.mark.parametrize(
        ("value", "kept"),
        [
            ([], []),
            ([[1, [2, []]], [], "x"], [[1, [2, []]], [], "x"]),
            ({"": {"__x__": 1, "~[]": [[2]], "~": 3, "a.b`c": 4}},) * 2,
            ({"~[]": [1]}, {"~[]": [1]}),
            ("“ü” 🙂 \x00", "“ü” 🙂 \x00"),
            ("half \ud83d", "half \ufffd"),
            (2**63 - 1, 2**63 - 1),
            (-(2**63), -(2**63)),
            (2**63, "9223372036854775808"),
            (10.0, 10.0),
            (float("nan"), None),
            (float("-inf"), None),
            ([True, False, None, 0.1], [True, False, None, 0.1]),
        ],
    )
    async def test_arguments_may_be_any_json(self, store: Store, value: Json, kept: Json) -> None:
        assert (await _kept(store, {"value": value})).args == {"value": kept}

    @pytest.mark.parametrize(
        ("value", "is_kept"),
        [
            ("x" * 65_000, True),
            ("x" * 66_000, False),
            ("ü" * 33_000, False),
            (list(range(20_000)), False),
            (_nested(15), True),
            (_nested(16), False),
            (_nested_lists(8), True),
            (_nested_lists(9), False),
            ({"k" * 1_000: 1}, True),
            ({"k" * 1_001: 1}, False),
        ],
    )
    async def test_what_is_too_large_for_a_record_says_so(
        self, store: Store, value: Json, is_kept: bool
    ) -> None:
        tool_call = await _kept(store, {"value": value})
        output = tool_call.output or {}
        assert (tool_call.args == output == {"value": value}) is is_kept
        assert ("not_kept" in output) is not is_kept

    async def test_the_beginning_of_what_is_too_large_is_kept(self, store: Store) -> None:
        tool_call = await _kept(store, {"rows": ["word"] * 20_000})
        assert str(tool_call.args["not_kept"]).startswith("140010 bytes")
        assert str(tool_call.args["beginning"]).startswith('{"rows":["word","word",')
        assert len(tool_call.args["beginning"]) <= 2_000

    # Accepting a transferred call

    async def test_the_person_who_takes_a_call_is_named(
        self, store: Store, other_store: Store
    ) -> None:
        await _transferred(store, to="billing")
        accepted = await store.accept_transfer(CALL_SID, 1)
        assert accepted is not None
        assert accepted.accepted_by == "billing"
        assert await other_store.accept_transfer(CALL_SID, 1) == accepted
        assert await store.read_call(CALL_SID) == accepted

    async def test_a_call_that_is_not_offered_is_not_taken(self, store: Store) -> None:
        assert await store.accept_transfer(CALL_SID, 1) is None
        await store.open_call(a_call())
        assert await store.accept_transfer(CALL_SID, 1) is None
        await store.save(CALL_SID, 1, CallChanges(next=NextAction.HANG_UP))
        assert await store.accept_transfer(CALL_SID, 1) is None

    async def test_a_call_is_not_taken_at_another_attempt(self, store: Store) -> None:
        await _transferred(store, to="billing")
        assert await store.accept_transfer(CALL_SID, 2) is None
        await store.resume(CALL_SID)
        assert await store.accept_transfer(CALL_SID, 1) is None
        assert await store.accept_transfer(CALL_SID, 2) is None

    async def test_a_call_that_is_over_is_not_taken(self, store: Store) -> None:
        await _transferred(store, to="billing")
        status = TwilioStatus(status="completed", duration_s=9, final=True)
        await store.note_twilio_status(CALL_SID, status, LATER)
        assert await store.accept_transfer(CALL_SID, 1) is None

    async def test_a_call_that_was_taken_and_comes_back_is_nobodys(self, store: Store) -> None:
        await _transferred(store, to="billing")
        await store.accept_transfer(CALL_SID, 1)
        resumed = await store.resume(CALL_SID)
        assert resumed is not None
        assert (resumed.accepted_by, resumed.transfer_reason) == (None, None)
        assert resumed.failed_transfers == ("billing",)

    # Continuing after a transfer

    async def test_a_transfer_that_nobody_answered_opens_the_next_attempt(
        self, store: Store
    ) -> None:
        await _transferred(store, to="billing")
        resumed = await store.resume(CALL_SID)
        assert resumed is not None
        assert (resumed.attempt, resumed.status) == (2, CallStatus.RINGING)
        assert (resumed.next, resumed.end_reason, resumed.ended_at) == (None, None, None)
        assert resumed.failed_transfers == ("billing",)
        assert await store.read_call(CALL_SID) == resumed

    async def test_resuming_twice_opens_one_attempt(self, store: Store, other_store: Store) -> None:
        await _transferred(store, to="billing")
        assert await store.resume(CALL_SID) == await other_store.resume(CALL_SID)

    async def test_resuming_together_opens_one_attempt(
        self, store: Store, other_store: Store
    ) -> None:
        await _transferred(store, to="billing")
        resumed = await asyncio.gather(
            *(each.resume(CALL_SID) for each in (store, other_store) for _ in range(5))
        )
        assert {call.attempt if call else None for call in resumed} == {2}
        call = await store.read_call(CALL_SID)
        assert call is not None
        assert (call.attempt, call.failed_transfers) == (2, ("billing",))

    async def test_the_attempt_before_writes_nothing_once_resumed(self, store: Store) -> None:
        await _transferred(store, to="billing")
        await store.resume(CALL_SID)
        before = await store.read_record(CALL_SID)
        late = CallChanges(
            turns=(a_turn(1),),
            tool_calls=(a_tool_call("late"),),
            usage=Usage(reports=1),
            next=NextAction.HANG_UP,
        )
        with pytest.raises(Superseded):
            await store.save(CALL_SID, 1, late)
        assert await store.read_record(CALL_SID) == before
        with pytest.raises(Superseded):
            await store.save(CALL_SID, 1, CallChanges())

    async def test_flight_records_are_kept_whoever_holds_the_call(self, store: Store) -> None:
        await _transferred(store, to="billing")
        await store.resume(CALL_SID)
        parts = tuple(
            FlightPart(attempt=attempt, part=part, of=2, body=bytes([attempt, part, 255]))
            for attempt in (1, 2)
            for part in (1, 2)
        )
        await store.keep_flight(CALL_SID, parts[2:])
        await store.keep_flight(CALL_SID, parts[:2])
        assert await store.read_flights(CALL_SID) == parts

    async def test_no_flight_record_is_kept_of_a_call_that_is_unknown(self, store: Store) -> None:
        part = FlightPart(attempt=1, part=1, of=1, body=b"flight")
        await store.keep_flight(CALL_SID, (part,))
        assert await store.read_flights(CALL_SID) == ()

    async def test_the_next_attempt_is_claimed_and_saved(self, store: Store) -> None:
        await _transferred(store, to="billing")
        await store.resume(CALL_SID)
        assert await store.claim(CALL_SID, a_claim(attempt=1, handler="late")) is None
        assert await store.claim(CALL_SID, a_claim(attempt=2)) is not None
        await store.save(CALL_SID, 2, CallChanges(turns=(a_turn(1),)))
        record = await store.read_record(CALL_SID)
        assert record is not None
        assert record.turns == (a_turn(1),)
        assert record.claims == (a_claim(attempt=1), a_claim(attempt=2))

    @pytest.mark.parametrize("next_action", [None, NextAction.HANG_UP, NextAction.FALL_BACK])
    async def test_only_a_transfer_is_resumed(
        self, store: Store, next_action: NextAction | None
    ) -> None:
        await store.open_call(a_call())
        assert await store.resume(CALL_SID) is None
        await store.save(CALL_SID, 1, CallChanges(next=next_action))
        assert await store.resume(CALL_SID) is None
        assert await store.resume("CA" + "9" * 32) is None

    # Continuing after a stream that ended without a decision

    async def test_a_stream_that_ended_undecided_is_taken_up_at_the_next_attempt(
        self, store: Store, other_store: Store
    ) -> None:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        await store.save(CALL_SID, 1, CallChanges(end_reason=EndReason.HANDLER_STOPPED))
        taken_up = await other_store.take_up(CALL_SID, 1, LATER)
        assert taken_up is not None
        assert (taken_up.attempt, taken_up.status) == (2, CallStatus.RINGING)
        assert (taken_up.end_reason, taken_up.resumed_from) == (None, EndReason.HANDLER_STOPPED)
        assert taken_up.take_ups == (LATER,)
        assert await store.read_call(CALL_SID) == taken_up
        with pytest.raises(Superseded):
            await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1),)))
        assert await store.claim(CALL_SID, a_claim(attempt=2)) is not None

    @pytest.mark.parametrize("claimed", [False, True])
    async def test_what_is_known_of_the_stream_before_tells_why(
        self, store: Store, claimed: bool
    ) -> None:
        await store.open_call(a_call())
        if claimed:
            await store.claim(CALL_SID, a_claim())
        taken_up = await store.take_up(CALL_SID, 1, LATER)
        assert taken_up is not None
        expected = EndReason.STREAM_LOST if claimed else EndReason.NEVER_STREAMED
        assert taken_up.resumed_from is expected

    async def test_taking_up_twice_or_together_opens_one_attempt(
        self, store: Store, other_store: Store
    ) -> None:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        first = await store.take_up(CALL_SID, 1, LATER)
        assert await other_store.take_up(CALL_SID, 1, NOW) == first
        await store.claim(CALL_SID, a_claim(attempt=2))
        together = await asyncio.gather(
            *(each.take_up(CALL_SID, 2, LATER) for each in (store, other_store) for _ in range(5))
        )
        assert {call.attempt if call else None for call in together} == {3}

    @pytest.mark.parametrize(
        "changes",
        [CallChanges(next=NextAction.HANG_UP), CallChanges(status=CallStatus.ENDED)],
    )
    async def test_a_call_that_is_decided_or_over_is_not_taken_up(
        self, store: Store, changes: CallChanges
    ) -> None:
        assert await store.take_up(CALL_SID, 1, LATER) is None
        await store.open_call(a_call())
        await store.save(CALL_SID, 1, changes)
        assert await store.take_up(CALL_SID, 1, LATER) is None

    async def test_a_call_is_taken_up_three_times_a_minute_and_ten_times_in_all(
        self, store: Store
    ) -> None:
        await store.open_call(a_call())
        minute = datetime.timedelta(minutes=1)
        times = [NOW + minute * (n // 3) for n in range(12)]
        made = 0
        for at in times:
            call = await store.take_up(CALL_SID, made + 1, at)
            made += call is not None
        assert made == 10, "ten times in all"
        await store.open_call(a_call(call_sid="CA" + "8" * 32))
        quick = [await store.take_up("CA" + "8" * 32, n + 1, NOW) for n in range(4)]
        assert [call.attempt if call else None for call in quick] == [2, 3, 4, None]

    async def test_what_twilio_says_is_wrong_with_a_stream_is_kept(self, store: Store) -> None:
        assert not await store.note_stream_error(CALL_SID, "31902 refused")
        await store.open_call(a_call())
        assert await store.note_stream_error(CALL_SID, "31902 refused")
        assert await store.read_call(CALL_SID) == msgspec.structs.replace(
            a_call(), stream_error="31902 refused"
        )

    # Reports from Twilio

    async def test_a_status_that_is_not_final_ends_nothing(self, store: Store) -> None:
        await store.open_call(a_call())
        status = TwilioStatus(status="in-progress", duration_s=None, final=False)
        assert await store.note_twilio_status(CALL_SID, status, LATER)
        assert await store.read_call(CALL_SID) == msgspec.structs.replace(
            a_call(), twilio_status="in-progress"
        )

    async def test_a_final_status_ends_a_call_that_never_streamed(self, store: Store) -> None:
        await store.open_call(a_call())
        status = TwilioStatus(status="no-answer", duration_s=0, final=True)
        assert await store.note_twilio_status(CALL_SID, status, LATER)
        assert await store.read_call(CALL_SID) == msgspec.structs.replace(
            a_call(),
            status=CallStatus.ENDED,
            ended_at=LATER,
            end_reason=EndReason.NEVER_STREAMED,
            talk_s=0,
            cost_usd=0.0,
            twilio_status="no-answer",
            twilio_duration_s=0,
        )

    async def test_a_final_status_ends_a_stream_of_which_nothing_was_said(
        self, store: Store
    ) -> None:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        status = TwilioStatus(status="completed", duration_s=61, final=True)
        await store.note_twilio_status(CALL_SID, status, LATER)
        call = await store.read_call(CALL_SID)
        assert call is not None
        assert (call.status, call.end_reason) == (CallStatus.ENDED, EndReason.STREAM_LOST)

    async def test_a_final_status_leaves_what_the_handler_said(self, store: Store) -> None:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        ended = CallChanges(
            status=CallStatus.ENDED, ended_at=NOW, end_reason=EndReason.CALLER_HUNG_UP
        )
        await store.save(CALL_SID, 1, ended)
        status = TwilioStatus(status="completed", duration_s=61, final=True)
        await store.note_twilio_status(CALL_SID, status, LATER)
        call = await store.read_call(CALL_SID)
        assert call is not None
        assert (call.ended_at, call.end_reason) == (NOW, EndReason.CALLER_HUNG_UP)
        assert (call.twilio_status, call.twilio_duration_s) == ("completed", 61)

    async def test_a_later_status_without_duration_keeps_the_known_one(self, store: Store) -> None:
        await store.open_call(a_call())
        for duration_s in (61, None):
            status = TwilioStatus(status="completed", duration_s=duration_s, final=True)
            await store.note_twilio_status(CALL_SID, status, LATER)
        call = await store.read_call(CALL_SID)
        assert call is not None
        assert call.twilio_duration_s == 61

    async def test_a_status_that_comes_late_does_not_undo_a_final_one(self, store: Store) -> None:
        await store.open_call(a_call())
        await store.note_twilio_status(CALL_SID, _status("completed", duration_s=61), LATER)
        ended = await store.read_call(CALL_SID)
        late = LATER + datetime.timedelta(seconds=1)
        assert await store.note_twilio_status(CALL_SID, _status("in-progress"), late)
        assert await store.read_call(CALL_SID) == ended

    async def test_an_end_that_comes_first_is_known_when_the_call_is_opened(
        self, store: Store, other_store: Store
    ) -> None:
        before = NOW - datetime.timedelta(seconds=1)
        for status in (_status("ringing"), _status("completed", duration_s=2), *_FINAL_AND_LATE):
            assert not await store.note_twilio_status(CALL_SID, status, before)
        assert await store.read_call(CALL_SID) is None
        opened = await other_store.open_call(a_call())
        assert opened == msgspec.structs.replace(
            a_call(),
            status=CallStatus.ENDED,
            ended_at=NOW,
            end_reason=EndReason.NEVER_STREAMED,
            talk_s=2,
            cost_usd=0.0,
            twilio_status="completed",
            twilio_duration_s=2,
        )
        assert await store.read_call(CALL_SID) == opened
        assert await store.open_call(a_call()) == opened
        assert await store.claim(CALL_SID, a_claim()) is None
        assert (await store.line_use(CALLER, NOW)).calls_at_once == 0

    async def test_a_stream_that_began_without_the_store_can_still_be_written_down(
        self, store: Store
    ) -> None:
        await store.note_twilio_status(CALL_SID, _status("completed"), LATER)
        await store.open_call(a_call())
        await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1),)))
        record = await store.read_record(CALL_SID)
        assert record is not None
        assert (record.call.status, record.turns) == (CallStatus.ENDED, (a_turn(1),))

    async def test_a_status_that_comes_first_and_is_not_final_is_not_kept(
        self, store: Store
    ) -> None:
        for status in ("ringing", "in-progress"):
            assert not await store.note_twilio_status(CALL_SID, _status(status), NOW)
        assert await store.open_call(a_call()) == a_call()

    async def test_an_end_is_never_lost_however_close_it_comes_to_the_beginning(
        self, store: Store, other_store: Store
    ) -> None:
        sids = [f"CA{n:032x}" for n in range(12)]
        await asyncio.gather(
            *(store.open_call(a_call(call_sid=sid)) for sid in sids),
            *(other_store.note_twilio_status(sid, _status("completed"), NOW) for sid in sids),
        )
        calls = [await store.read_call(sid) for sid in sids]
        assert {call.status if call else None for call in calls} == {CallStatus.ENDED}

    # Damaged documents

    @pytest.mark.parametrize(
        ("below", "document", "message"),
        [
            ("", {"call_sid": CALL_SID}, "missing required field"),
            ("/turns/000001", {"n": "one"}, f"calls/{CALL_SID}/turns/000001"),
            ("/claims/000001", {"attempt": 1}, f"calls/{CALL_SID}/claims/000001"),
            ("/tool_calls/a", {"id": "a"}, f"calls/{CALL_SID}/tool_calls/a"),
        ],
    )
    async def test_a_damaged_document_is_named(
        self, store: Store, put: Put, below: str, document: Json, message: str
    ) -> None:
        await store.open_call(a_call())
        await put(f"calls/{CALL_SID}{below}", document)
        with pytest.raises(InvalidDocument, match=message):
            await store.read_record(CALL_SID)

    async def test_a_damaged_call_does_not_stop_others(self, store: Store, put: Put) -> None:
        await put(f"calls/{CALL_SID}", {"call_sid": 1})
        with pytest.raises(InvalidDocument, match=CALL_SID):
            await store.open_call(a_call())
        other_sid = CALL_SID[:-1] + "0"
        assert await store.open_call(a_call(call_sid=other_sid)) == a_call(call_sid=other_sid)


async def _transferred(store: Store, *, to: str) -> None:
    """Store a call whose handler decided to transfer it."""
    await store.open_call(a_call(agent=an_agent(transfer_numbers={to: "+14155550166"})))
    await store.claim(CALL_SID, a_claim())
    changes = CallChanges(
        next=NextAction.TRANSFER,
        transfer_to=to,
        transfer_reason="an invoice",
        status=CallStatus.ENDED,
        end_reason=EndReason.TRANSFERRED,
        ended_at=LATER,
    )
    await store.save(CALL_SID, 1, changes)


async def _kept(store: Store, value: dict[str, Json]) -> ToolCall:
    """Save a tool call with `value` as arguments and output, and return what is stored."""
    await store.open_call(a_call())
    tool_call = msgspec.structs.replace(a_tool_call("call-1"), args=value, output=value)
    await store.save(CALL_SID, 1, CallChanges(tool_calls=(tool_call,)))
    record = await store.read_record(CALL_SID)
    assert record is not None
    (kept,) = record.tool_calls
    return kept


def _status(status: str, *, duration_s: int | None = None) -> TwilioStatus:
    return TwilioStatus(status=status, duration_s=duration_s, final=status == "completed")


_FINAL_AND_LATE = (_status("completed"), _status("in-progress"))
