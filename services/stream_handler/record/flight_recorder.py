"""Keeps what happens to a stream, so that it can be gone through again: see `flight_format`.

Frames come fifty times a second each way, so they cost a few bytes and well under a microsecond.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec

from ringdown.calls import Call, Turn
from ringdown.calls.flights import FlightStore, pack
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.log import Log
from stream_handler.call.actions import Action, PlayAudio, SendMark, SendModelAudio
from stream_handler.call.events import CallerAudio, Event, ModelAudio
from stream_handler.call.session import StreamSession
from stream_handler.record.flight_format import (
    ANSWER_ENTRY,
    CALLER_AUDIO_ENTRY,
    CLOCK_ENTRY,
    FURTHEST_STEPS,
    MODEL_AUDIO_ENTRY,
    OTHER_EVENT_ENTRY,
    STEPS_PER_MS,
    Answer,
    Head,
    Kind,
    encode_event,
    write_flight,
)
from stream_handler.record.flight_outline import outline

MOST_BYTES = 3 * 1024 * 1024
"""Of one stream, which lasts an hour at most: twice what that hour takes."""
KEEP_WITHIN_S = 2.0

_T = TypeVar("_T")

_log = Log(__name__)

# What each frame needs, near at hand
_CALLER_AUDIO, _MODEL_AUDIO = Kind.CALLER_AUDIO, Kind.MODEL_AUDIO
_caller_audio, _model_audio = CALLER_AUDIO_ENTRY.pack, MODEL_AUDIO_ENTRY.pack


class FlightRecorder:
    """A session that notes what it is told, and what it decides.

    What comes first is kept: a core's answer depends on all that was before it, so a record
    without its beginning would be of no use. What cannot be noted ends the record, never the call.
    """

    def __init__(
        self,
        session: StreamSession,
        call: Call,
        history: tuple[Turn, ...],
        *,
        most: int = MOST_BYTES,
    ) -> None:
        self._session = session
        self._head = Head(call=call, history=history)
        self._most = most
        self._failed = False
        self._entries = bytearray()
        self._steps = 0
        self._to_model_bytes = self._played_bytes = self._marks = 0

    def handle(self, event: Event) -> tuple[Action, ...]:
        """As the session does. The event is noted before: it may be the one that breaks it."""
        if self._stopped:
            return self._session.handle(event)
        start = len(self._entries)
        self._try_to(self._note, event, start)
        actions = self._session.handle(event)
        if not self._failed:
            self._try_to(self._note_actions, actions, start)
        return actions

    def record(self) -> bytes:
        """All that has been noted."""
        head = msgspec.structs.replace(self._head, truncated=self._stopped)
        return write_flight(head, bytes(self._entries))

    @property
    def _stopped(self) -> bool:
        return self._failed or len(self._entries) > self._most

    def _try_to(self, note: Callable[[_T], None], what: _T, start: int) -> None:
        """Note `what`; if that fails, the record ends before the event, which begins at `start`."""
        try:
            note(what)
        except Exception:  # noqa: BLE001 - a recorder must never end the call it records
            self._failed = True
            del self._entries[start:]
            # A frame comes from the socket, where no call is bound.
            _log.exception("flight record stopped", call_sid=self._head.call.call_sid)

    def _note(self, event: Event) -> None:
        steps = int(event.at_ms * STEPS_PER_MS)
        passed = steps - self._steps
        self._steps = steps
        if not -FURTHEST_STEPS <= passed <= FURTHEST_STEPS:
            self._entries += CLOCK_ENTRY.pack(Kind.CLOCK, steps)
            passed = 0
        if type(event) is CallerAudio:
            level = int(event.level_dbfs * 2)
            self._entries += _caller_audio(_CALLER_AUDIO, passed, level, len(event.pcm))
        elif type(event) is ModelAudio:
            self._entries += _model_audio(_MODEL_AUDIO, passed, len(event.mulaw))
        else:
            packed = encode_event(self._session.as_recorded(event))
            self._entries += OTHER_EVENT_ENTRY.pack(Kind.OTHER_EVENT, passed, len(packed))
            self._entries += packed

    def _note_actions(self, actions: tuple[Action, ...]) -> None:
        decided = False
        for action in actions:
            # To ask `isinstance` in vain takes as long as all of this.
            if type(action) is SendModelAudio:
                self._to_model_bytes += len(action.pcm)
            elif type(action) is PlayAudio:
                self._played_bytes += len(action.mulaw)
            elif type(action) is SendMark:
                self._marks += 1
            else:
                decided = True
        if decided:
            self._note_answer(actions)

    def _note_answer(self, actions: tuple[Action, ...]) -> None:
        decisions = tuple(
            outline(action)
            for action in actions
            if not isinstance(action, SendModelAudio | PlayAudio | SendMark)
        )
        answer = Answer(self._to_model_bytes, self._played_bytes, self._marks, decisions)
        packed = msgspec.msgpack.encode(answer)
        self._entries += ANSWER_ENTRY.pack(Kind.ANSWER, len(packed))
        self._entries += packed


async def keep_flight(store: FlightStore, call: Call, recorder: FlightRecorder) -> None:
    """Have the record written, if the store takes it in KEEP_WITHIN_S; else the log says so."""
    try:
        async with asyncio.timeout(KEEP_WITHIN_S):
            parts = await asyncio.to_thread(pack, call.attempt, recorder.record())
            await store.keep_flight(call.call_sid, parts)
    except (StoreUnavailable, InvalidDocument, TimeoutError) as error:
        _log.warning("flight record not written", error=str(error) or "timed out")
    except Exception:  # noqa: BLE001 - the call has ended well, whatever becomes of its record
        _log.exception("flight record not written")
