import datetime

import msgspec
from hypothesis import given, strategies as st

from ringdown.calls import (
    Call,
    CallChanges,
    CallRecord,
    CallStatus,
    EndReason,
    NextAction,
    Reconnect,
    Usage,
    timed_from_ring,
)
from tests.ringdown.samples import NOW, a_call, a_tool_call, a_turn

counts = st.dictionaries(st.sampled_from(["TEXT", "AUDIO", "IMAGE"]), st.integers(0, 1000))
numbers = st.integers(0, 1000)
usages = st.builds(
    Usage,
    reports=numbers,
    prompt=counts,
    response=counts,
    tool_use_prompt=numbers,
    thoughts=numbers,
    total=numbers,
)
turns = st.builds(a_turn, st.integers(1, 4), text=st.sampled_from(["a", "b", "c"]))
tool_calls = st.builds(a_tool_call, st.sampled_from("xyz"), start_ms=st.integers(0, 3))
moments = st.integers(0, 3).map(lambda minutes: NOW + datetime.timedelta(minutes=minutes))
changes = st.builds(
    CallChanges,
    turns=st.lists(turns, max_size=4).map(tuple),
    tool_calls=st.lists(tool_calls, max_size=4).map(tuple),
    usage=st.none() | usages,
    status=st.none() | st.sampled_from(CallStatus),
    ended_at=st.none() | moments,
    end_reason=st.none() | st.sampled_from(EndReason),
    next=st.none() | st.sampled_from(NextAction),
)


@given(changes, changes, changes)
def test_it_does_not_matter_how_changes_are_grouped(
    a: CallChanges, b: CallChanges, c: CallChanges
) -> None:
    assert (a | b) | c == a | (b | c)


@given(changes)
def test_nothing_adds_nothing(some: CallChanges) -> None:
    nothing = CallChanges()
    assert (nothing | some) | nothing == nothing | some == some | nothing


@given(changes)
def test_saving_the_same_again_changes_nothing(some: CallChanges) -> None:
    once = CallChanges() | some
    assert once | some == once


@given(changes, st.integers(0, 9))
def test_what_is_split_is_whole_together(some: CallChanges, items: int) -> None:
    whole = CallChanges() | some
    first, rest = whole.split(items)
    assert first | rest == whole
    assert len(first.turns) + len(first.tool_calls) <= items
    assert rest.fields() == {}, "all fields must be in the first part"


@given(changes, changes)
def test_the_later_change_wins_and_nothing_is_lost(a: CallChanges, b: CallChanges) -> None:
    both = a | b
    assert both.fields() == a.fields() | b.fields()
    assert {turn.n: turn for turn in both.turns} == {turn.n: turn for turn in (*a.turns, *b.turns)}
    assert {call.id for call in both.tool_calls} == {
        call.id for call in (*a.tool_calls, *b.tool_calls)
    }


@given(usages, usages, usages)
def test_usage_adds_up(a: Usage, b: Usage, c: Usage) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert (a + b).total == a.total + b.total
    assert sum((a + b).prompt.values()) == sum(a.prompt.values()) + sum(b.prompt.values())


@given(changes)
def test_a_changed_call_survives_storage(some: CallChanges) -> None:
    call = msgspec.structs.replace(a_call(), **some.fields())
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call


def test_times_from_the_ring_are_later_by_what_came_before_the_stream() -> None:
    made = Reconnect(at_ms=500, took_ms=300, reason="it broke")
    began = NOW + datetime.timedelta(seconds=4)
    call = msgspec.structs.replace(a_call(), started_at=began, reconnects=(made,))
    record = CallRecord(
        call=call, claims=(), turns=(a_turn(1),), tool_calls=(a_tool_call("t", start_ms=50),)
    )
    timed = timed_from_ring(record)
    assert (timed.turns[0].start_ms, timed.turns[0].end_ms) == (5_000, 5_900)
    assert timed.tool_calls[0].start_ms == 4_050
    assert timed.call.reconnects[0].at_ms == 4_500


def test_a_call_without_a_stream_has_no_time_before_it() -> None:
    assert a_call().stream_began_ms == 0


def test_a_clock_that_is_behind_the_webhook_s_puts_nothing_before_the_ring() -> None:
    early = NOW - datetime.timedelta(seconds=1)
    assert msgspec.structs.replace(a_call(), started_at=early).stream_began_ms == 0
