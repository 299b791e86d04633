"""The recorder in virtual time, against a store that can be slow, away, or in other hands."""

import asyncio
import datetime
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ringdown.calls import CallChanges, CallStatus, EndReason, NextAction, Usage
from ringdown.errors import RingdownError, StoreUnavailable, Superseded
from stream_handler.recorder import Recorder
from tests.ringdown.samples import CALL_SID, a_tool_call, a_turn
from tests.stream_handler.no_store import NoStore
from tests.stream_handler.virtual_time import in_virtual_time

FINAL = CallChanges(
    status=CallStatus.ENDED, end_reason=EndReason.CALLER_HUNG_UP, next=NextAction.HANG_UP
)


class ScriptedStore(NoStore):
    """A CallStore that keeps what is saved, and fails as often as it is told to."""

    def __init__(self, *failures: RingdownError | float) -> None:
        self.writes: list[tuple[float, CallChanges]] = []
        """When (s), and what."""
        self.tries = 0
        self._failures = list(failures)

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        assert (call_sid, attempt) == (CALL_SID, 3)
        self.tries += 1
        if self._failures:
            failure = self._failures.pop(0)
            if isinstance(failure, RingdownError):
                raise failure
            await asyncio.sleep(failure)
        self.writes.append((asyncio.get_running_loop().time(), changes))


def recorded(
    store: ScriptedStore, story: Callable[[Recorder], Coroutine[Any, Any, None]]
) -> tuple[bool, float]:
    """Whether the last changes were committed, and when (s) that was settled."""

    async def run() -> tuple[bool, float]:
        recorder = Recorder(store, CALL_SID, 3)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(recorder.run())
            await story(recorder)
        return running.result(), asyncio.get_running_loop().time()

    return in_virtual_time(run())


def test_changes_are_merged_and_written_once_a_second() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        for n in range(1, 31):
            recorder.save(CallChanges(turns=(a_turn(n),)))
            await asyncio.sleep(0.1)
        recorder.finish(FINAL)

    committed, _ = recorded(store, story)

    assert committed
    assert len(store.writes) <= 4, "more than one routine write a second"
    written = [turn.n for _, changes in store.writes for turn in changes.turns]
    assert written == list(range(1, 31))


def test_nothing_is_written_while_nothing_changes() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.save(CallChanges(turns=(a_turn(1),)))
        await asyncio.sleep(60)
        assert store.tries == 1
        recorder.finish(FINAL)

    recorded(store, story)

    assert store.tries == 2


def test_the_last_changes_are_written_at_once_with_what_was_pending() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.save(CallChanges(turns=(a_turn(1),)))
        await asyncio.sleep(0.2)
        recorder.save(CallChanges(tool_calls=(a_tool_call("t1"),), usage=Usage(total=5)))
        recorder.finish(FINAL)

    committed, settled_s = recorded(store, story)

    [(at_s, changes)] = store.writes
    assert committed
    assert at_s == settled_s == pytest.approx(0.2)
    assert [turn.n for turn in changes.turns] == [1]
    assert [call.id for call in changes.tool_calls] == ["t1"]
    assert (changes.status, changes.next) == (CallStatus.ENDED, NextAction.HANG_UP)


def test_an_ended_call_is_stamped_with_the_time() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.finish(FINAL)

    before = datetime.datetime.now(datetime.UTC)
    recorded(store, story)

    ended_at = store.writes[0][1].ended_at
    assert ended_at is not None
    assert before <= ended_at <= datetime.datetime.now(datetime.UTC)


def test_a_call_that_goes_on_elsewhere_is_not_stamped_as_ended() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.finish(CallChanges(end_reason=EndReason.STREAM_LOST))

    recorded(store, story)

    assert store.writes[0][1].ended_at is None


def test_a_store_that_is_away_for_a_while_loses_nothing() -> None:
    away = StoreUnavailable("away")
    store = ScriptedStore(away, away)

    async def story(recorder: Recorder) -> None:
        for n in (1, 2, 3):
            recorder.save(CallChanges(turns=(a_turn(n),)))
            await asyncio.sleep(1.2)
        recorder.finish(FINAL)

    committed, _ = recorded(store, story)

    assert committed
    assert [t.n for _, changes in store.writes for t in changes.turns] == [1, 2, 3]


def test_a_newer_version_wins_over_one_that_is_tried_again() -> None:
    store = ScriptedStore(StoreUnavailable("away"))

    async def story(recorder: Recorder) -> None:
        recorder.save(CallChanges(turns=(a_turn(1, text="What"),)))
        await asyncio.sleep(1.5)  # the first try has failed
        recorder.save(CallChanges(turns=(a_turn(1, text="What is it?"),)))
        await asyncio.sleep(2)
        recorder.finish(FINAL)

    recorded(store, story)

    assert [t.text for _, changes in store.writes for t in changes.turns] == ["What is it?"]


def test_a_version_that_came_during_a_failing_write_wins_over_it() -> None:
    store = ScriptedStore(3_600.0)  # given up after 3 s

    async def story(recorder: Recorder) -> None:
        recorder.save(CallChanges(turns=(a_turn(1, text="What"),)))
        await asyncio.sleep(2)  # the write hangs
        recorder.save(CallChanges(turns=(a_turn(1, text="What is it?"),)))
        await asyncio.sleep(10)
        recorder.finish(FINAL)

    recorded(store, story)

    assert [t.text for _, changes in store.writes for t in changes.turns] == ["What is it?"]


def test_the_last_write_is_tried_again_until_it_succeeds() -> None:
    store = ScriptedStore(*[StoreUnavailable("away")] * 5)

    async def story(recorder: Recorder) -> None:
        recorder.finish(FINAL)

    committed, settled_s = recorded(store, story)

    assert committed
    assert settled_s < 3


def test_a_store_that_stays_away_is_given_up_after_10_s() -> None:
    store = ScriptedStore(*[StoreUnavailable("away")] * 1_000)

    async def story(recorder: Recorder) -> None:
        recorder.finish(FINAL)

    committed, settled_s = recorded(store, story)

    assert not committed
    assert settled_s == pytest.approx(10)
    assert store.tries > 10


def test_a_store_that_hangs_is_given_up_too() -> None:
    store = ScriptedStore(*[3_600.0] * 10)

    async def story(recorder: Recorder) -> None:
        recorder.finish(FINAL)

    committed, settled_s = recorded(store, story)

    assert not committed
    assert settled_s == pytest.approx(10)


def test_a_write_in_hand_at_the_end_is_not_lost() -> None:
    store = ScriptedStore(1.0)

    async def story(recorder: Recorder) -> None:
        recorder.save(CallChanges(turns=(a_turn(1),)))
        await asyncio.sleep(1.5)  # in the middle of the first write
        recorder.finish(FINAL)

    committed, _ = recorded(store, story)

    assert committed
    assert [t.n for _, changes in store.writes for t in changes.turns] == [1]
    assert store.writes[-1][1].status is CallStatus.ENDED


def test_a_superseded_handler_stops_writing_at_once() -> None:
    store = ScriptedStore(*[Superseded("attempt 3 does not hold the call")] * 100)

    async def story(recorder: Recorder) -> None:
        recorder.finish(FINAL)

    _, settled_s = recorded(store, story)

    assert settled_s == 0
    assert store.tries == 1


def test_finishing_with_nothing_pending_needs_no_store() -> None:
    store = ScriptedStore(*[StoreUnavailable("away")] * 100)

    async def story(recorder: Recorder) -> None:
        recorder.finish(CallChanges())

    committed, settled_s = recorded(store, story)

    assert committed
    assert settled_s == 0
