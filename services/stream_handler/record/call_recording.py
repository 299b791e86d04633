"""Records both sides of a call, as the caller said and heard them.

An observer collects the audio, and every seven seconds hands a part to a task of the call, which
writes it to the store. Nothing waits for the store: what it doesn't accept is left out, and the
call's record says so. The caller's side is what the core received, but silent while a secret is
typed and around every key press: the audio may contain the keys' tones, and callers may type a PIN
before they are asked for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import numpy as np

from ringdown.agents.phrases import notice_says_recorded
from ringdown.audio.telephone import encode_mulaw
from ringdown.calls import Call, CallChanges
from ringdown.calls.recordings import SAMPLES_PER_MS, SILENCE, RecordingPart, RecordingStore
from ringdown.errors import StoreUnavailable
from ringdown.log import Log
from stream_handler.call.actions import (
    Action,
    ClearPlayback,
    CloseStream,
    PlayAudio,
    PlayRingback,
    PlayTone,
)
from stream_handler.call.events import CallerAudio, DtmfReceived, Event
from stream_handler.tones import ringback, waiting_tone

PART_MS = 7_000
"""A handler that is killed loses one part and the audio held back: at most ten seconds, including
the time it takes to write."""
KEY_MS = 700
"""How long before and after a reported key its tone may be heard."""
MOST_WAITING = 4
FINISH_WITHIN_S = 5.0

_PCM_BYTES_PER_SAMPLE = 4  # two samples of the model's 16 kHz, of two bytes each
_FRAMES_AT_ONCE = 50
_LATE_MS = 250
_EARLY_MS = 40
_PAUSE_DBFS = -50.0

_log = Log(__name__)


class Tracks:
    """Both sides' audio since `begins_ms`. Times are in ms since the ring and may be fractional."""

    def __init__(self, begins_ms: float) -> None:
        self._begins_ms = round(begins_ms)
        self._caller = bytearray()
        self._caller_began = False
        self._frames: list[bytes] = []
        """The caller's audio after `_caller`, still PCM16 at 16 kHz."""
        self._frames_bytes = 0
        self._keys_until_ms = 0.0
        self._agent: deque[tuple[int, bytearray]] = deque()
        """Stretches of audio not yet heard to the end, each with the sample where it starts."""
        self._agent_ends = 0

    def caller_said(self, pcm: bytes, level_dbfs: float, at_ms: float) -> None:
        """Add a frame that arrived at `at_ms`.

        Frames are joined without gaps, however unevenly they arrive. If they fall behind the clock,
        silence is inserted; if they run ahead of it, pauses are shortened.
        """
        if at_ms < self._keys_until_ms:
            pcm = bytes(len(pcm))
        starts = self._sample(at_ms) - len(pcm) // _PCM_BYTES_PER_SAMPLE
        ahead = self._caller_ends - starts
        if ahead > _EARLY_MS * SAMPLES_PER_MS and level_dbfs < _PAUSE_DBFS:
            return
        if ahead < -_LATE_MS * SAMPLES_PER_MS or (ahead < 0 and not self._caller_began):
            self._encode()
            self._caller += SILENCE * -ahead
        self._caller_began = True
        self._frames.append(pcm)
        self._frames_bytes += len(pcm)
        if len(self._frames) >= _FRAMES_AT_ONCE:
            self._encode()

    def key_pressed(self, at_ms: float) -> None:
        """Silence the caller's side around a key press."""
        self._encode()
        begins = self._sample(at_ms - KEY_MS)
        self._caller[begins:] = SILENCE * len(self._caller[begins:])
        self._keys_until_ms = at_ms + KEY_MS

    def agent_says(self, mulaw: bytes, at_ms: float) -> None:
        """Add audio that the caller hears once everything before it has been played."""
        starts = max(self._agent_ends, self._sample(at_ms))
        began, before = self._agent[-1] if self._agent else (starts, bytearray())
        if before and began + len(before) == starts:
            before += mulaw
        else:
            self._agent.append((starts, bytearray(mulaw)))
        self._agent_ends = starts + len(mulaw)

    def agent_stops(self, at_ms: float) -> None:
        """Drop what hasn't been heard yet."""
        now = self._sample(at_ms)
        while self._agent and self._agent[-1][0] >= now:
            self._agent.pop()
        if self._agent:
            starts, mulaw = self._agent[-1]
            del mulaw[now - starts :]
        self._agent_ends = min(self._agent_ends, now)

    def length_ms(self, at_ms: float) -> float:
        return at_ms - self._begins_ms

    def cut(self, at_ms: float, *, last: bool = False) -> tuple[int, bytes, bytes]:
        """End the current part. Return its start in ms, the caller's side and the agent's.

        Unless this is the `last` part, audio that a key press may still silence goes to the next.
        """
        self._encode()
        ends = self._sample(at_ms if last else at_ms - KEY_MS)
        ends = ends // SAMPLES_PER_MS * SAMPLES_PER_MS
        caller = bytes(self._caller[:ends]).ljust(ends, SILENCE)
        del self._caller[:ends]
        begins_ms, agent = self._begins_ms, self._agent_until(ends)
        self._begins_ms += ends // SAMPLES_PER_MS
        return begins_ms, caller, agent

    def _agent_until(self, ends: int) -> bytes:
        sound = bytearray(SILENCE * ends)
        later: deque[tuple[int, bytearray]] = deque()
        for starts, mulaw in self._agent:
            heard = mulaw[: max(0, ends - starts)]
            sound[starts : starts + len(heard)] = heard
            if len(heard) < len(mulaw):
                later.append((max(0, starts - ends), mulaw[len(heard) :]))
        self._agent = later
        self._agent_ends = max(0, self._agent_ends - ends)
        return bytes(sound)

    @property
    def _caller_ends(self) -> int:
        return len(self._caller) + self._frames_bytes // _PCM_BYTES_PER_SAMPLE

    def _encode(self) -> None:
        """Convert the held frames to µ-law.

        Every second sample is one from the phone line, except where the filter starts
        (see `telephone`).
        """
        if self._frames:
            pcm = np.frombuffer(b"".join(self._frames), "<i2")[1::2]
            self._caller += encode_mulaw(pcm)
            self._frames, self._frames_bytes = [], 0

    def _sample(self, at_ms: float) -> int:
        return max(0, round((at_ms - self._begins_ms) * SAMPLES_PER_MS))


class CallRecording:
    """Records one stream of a call. A `CallObserver`; `run()` is its task."""

    def __init__(
        self,
        call: Call,
        recordings: RecordingStore,
        note: Callable[[CallChanges], None],
    ) -> None:
        """`note` adds what is missing to the call's record."""
        self._call_sid = call.call_sid
        self._problem_before = call.recording_problem
        self._attempt = call.attempt
        self._streams_from_ms = call.stream_began_ms
        self._recordings = recordings
        self._note = note
        self._tracks: Tracks | None = None
        self._parts = 0
        self._waiting: deque[RecordingPart] = deque()
        self._news = asyncio.Event()
        self._is_complete = False
        self._is_over = False
        self._lost_ms = 0
        self._loop = asyncio.get_running_loop()
        self._finish_by_s = float("inf")
        self._trying: asyncio.Timeout | None = None

    def on_event(self, event: Event, actions: tuple[Action, ...]) -> None:
        if self._is_complete:
            return
        at_ms = self._streams_from_ms + event.at_ms
        if self._tracks is None:
            self._tracks = Tracks(at_ms)
        tracks = self._tracks
        if isinstance(event, CallerAudio):
            tracks.caller_said(event.pcm, event.level_dbfs, at_ms)
        elif isinstance(event, DtmfReceived):
            tracks.key_pressed(at_ms)
        for action in actions:
            match action:
                case PlayAudio(mulaw):
                    tracks.agent_says(mulaw, at_ms)
                case PlayRingback(ring):
                    tracks.agent_says(ringback(ring), at_ms)
                case PlayTone():
                    tracks.agent_says(waiting_tone(), at_ms)
                case ClearPlayback():
                    tracks.agent_stops(at_ms)
                case CloseStream():
                    self._is_complete = True
                case _:
                    pass
        if self._is_complete or tracks.length_ms(at_ms) >= PART_MS + KEY_MS:
            self._hand_over(tracks.cut(at_ms, last=self._is_complete))

    async def on_end(self) -> None:
        pass

    def stop(self) -> None:
        """Note that the stream is over: `run()` writes the rest, and returns within 5 s."""
        if not self._is_complete:
            self._lose(0, "the recorder failed; see the stream handler's log")
        self._finish_within(FINISH_WITHIN_S)

    def give_up(self) -> None:
        """Make `run()` return without writing the rest, because the process must stop."""
        self._finish_within(0)

    async def run(self) -> None:
        """Write parts until the stream is over. Errors never harm the call."""
        while True:
            while self._waiting:
                await self._write(self._waiting.popleft())
            if self._is_over:
                return
            self._news.clear()
            await self._news.wait()

    def _finish_within(self, seconds: float) -> None:
        self._finish_by_s = min(self._finish_by_s, self._loop.time() + seconds)
        ends_s = None if self._trying is None else self._trying.when()
        if self._trying is not None and ends_s is not None and self._finish_by_s < ends_s:
            self._trying.reschedule(self._finish_by_s)
        self._is_over = True
        self._news.set()

    def _hand_over(self, cut: tuple[int, bytes, bytes]) -> None:
        offset_ms, caller, agent = cut
        if not caller:
            return
        self._parts += 1
        part = RecordingPart(self._attempt, self._parts, offset_ms, caller, agent)
        if len(self._waiting) >= MOST_WAITING:
            self._lose(_length_ms(part), "the recording store was too slow")
            return
        self._waiting.append(part)
        self._news.set()

    async def _write(self, part: RecordingPart) -> None:
        try:
            within_s = self._loop.time() + PART_MS / 1_000
            async with asyncio.timeout_at(min(self._finish_by_s, within_s)) as self._trying:
                await self._recordings.keep_part(self._call_sid, part)
        except (StoreUnavailable, TimeoutError) as error:
            self._lose(_length_ms(part), str(error) or "the recording store was too slow")
        except Exception:  # noqa: BLE001 - a recording must never harm a call
            _log.exception("part of a recording not written")
            self._lose(_length_ms(part), "an error; see the stream handler's log")
        finally:
            self._trying = None

    def _lose(self, lost_ms: float, reason: str) -> None:
        self._lost_ms += round(lost_ms)
        _log.warning(
            "recording is incomplete",
            call_sid=self._call_sid,
            lost_ms=self._lost_ms,
            reason=reason,
        )
        lost = f"{self._lost_ms / 1_000:.0f} s of audio is missing: " if self._lost_ms else ""
        told = filter(None, (self._problem_before, f"{lost}{reason}"))
        self._note(CallChanges(recording_problem="; ".join(told)))


def start_recording(
    call: Call, recordings: RecordingStore | None, note: Callable[[CallChanges], None]
) -> CallRecording | None:
    """Start recording a stream, if the agent that the call began with records its calls.

    Nothing is recorded unless that agent's notice says so, whatever its document says: it is the
    only notice that the caller heard.
    """
    if not call.agent.record:
        return None
    if not notice_says_recorded(call.agent):
        note(CallChanges(recording_problem="the notice doesn't say that the call is recorded"))
        return None
    if recordings is None:
        note(CallChanges(recording_problem="the stream handler's RECORDINGS isn't set"))
        return None
    return CallRecording(call, recordings, note)


def _length_ms(part: RecordingPart) -> float:
    return len(part.caller) / SAMPLES_PER_MS
