"""Writes a call's record to the store, well away from the audio path.

Routine changes are written immediately but at most about once a second, so that a crash loses at
most a second of them. Further words of a turn, which come three times a second, are written within
three seconds. Final changes don't wait. A store that fails is retried as long as the call lasts and
a while longer; whatever it hasn't accepted by then is logged as a dead letter. The audio never
waits for any of this.
"""

import asyncio
import enum
import functools
import operator
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from ringdown import clock
from ringdown.calls import Call, CallChanges, CallRecord, CallStatus, CallStore, Claim
from ringdown.calls.dead_letters import ITEMS_AT_ONCE, DeadLetter, log_fields
from ringdown.errors import InvalidDocument, StoreUnavailable, Superseded
from ringdown.log import Log
from stream_handler.call.actions import Action, SaveCall
from stream_handler.call.events import Event

DECIDE_WITHIN_S = 2.0
"""How long saving the decision may take; by then Twilio has requested `/after-stream`."""
FINISH_WITHIN_S = 10.0

_PACE_S = 1.0  # Firestore sustains about one write per second to a document
_WORDS_PACE_S = 3.0
_RETRY_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 5.0)
_TRY_TIMEOUT_S = 6.0  # stores themselves give up after five
_LAST_ROUTINE_TRY_S = 0.5  # how long a write under way may delay the final one

_log = Log(__name__)


class Recorded(enum.Enum):
    """How writing a record ended."""

    COMMITTED = enum.auto()
    SUPERSEDED = enum.auto()
    """Another stream holds the call: nothing more may be written."""
    GIVEN_UP = enum.auto()


class Recorder:
    """Writes the record of one attempt of a call. A `CallObserver`; `run()` is its task.

    If `claimed` is false, the store hasn't responded yet: the call is created and claimed first.
    """

    def __init__(self, store: CallStore, call: Call, claim: Claim, *, claimed: bool = True) -> None:
        self._store = store
        self._call = call
        self._claim = claim
        self._opened = self._claimed = claimed
        self._superseded = False
        self._pending = CallChanges()
        self._written: list[CallChanges] = []
        """What the store has accepted. If it loses the call, everything is written again."""
        self._latest_turn = 0
        self._changed = asyncio.Event()
        self._news = asyncio.Event()
        """Set if more has changed than the words of the latest turn."""
        self._finishing = asyncio.Event()
        self._given_up = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._decide_by_s = self._finish_by_s = float("inf")
        self._trying: asyncio.Timeout | None = None

    def on_event(self, event: Event, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if isinstance(action, SaveCall):
                if action.final:
                    self.finish(action.changes)
                else:
                    self.save(action.changes)

    async def on_end(self) -> None:
        pass

    @property
    def is_finishing(self) -> bool:
        """Whether `finish` or `give_up` has been called."""
        return self._finishing.is_set()

    def save(self, changes: CallChanges) -> None:
        """Have `changes` written immediately, or a second after the previous write.

        If they only extend the latest turn, they may take three seconds.
        """
        self._pending |= changes
        if self._is_news(changes):
            self._news.set()
        self._changed.set()

    def finish(self, changes: CallChanges) -> None:
        """Have the last changes written now. `run()` returns once they are written or abandoned."""
        now_s = self._loop.time()
        self._pending |= _stamped(changes)
        if changes.next is not None:
            self._decide_by_s = now_s + DECIDE_WITHIN_S
        self._finish_by_s = min(self._finish_by_s, now_s + FINISH_WITHIN_S)
        self._end_routine()
        self._cut_short(now_s + _LAST_ROUTINE_TRY_S)

    def give_up(self) -> None:
        """Make `run()` return immediately, even with changes unwritten: the process must stop."""
        self._finish_by_s = self._loop.time()
        self._given_up.set()
        self._end_routine()
        self._cut_short(self._finish_by_s)

    def _end_routine(self) -> None:
        """Wake `_write_in_call` if it is waiting."""
        for awaited in (self._finishing, self._news, self._changed):
            awaited.set()

    async def run(self) -> Recorded:
        """Write changes until the last ones are written or abandoned."""
        try:
            await self._write_in_call()
            return await self._write_the_rest()
        except Superseded as error:
            _log.error("call record refused", reason=str(error))
            self._superseded = True
            return Recorded.SUPERSEDED

    async def write_late(self) -> None:
        """Write the tool results that were saved after `run()` returned."""
        if self._pending == CallChanges():
            return
        if self._claimed and not self._superseded and not self._given_up.is_set():
            self._decide_by_s, self._finish_by_s = float("inf"), self._loop.time() + FINISH_WITHIN_S
            try:
                await self._write_the_rest()
            except Superseded:
                self._superseded = True
        self.leave_unwritten()

    def leave_unwritten(self) -> None:
        """Log whatever is unwritten as a dead letter. Call this after `run()` has returned.

        A superseded stream logs only what was said and done: another stream now holds the call's
        state.
        """
        unwritten, self._pending = self._pending, CallChanges()
        if self._superseded:
            unwritten = CallChanges(turns=unwritten.turns, tool_calls=unwritten.tool_calls)
        if unwritten == CallChanges() and (self._claimed or self._superseded):
            return
        letter = DeadLetter(
            call=self._call,
            claim=self._claim,
            changes=unwritten,
            left_at=clock.now(),
        )
        parts = log_fields(letter)
        _log.error(
            "call record not written: logged as a dead letter",
            letter=parts[0]["letter"],
            parts=len(parts),
            turns=len(unwritten.turns),
            tool_calls=len(unwritten.tool_calls),
        )
        for part in parts:
            _log.error("dead letter", **part)

    async def _write_in_call(self) -> None:
        failures = 0
        written_s = float("-inf")
        while not self._finishing.is_set():
            if not self._has_work():
                self._changed.clear()
                await self._changed.wait()
            if failures:
                await _pause(self._finishing, _pause_s(failures))
            else:
                await _pause(self._news, written_s + _WORDS_PACE_S - self._loop.time())
                await _pause(self._finishing, written_s + _PACE_S - self._loop.time())
            if not self._finishing.is_set():
                failures = 0 if await self._write() else failures + 1
                written_s = self._loop.time()

    async def _write_the_rest(self) -> Recorded:
        failures = 0
        while self._has_work():
            if self._loop.time() >= self._finish_by_s:
                return Recorded.GIVEN_UP
            if self._loop.time() >= self._decide_by_s:
                # `/after-stream` has decided without us, so our decision no longer applies.
                self._pending = msgspec.structs.replace(
                    self._pending, next=None, transfer_to=None, transfer_reason=None
                )
            if not await self._write():
                failures += 1
                await _pause(self._given_up, self._time_left_s(_pause_s(failures)))
        return Recorded.COMMITTED

    def _is_news(self, changes: CallChanges) -> bool:
        latest = max((turn.n for turn in changes.turns), default=0)
        begun = latest > self._latest_turn
        self._latest_turn = max(latest, self._latest_turn)
        return begun or bool(changes.tool_calls or changes.fields())

    def _has_work(self) -> bool:
        return not self._claimed or self._pending != CallChanges()

    async def _write(self) -> bool:
        """Write the next batch of pending changes. Return False if it must be retried."""
        changes, self._pending = self._pending.split(ITEMS_AT_ONCE)
        if self._pending == CallChanges():
            self._news.clear()
        written = False
        try:
            await self._claim_call()
            if changes != CallChanges():
                await self._save_batch(changes)
            written = True
        except (StoreUnavailable, InvalidDocument, TimeoutError) as error:
            _log.warning("call record not written yet", error=str(error) or "timed out")
        finally:
            if not written:
                self._pending = changes | self._pending
        return written

    async def _save_batch(self, changes: CallChanges) -> None:
        call_sid = self._call.call_sid
        try:
            async with self._a_try():
                await self._store.save(call_sid, self._call.attempt, changes)
        except Superseded:
            async with self._a_try():
                if await self._store.read_call(call_sid) is not None:
                    raise
            self._begin_anew(changes)
            raise StoreUnavailable("the store no longer knows the call") from None
        self._written.append(changes)

    def _begin_anew(self, batch: CallChanges) -> None:
        self._opened = self._claimed = False
        written, self._written = self._written, []
        self._pending = functools.reduce(operator.or_, [*written, batch, self._pending])

    async def _claim_call(self) -> None:
        """Create and claim the call if that hasn't been done yet. Raises Superseded."""
        call_sid = self._call.call_sid
        if not self._opened:
            async with self._a_try():
                ringing = msgspec.structs.replace(self._call, status=CallStatus.RINGING)
                await self._store.open_call(ringing)
            self._opened = True
        if not self._claimed:
            async with self._a_try():
                call = await self._store.claim(call_sid, self._claim)
            if call is None:
                async with self._a_try():
                    record = await self._store.read_record(call_sid)
                _check_holder(record, self._claim)
            self._claimed = True
            _log.info("call claimed late")

    @asynccontextmanager
    async def _a_try(self) -> AsyncIterator[None]:
        """Set a deadline for a request, which `finish` and `give_up` can bring forward."""
        ends_s = self._loop.time() + self._time_left_s(_TRY_TIMEOUT_S)
        async with asyncio.timeout_at(ends_s) as self._trying:
            try:
                yield
            finally:
                self._trying = None

    def _cut_short(self, at_s: float) -> None:
        ends_s = None if self._trying is None else self._trying.when()
        if self._trying is not None and ends_s is not None and at_s < ends_s:
            self._trying.reschedule(at_s)

    def _time_left_s(self, at_most_s: float) -> float:
        """How long an attempt or a pause may take: at most `at_most_s`, or until the deadline."""
        now_s = self._loop.time()
        due_s = self._decide_by_s if self._decide_by_s > now_s else self._finish_by_s
        return max(0.0, min(at_most_s, due_s - now_s, self._finish_by_s - now_s))


def _check_holder(record: CallRecord | None, claim: Claim) -> None:
    """Raise Superseded unless our stream holds the call although the store refused `claim`.

    It does if the claim had succeeded but the response was lost, or if no one has claimed the call
    and Twilio has reported its end.
    """
    if record is None or record.call.attempt != claim.attempt:
        raise Superseded(f"attempt {claim.attempt} does not hold the call")
    holders = {made.handler for made in record.claims if made.attempt == claim.attempt}
    if holders - {claim.handler}:
        raise Superseded(f"another handler holds attempt {claim.attempt}")


def _stamped(changes: CallChanges) -> CallChanges:
    if changes.status is not CallStatus.ENDED:
        return changes
    return msgspec.structs.replace(changes, ended_at=clock.now())


def _pause_s(failures: int) -> float:
    """How long to wait after this many failures in a row."""
    return _RETRY_PAUSES_S[min(failures, len(_RETRY_PAUSES_S)) - 1]


async def _pause(until: asyncio.Event, at_most_s: float) -> None:
    try:
        async with asyncio.timeout(max(at_most_s, 0.0)):
            await until.wait()
    except TimeoutError:
        pass
