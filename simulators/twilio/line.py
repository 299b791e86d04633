"""The line between caller and network: one frame each way every 20 ms, recorded."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from . import clock
from .attention import Attention
from .events import EventLog, Party, SpeechStarted, SpeechStopped
from .handset import Handset
from .hearing import Began, Ended
from .impairments import ImpairedLine, Impairments
from .microphone import Microphone
from .playout import PlayoutBuffer
from .recording import Recording
from .stream_messages import FRAME_MS, SILENT_FRAME

_MOST_FRAMES_AT_ONCE = 5
_CATCH_UP_PAUSE_MS = 5.0


class LineClosed(Exception):
    """The call ended before the awaited condition became true."""


class FarEnd(Protocol):
    """The other end of the line."""

    def hear(self, frame: bytes | None) -> None:
        """Accept 20 ms of the caller's µ-law audio, None if the carrier sends none. Never block."""
        ...

    def played(self, frame: bytes, marks: tuple[str, ...]) -> None:
        """`frame` is being played, and `marks` have been reached."""
        ...


@dataclass(slots=True)
class _Waiter:
    condition: Callable[[], bool]
    until_tick: float
    future: asyncio.Future[bool]


class Line:
    """One call's line. It has no clock: `tick()` advances it by a frame, from dialling on."""

    def __init__(
        self,
        microphone: Microphone,
        handset: Handset | None = None,
        impaired: ImpairedLine | None = None,
    ) -> None:
        self.microphone = microphone
        self._handset = handset
        self._impaired = impaired or ImpairedLine(Impairments())
        self.recording = Recording()
        self.attention = Attention()
        self.ticks = 0
        self.closed = False
        self.most_late_ms = 0.0
        """The longest delay of any frame: shows whether this machine is too busy."""
        self._answered_tick: int | None = None
        self._playout: PlayoutBuffer | None = None
        self._far_end: FarEnd | None = None
        self._waiters: list[_Waiter] = []

    @property
    def position_ms(self) -> int | None:
        """The position in the recording, or None before the call is answered."""
        if self._answered_tick is None:
            return None
        return (self.ticks - self._answered_tick) * FRAME_MS

    def answer(self) -> None:
        self._answered_tick = self.ticks

    def connect(self, playout: PlayoutBuffer, far_end: FarEnd) -> None:
        self._playout, self._far_end = playout, far_end

    def disconnect(self) -> None:
        self._playout = self._far_end = None

    def tick(self, log: EventLog) -> None:
        """Move one frame each way, then wake the tasks that waited for it."""
        at_ms = self.position_ms
        if at_ms is not None:
            self._exchange(at_ms, log)
        self.ticks += 1
        if self._waiters:
            self._wake()

    def _exchange(self, at_ms: int, log: EventLog) -> None:
        said = self._impaired.said(self._said(at_ms, log))
        heard = SILENT_FRAME
        if self._playout is not None and self._far_end is not None:
            tick = self._playout.tick()
            heard = tick.frame
            self._far_end.played(heard, tick.marks)
            self._far_end.hear(said)
        self._impaired.heard(heard)
        self.recording.append(SILENT_FRAME if said is None else said, heard)
        if self._handset is not None:
            self._handset.play(heard)
        self._note(self.attention.hear(heard, at_ms), log)

    def _note(self, change: Began | Ended | None, log: EventLog) -> None:
        match change:
            case Began():
                log.add(SpeechStarted(log.now(), Party.AGENT))
            case Ended(began_ms, ended_ms):
                log.add(SpeechStopped(log.now(), Party.AGENT, began_ms, ended_ms))
            case None:
                pass

    def _said(self, at_ms: int, log: EventLog) -> bytes | None:
        before = self.microphone.speaking
        frame = self.microphone.next_frame(at_ms)
        now = self.microphone.speaking
        if now is not before and now is not None:
            log.add(SpeechStarted(log.now(), Party.CALLER, now.text))
        if now is not None:
            self.attention.expect_answer(at_ms + FRAME_MS)
            if now.start_ms is not None and now.end_ms is not None:
                log.add(SpeechStopped(log.now(), Party.CALLER, now.start_ms, now.end_ms))
        return frame

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition, which is checked after every frame; False on a timeout.

        Raises:
            LineClosed: the call ended first.
        """
        if condition():
            return True
        if self.closed:
            raise LineClosed
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(condition, self.ticks + timeout_s * 1000 / FRAME_MS, future)
        self._waiters.append(waiter)
        try:
            return await future
        finally:
            self._waiters.remove(waiter)

    def close(self, log: EventLog) -> None:
        """End the call: stop all frames, and wake all waiting tasks."""
        self.closed = True
        self._note(self.attention.finish(), log)
        self.microphone.hush(self.position_ms or 0)
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(LineClosed())

    def _wake(self) -> None:
        for waiter in self._waiters:
            if waiter.future.done():
                continue
            if waiter.condition():
                waiter.future.set_result(True)
            elif self.ticks >= waiter.until_tick:
                waiter.future.set_result(False)


async def run_line(line: Line, log: EventLog) -> None:
    """Tick a line against an absolute clock until it is closed.

    A stalled process catches up, five frames at a time: no frame is lost and the clock doesn't
    drift.
    """
    started_ms = clock.now_ms()
    while not line.closed:
        for _ in range(_MOST_FRAMES_AT_ONCE):
            late_ms = clock.now_ms() - (started_ms + line.ticks * FRAME_MS)
            line.most_late_ms = max(line.most_late_ms, late_ms)
            line.tick(log)
            if line.closed or started_ms + line.ticks * FRAME_MS > clock.now_ms():
                break
        else:
            await clock.sleep_until(clock.now_ms() + _CATCH_UP_PAUSE_MS)
            continue
        await clock.sleep_until(started_ms + line.ticks * FRAME_MS)
