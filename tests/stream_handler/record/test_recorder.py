"""The recorder in virtual time, with a store that is slow, away, or used by someone else."""

import asyncio
import datetime
import io
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ringdown import log
from ringdown.calls import (
    Call,
    CallChanges,
    CallRecord,
    CallStatus,
    Claim,
    EndReason,
    NextAction,
    Usage,
)
from ringdown.calls.dead_letters import DeadLetter, assemble
from ringdown.errors import InvalidDocument, RingdownError, StoreUnavailable, Superseded
from stream_handler.record.recorder import Recorded, Recorder
from tests.jumping_loop import in_virtual_time
from tests.ringdown.samples import CALL_SID, a_call, a_claim, a_tool_call, a_turn
from tests.stream_handler.no_store import NoStore

FINAL = CallChanges(
    status=CallStatus.ENDED, end_reason=EndReason.CALLER_HUNG_UP, next=NextAction.HANG_UP
)
pytestmark = pytest.mark.usefixtures("restored_logging")

AWAY = StoreUnavailable("away")
HANGS_S = 3_600.0
Story = Callable[[Recorder], Coroutine[Any, Any, None]]


def now_s() -> float:
    """The virtual time, rounded to the microsecond."""
    return round(asyncio.get_running_loop().time(), 6)


class ScriptedStore(NoStore):
    """A CallStore that keeps what is saved, but first fails as the test wants.

    Each of `failures` is an error to raise, or the number of seconds that a write takes.
    """

    def __init__(self, *failures: RingdownError | float) -> None:
        self.writes: list[tuple[float, CallChanges]] = []
        """When (s) each write was done, and what it wrote."""
        self.tries: list[float] = []
        """When (s) each write was tried."""
        self._failures = list(failures)

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        assert (call_sid, attempt) == (CALL_SID, 3)
        self.tries.append(now_s())
        if self._failures:
            failure = self._failures.pop(0)
            if isinstance(failure, RingdownError):
                raise failure
            await asyncio.sleep(failure)
        self.writes.append((now_s(), changes))

    @property
    def turns(self) -> list[int]:
        return [turn.n for _, changes in self.writes for turn in changes.turns]

    @property
    def texts(self) -> list[str]:
        return [turn.text for _, changes in self.writes for turn in changes.turns]


class Away(ScriptedStore):
    """A store that never comes back."""

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        self.tries.append(now_s())
        raise AWAY


def recorded(store: NoStore, story: Story, *, claimed: bool = True) -> tuple[Recorded, float]:
    """Run a recorder, and return its outcome and when (s) it ended. Logs what is unwritten."""

    async def run() -> tuple[Recorded, float]:
        recorder = Recorder(store, a_call(attempt=3), a_claim(attempt=3), claimed=claimed)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(recorder.run())
            await story(recorder)
        recorder.leave_unwritten()
        return running.result(), now_s()

    return in_virtual_time(run())


@pytest.fixture
def output() -> io.StringIO:
    output = io.StringIO()
    log.configure(output)
    return output


def letters(output: io.StringIO) -> tuple[DeadLetter, ...]:
    found = assemble(output.getvalue().splitlines())
    assert found.problems == ()
    return found.letters


def said(n: int, text: str = "Hello.") -> CallChanges:
    return CallChanges(turns=(a_turn(n, text=text),))


async def finishing(recorder: Recorder) -> None:
    recorder.finish(FINAL)


# The pace


def test_fifty_changes_a_second_are_one_write_a_second() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        for n in range(1, 501):
            recorder.save(said(n))
            await asyncio.sleep(0.02)
        assert 9 <= len(store.writes) <= 11, "routine writes in ten seconds"
        recorder.finish(FINAL)

    outcome, _ = recorded(store, story)

    assert outcome is Recorded.COMMITTED
    assert store.turns == list(range(1, 501))


@pytest.mark.parametrize(
    ("change", "writes"),
    [(None, 4), (CallChanges(usage=Usage(reports=1)), 10)],
    ids=["words", "words and more"],
)
def test_further_words_of_a_turn_go_within_three_seconds(
    change: CallChanges | None, writes: int
) -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        for words in range(30):
            recorder.save(said(1, "word " * words))
            if change is not None:
                recorder.save(change)
            await asyncio.sleep(0.333)
        assert abs(len(store.writes) - writes) <= 1, "routine writes in ten seconds"
        recorder.finish(FINAL)

    recorded(store, story)


def test_the_next_turn_does_not_wait_for_the_words_before() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        await asyncio.sleep(0.5)
        recorder.save(said(1, "Hello, hello."))
        await asyncio.sleep(0.2)
        recorder.save(said(2))
        await asyncio.sleep(0.5)
        assert [at_s for at_s, _ in store.writes] == [0.0, 1.0]
        assert [turn.text for turn in store.writes[1][1].turns] == ["Hello, hello.", "Hello."]
        recorder.finish(FINAL)

    recorded(store, story)


def test_nothing_is_written_while_nothing_changes() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        await asyncio.sleep(60)
        assert len(store.tries) == 1
        recorder.finish(FINAL)

    recorded(store, story)

    assert len(store.tries) == 2


def test_a_store_that_takes_two_seconds_is_asked_once_at_a_time() -> None:
    store = ScriptedStore(*[2.0] * 100)

    async def story(recorder: Recorder) -> None:
        for n in range(1, 101):
            recorder.save(said(n))
            await asyncio.sleep(0.1)
        assert len(store.tries) <= 4
        await asyncio.sleep(10)
        recorder.finish(CallChanges())

    outcome, _ = recorded(store, story)

    assert outcome is Recorded.COMMITTED
    assert store.turns == list(range(1, 101))


def test_after_an_outage_no_write_is_larger_than_a_batch() -> None:
    store = ScriptedStore(*[AWAY] * 12)

    async def story(recorder: Recorder) -> None:
        for n in range(1, 301):
            recorder.save(said(n))
            await asyncio.sleep(0.2)
        recorder.finish(FINAL)

    outcome, _ = recorded(store, story)

    assert outcome is Recorded.COMMITTED
    assert sorted(store.turns) == list(range(1, 301)), "turns were lost or written twice"
    assert max(len(changes.turns) for _, changes in store.writes) == 50


def test_the_decision_goes_with_the_first_batch() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        for n in range(1, 201):
            recorder.save(said(n))
        recorder.finish(FINAL)

    recorded(store, story)

    assert [changes.next for _, changes in store.writes] == [NextAction.HANG_UP, None, None, None]
    assert store.turns == list(range(1, 201))


# The end


def test_the_last_changes_are_written_at_once_with_what_was_pending() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        await asyncio.sleep(0.1)
        recorder.save(said(2))
        await asyncio.sleep(0.1)
        recorder.save(CallChanges(tool_calls=(a_tool_call("t1"),), usage=Usage(total=5)))
        recorder.finish(FINAL)

    outcome, settled_s = recorded(store, story)

    [(first_s, first), (at_s, changes)] = store.writes
    assert outcome is Recorded.COMMITTED
    assert (first_s, first) == (0.0, said(1)), "a single change should be written immediately"
    assert at_s == settled_s == pytest.approx(0.2)
    assert [turn.n for turn in changes.turns] == [2]
    assert [call.id for call in changes.tool_calls] == ["t1"]
    assert (changes.status, changes.next) == (CallStatus.ENDED, NextAction.HANG_UP)


def test_an_ended_call_is_stamped_with_the_time() -> None:
    store = ScriptedStore()
    before = datetime.datetime.now(datetime.UTC)

    recorded(store, finishing)

    ended_at = store.writes[0][1].ended_at
    assert ended_at is not None
    assert before <= ended_at <= datetime.datetime.now(datetime.UTC)


def test_a_call_that_goes_on_elsewhere_is_not_stamped_as_ended() -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.finish(CallChanges(end_reason=EndReason.STREAM_LOST))

    recorded(store, story)

    assert store.writes[0][1].ended_at is None


def test_finishing_with_nothing_pending_needs_no_store() -> None:
    store = Away()

    async def story(recorder: Recorder) -> None:
        recorder.finish(CallChanges())

    assert recorded(store, story) == (Recorded.COMMITTED, 0.0)


def test_a_write_in_hand_at_the_end_is_not_lost() -> None:
    store = ScriptedStore(1.0)

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        await asyncio.sleep(1.5)  # the first write is running
        recorder.finish(FINAL)

    outcome, _ = recorded(store, story)

    assert outcome is Recorded.COMMITTED
    assert set(store.turns) == {1}
    assert store.writes[-1][1].status is CallStatus.ENDED


def test_a_write_that_hangs_does_not_hold_up_the_decision() -> None:
    store = ScriptedStore(HANGS_S)

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        await asyncio.sleep(2)  # the write hangs
        recorder.finish(FINAL)

    recorded(store, story)

    [(at_s, changes)] = store.writes
    assert at_s < 4.0, "the decision must be written within 4 s"
    assert (changes.next, store.turns) == (NextAction.HANG_UP, [1])


# A store that fails for a while


def test_a_store_that_is_away_for_a_while_loses_nothing() -> None:
    store = ScriptedStore(AWAY, AWAY)

    async def story(recorder: Recorder) -> None:
        for n in (1, 2, 3):
            recorder.save(said(n))
            await asyncio.sleep(1.2)
        recorder.finish(FINAL)

    outcome, _ = recorded(store, story)

    assert outcome is Recorded.COMMITTED
    assert store.turns == [1, 2, 3]


def test_the_pauses_grow_from_half_a_second_to_five() -> None:
    store = Away()

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        await asyncio.sleep(60)
        recorder.give_up()

    recorded(store, story)

    times = zip(store.tries, store.tries[1:], strict=False)
    assert [round(later - at, 1) for at, later in times][:7] == [0.5, 1, 2, 4, 5, 5, 5]


def test_a_record_is_kept_for_as_long_as_the_call_lasts() -> None:
    store = ScriptedStore(*[AWAY] * 300)

    async def story(recorder: Recorder) -> None:
        for n in range(1, 201):
            recorder.save(said(n))
            await asyncio.sleep(10)
        recorder.finish(FINAL)

    outcome, _ = recorded(store, story)

    assert outcome is Recorded.COMMITTED
    assert sorted(store.turns) == list(range(1, 201))


def test_a_newer_version_wins_over_one_that_is_tried_again() -> None:
    store = ScriptedStore(AWAY)

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1, "What"))
        await asyncio.sleep(0.2)  # the first attempt has failed
        recorder.save(said(1, "What is it?"))
        await asyncio.sleep(2)
        recorder.finish(FINAL)

    recorded(store, story)

    assert store.texts == ["What is it?"]


def test_a_version_that_came_during_a_failing_write_wins_over_it() -> None:
    store = ScriptedStore(HANGS_S)

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1, "What"))
        await asyncio.sleep(2)  # the write hangs
        recorder.save(said(1, "What is it?"))
        await asyncio.sleep(20)
        recorder.finish(FINAL)

    recorded(store, story)

    assert store.texts == ["What is it?"]


def test_the_last_write_is_tried_again_until_it_succeeds() -> None:
    store = ScriptedStore(*[AWAY] * 3)

    outcome, settled_s = recorded(store, finishing)

    assert outcome is Recorded.COMMITTED
    assert settled_s < 4


def test_a_record_that_an_operator_has_damaged_may_be_mended() -> None:
    store = ScriptedStore(InvalidDocument("calls/CA1: caller: expected str"))

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        await asyncio.sleep(5)
        recorder.finish(FINAL)

    outcome, _ = recorded(store, story)

    assert outcome is Recorded.COMMITTED
    assert store.turns == [1]


@pytest.mark.parametrize("failures", [[AWAY] * 4, [3.0]], ids=["away", "slow"])
def test_a_decision_that_comes_too_late_is_not_written(
    failures: list[RingdownError | float],
) -> None:
    """By then, `/after-stream` has responded and written its own decision."""
    store = ScriptedStore(*failures)

    outcome, _ = recorded(store, finishing)

    [(at_s, changes)] = store.writes
    assert outcome is Recorded.COMMITTED
    assert at_s > 2
    assert (changes.next, changes.status) == (None, CallStatus.ENDED)
    assert changes.end_reason is EndReason.CALLER_HUNG_UP


# A store that stays away


def test_what_is_not_written_10_s_after_the_end_leaves_as_a_dead_letter(
    output: io.StringIO,
) -> None:
    store = Away()

    async def story(recorder: Recorder) -> None:
        for n in range(1, 31):
            recorder.save(said(n))
            await asyncio.sleep(1)
        recorder.finish(FINAL)

    outcome, settled_s = recorded(store, story)

    (letter,) = letters(output)
    assert outcome is Recorded.GIVEN_UP
    assert settled_s == pytest.approx(40)
    assert [turn.n for turn in letter.changes.turns] == list(range(1, 31))
    assert (letter.changes.status, letter.changes.next) == (CallStatus.ENDED, None)
    assert (letter.call, letter.claim) == (a_call(attempt=3), a_claim(attempt=3))


def test_a_store_that_hangs_is_given_up_in_time_too(output: io.StringIO) -> None:
    outcome, settled_s = recorded(ScriptedStore(*[HANGS_S] * 10), finishing)

    assert outcome is Recorded.GIVEN_UP
    assert settled_s == pytest.approx(10)
    assert len(letters(output)) == 1


@pytest.mark.parametrize("failure", [AWAY, HANGS_S])
def test_a_process_that_must_stop_waits_no_longer(
    output: io.StringIO, failure: RingdownError | float
) -> None:
    store = ScriptedStore(*[failure] * 100)

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        recorder.finish(FINAL)
        await asyncio.sleep(3)
        recorder.give_up()

    outcome, settled_s = recorded(store, story)

    (letter,) = letters(output)
    assert outcome is Recorded.GIVEN_UP
    assert settled_s == pytest.approx(3)
    assert [turn.n for turn in letter.changes.turns] == [1]


def test_only_what_is_unwritten_leaves(output: io.StringIO) -> None:
    store = ScriptedStore(0.0, *[AWAY] * 100)

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        await asyncio.sleep(2)
        recorder.save(said(2))
        recorder.finish(FINAL)

    recorded(store, story)

    (letter,) = letters(output)
    assert (store.turns, [turn.n for turn in letter.changes.turns]) == ([1], [2])


def test_nothing_leaves_when_all_is_written(output: io.StringIO) -> None:
    recorded(ScriptedStore(), finishing)

    assert letters(output) == ()


def test_a_call_that_breaks_off_leaves_what_it_had(output: io.StringIO) -> None:
    async def broken_off() -> None:
        recorder = Recorder(Away(), a_call(attempt=3), a_claim(attempt=3))
        running = asyncio.create_task(recorder.run())
        recorder.save(said(1))
        await asyncio.sleep(1.2)
        running.cancel()
        await asyncio.wait([running])
        recorder.leave_unwritten()

    in_virtual_time(broken_off())

    (letter,) = letters(output)
    assert letter.changes == said(1)


# Another stream holds the call


class HeldByAnother(ScriptedStore):
    """A store in which another attempt holds the call."""

    def __init__(self) -> None:
        super().__init__(Superseded("attempt 3 does not hold the call"))

    async def read_call(self, call_sid: str) -> Call | None:
        return a_call(attempt=4)


def test_a_superseded_stream_stops_writing_at_once(output: io.StringIO) -> None:
    store = HeldByAnother()

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))

    outcome, settled_s = recorded(store, story)

    assert outcome is Recorded.SUPERSEDED
    assert (settled_s, len(store.tries)) == (0.0, 1)


def test_of_a_superseded_stream_only_what_was_said_leaves(output: io.StringIO) -> None:
    store = HeldByAnother()

    async def story(recorder: Recorder) -> None:
        recorder.save(said(1))
        recorder.finish(FINAL)

    recorded(store, story)

    (letter,) = letters(output)
    assert letter.changes == said(1)


# Results that come after the end

RESULT = CallChanges(tool_calls=(a_tool_call("t1"),))


async def finishing_and_later(recorder: Recorder) -> None:
    recorder.finish(FINAL)
    await asyncio.sleep(30)
    recorder.save(RESULT)
    await recorder.write_late()


def test_a_result_that_comes_after_the_end_is_written(output: io.StringIO) -> None:
    store = ScriptedStore()

    outcome, _ = recorded(store, finishing_and_later)

    assert outcome is Recorded.COMMITTED
    assert [changes.tool_calls for _, changes in store.writes] == [(), RESULT.tool_calls]
    assert letters(output) == ()


def test_a_late_result_is_tried_again_until_it_is_written() -> None:
    store = ScriptedStore(*[AWAY] * 3)

    async def story(recorder: Recorder) -> None:
        recorder.finish(CallChanges())
        await asyncio.sleep(5)
        recorder.save(RESULT)
        await recorder.write_late()

    recorded(store, story)

    assert len(store.tries) == 4
    assert [changes.tool_calls for _, changes in store.writes] == [RESULT.tool_calls]


@pytest.mark.parametrize("make", [Away, HeldByAnother])
def test_a_late_result_that_cannot_be_written_leaves(
    output: io.StringIO, make: Callable[[], NoStore]
) -> None:
    async def story(recorder: Recorder) -> None:
        recorder.finish(CallChanges())
        await asyncio.sleep(5)
        recorder.save(RESULT)
        await recorder.write_late()

    recorded(make(), story)

    (letter,) = letters(output)
    assert letter.changes == RESULT


def test_a_process_that_must_stop_writes_no_late_result(output: io.StringIO) -> None:
    store = ScriptedStore()

    async def story(recorder: Recorder) -> None:
        recorder.finish(CallChanges())
        recorder.give_up()
        await asyncio.sleep(1)
        recorder.save(RESULT)
        await recorder.write_late()

    recorded(store, story)

    assert store.tries == []
    (letter,) = letters(output)
    assert letter.changes == RESULT


# The store was away when the call began


class LateStore(NoStore):
    """A store that is unavailable at first, and later has only what is saved to it."""

    def __init__(self, away_until_s: float, *, found: tuple[Claim, ...] | None = None) -> None:
        self.said: list[str] = []
        self._away_until_s = away_until_s
        self._found = found
        """The claims that are stored already."""

    async def open_call(self, call: Call) -> Call:
        await self._reached("open")
        return call

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        await self._reached("claim")
        return a_call(attempt=3) if self._found is None else None

    async def read_record(self, call_sid: str) -> CallRecord | None:
        await self._reached("read")
        assert self._found is not None
        return CallRecord(call=a_call(attempt=3), claims=self._found, turns=(), tool_calls=())

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        await self._reached("save")

    async def _reached(self, what: str) -> None:
        await asyncio.sleep(2.0)
        if asyncio.get_running_loop().time() < self._away_until_s:
            raise AWAY
        self.said.append(what)


async def a_minute(recorder: Recorder) -> None:
    for n in range(1, 61):
        recorder.save(said(n))
        await asyncio.sleep(1)
    recorder.finish(CallChanges(end_reason=EndReason.STREAM_LOST))


def test_it_is_created_and_claimed_when_the_store_is_back(output: io.StringIO) -> None:
    store = LateStore(away_until_s=20)

    outcome, _ = recorded(store, a_minute, claimed=False)

    assert outcome is Recorded.COMMITTED
    assert store.said[:3] == ["open", "claim", "save"]
    assert set(store.said[3:]) == {"save"}
    assert letters(output) == ()


@pytest.mark.parametrize("found", [(a_claim(attempt=3),), ()], ids=["ours", "no one's"])
def test_a_claim_that_cannot_be_made_any_more_may_be_our_own(
    output: io.StringIO, found: tuple[Claim, ...]
) -> None:
    """The response to our claim was lost, or Twilio ended the call before anyone claimed it."""
    store = LateStore(away_until_s=20, found=found)

    outcome, _ = recorded(store, a_minute, claimed=False)

    assert outcome is Recorded.COMMITTED
    assert store.said[:4] == ["open", "claim", "read", "save"]


def test_a_call_that_another_handler_holds_is_left_to_it(output: io.StringIO) -> None:
    store = LateStore(away_until_s=20, found=(a_claim(attempt=3, handler="handler-2"),))

    outcome, _ = recorded(store, a_minute, claimed=False)

    (letter,) = letters(output)
    assert outcome is Recorded.SUPERSEDED
    assert "save" not in store.said
    assert [turn.n for turn in letter.changes.turns] == list(range(1, 61))
    assert letter.changes.fields() == {}


def test_it_leaves_whole_if_the_store_stays_away(output: io.StringIO) -> None:
    outcome, _ = recorded(LateStore(away_until_s=1_000), a_minute, claimed=False)

    (letter,) = letters(output)
    assert outcome is Recorded.GIVEN_UP
    assert len(letter.changes.turns) == 60


def test_even_a_call_of_which_nothing_is_known_leaves(output: io.StringIO) -> None:
    async def story(recorder: Recorder) -> None:
        recorder.finish(CallChanges())

    recorded(LateStore(away_until_s=1_000), story, claimed=False)

    (letter,) = letters(output)
    assert letter.call == a_call(attempt=3)


# A store that fails at random


class FickleStore(NoStore):
    """A store that may fail before or after a write, or lose everything it has."""

    def __init__(self, whims: list[str]) -> None:
        self.kept = CallChanges()
        self._known = True
        self._whims = whims

    async def open_call(self, call: Call) -> Call:
        self._known = True
        return call

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        return a_call(attempt=3)

    async def read_call(self, call_sid: str) -> Call | None:
        return a_call(attempt=3) if self._known else None

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        whim = self._whims.pop(0) if self._whims else "well"
        if whim == "hangs":
            await asyncio.sleep(HANGS_S)
        if whim == "fails":
            raise AWAY
        if whim == "loses all":
            self._known, self.kept = False, CallChanges()
        if not self._known:
            raise Superseded("attempt 3 does not hold the call")
        self.kept |= changes
        if whim == "fails after":
            raise AWAY
        if whim == "hangs after":
            await asyncio.sleep(HANGS_S)


def test_a_store_that_lost_the_call_is_told_all_of_it_in_its_last_version() -> None:
    store = FickleStore(["well", "loses all"])

    async def story(recorder: Recorder) -> None:
        recorder.save(CallChanges(turns=(a_turn(1), a_turn(2, text="What"))))
        await asyncio.sleep(2)
        recorder.save(said(2, "What is it?"))
        await asyncio.sleep(2)
        recorder.finish(FINAL)

    outcome, _ = recorded(store, story)

    assert outcome is Recorded.COMMITTED
    kept = {turn.n: turn.text for turn in store.kept.turns}
    assert kept == {1: "Hello.", 2: "What is it?"}
    assert store.kept.status is CallStatus.ENDED


whims = st.lists(
    st.sampled_from(["well", "well", "fails", "fails after", "hangs", "hangs after", "loses all"]),
    max_size=30,
)
pauses_s = st.sampled_from([0.0, 0.01, 0.3, 1.0, 4.0])
versions = st.tuples(st.integers(1, 8), st.text("ab", min_size=1, max_size=3), pauses_s)


@given(whims=whims, story=st.lists(versions, max_size=20))
def test_whatever_the_store_does_every_turn_is_kept_once_in_its_last_version(
    whims: list[str], story: list[tuple[int, str, float]]
) -> None:
    store = FickleStore(whims)
    output = io.StringIO()

    async def told(recorder: Recorder) -> None:
        for n, text, pause_s in story:
            recorder.save(said(n, text))
            await asyncio.sleep(pause_s)
        recorder.finish(FINAL)

    log.configure(output)
    recorded(store, told)

    kept = store.kept
    for letter in letters(output):
        kept |= letter.changes
    assert {turn.n: turn.text for turn in kept.turns} == {n: text for n, text, _ in story}
    assert kept.status is CallStatus.ENDED
