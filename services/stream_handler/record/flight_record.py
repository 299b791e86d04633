"""The flight record: what happened to a stream and what the core decided, for replay.

It is MessagePack of a `_Record`. Sound is reduced to time, length and level; pictures to time and
length. Decisions are reduced to an outline: kinds, lengths, timers and positions, and only the
length of texts and arguments. Other events are kept whole.
"""

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never, get_args

import msgspec

from ringdown.calls import Call, CallChanges, ToolCall, Turn
from ringdown.calls.flights import FlightStore, pack
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.log import Log
from stream_handler.call.actions import (
    Action,
    CallTool,
    CancelTimer,
    ClearPlayback,
    CloseModel,
    CloseStream,
    ConnectModel,
    PlayAudio,
    PlayRingback,
    PlayTone,
    SaveCall,
    SendMark,
    SendModelAudio,
    SendModelImage,
    SendModelText,
    SendToolResponse,
    StartTimer,
    UpdateModelContext,
)
from stream_handler.call.events import (
    CallerAudio,
    Event,
    ModelAudio,
    PictureReceived,
    StreamStarted,
)

MOST_BYTES = 3 * 1024 * 1024
"""The largest packed size of a stream. An hour, the longest stream, takes about 1.8 MB."""
KEEP_WITHIN_S = 2.0
FORMAT = 3

_ENTRIES_AT_ONCE = 500  # packed together: one batch every six seconds
_AUDIO_BYTE = b"\xff"
_EVENTS: dict[str, type[msgspec.Struct]] = {kind.__name__: kind for kind in get_args(Event)}

_log = Log(__name__)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the stream started with."""

    call: Call
    history: tuple[Turn, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    """Tool calls made in earlier streams."""
    truncated: bool = False
    """Recording stopped early: the record was full, or an event couldn't be recorded."""


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """What the core decided about an event, and how much sound it had passed on by then."""

    to_model_bytes: int
    played_bytes: int
    marks: int
    decisions: tuple[str, ...] = ()
    """Outlines of its actions, except for sound and marks."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event; `answer` is set if the core did more than pass sound on."""

    event: Event
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Flight:
    head: Head
    happened: tuple[Happened, ...]


class UnreadableFlight(Exception):
    """The record is damaged or from another version; the message says which."""


class _CallerSound(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="caller"):
    at_ms: float
    level_dbfs: float
    bytes: int


class _ModelSound(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="model"):
    at_ms: float
    bytes: int
    level_dbfs: float = -20.0
    steady: bool = False


class _Greeted(msgspec.Struct, frozen=True, array_like=True, tag="greeted"):
    """The stream started, with a clip of the greeting."""

    at_ms: float
    endpoints: tuple[str, ...]
    bytes: int


class _Picture(msgspec.Struct, frozen=True, array_like=True, tag="picture"):
    """The caller sent a picture; only the time and size are kept."""

    at_ms: float
    n: int
    bytes: int


class _OtherEvent(msgspec.Struct, frozen=True, array_like=True, tag="event"):
    name: str
    fields: bytes
    """JSON, because its integers can be of any size."""


_Entry: TypeAlias = _CallerSound | _ModelSound | _Greeted | _Picture | _OtherEvent | Answer


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    head: Head
    entries: tuple[bytes, ...]
    """Each is a list of entries, compressed with zlib."""


class _AnyRecord(msgspec.Struct, frozen=True):
    format: int


class FlightRecord:
    """Records what happens to one stream; a `CallObserver`.

    When space runs out, the beginning is kept: the core's decisions depend on everything before
    them, so a record without its beginning would be useless. An event that can't be recorded ends
    the record.
    """

    def __init__(
        self,
        call: Call,
        history: tuple[Turn, ...],
        store: FlightStore | None = None,
        *,
        tool_calls: tuple[ToolCall, ...] = (),
        most: int = MOST_BYTES,
    ) -> None:
        """`store` saves the record at the end of the stream; `most` is its size limit in bytes."""
        self._head = Head(call=call, history=history, tool_calls=tool_calls)
        self._store = store
        self._most = most
        self._truncated = False
        self._entries: list[_Entry | msgspec.Raw] = []
        self._packed: list[bytes] = []
        self._packed_bytes = 0
        self._to_model_bytes = self._played_bytes = self._marks = 0

    def on_event(self, event: Event, actions: tuple[Action, ...]) -> None:
        if self._truncated:
            return
        try:
            entry, answer = _entry(event), self._answer(actions)
            self._entries.append(entry)
            if answer is not None:
                self._entries.append(answer)
        except Exception:  # noqa: BLE001 - half a surrogate pair, for example
            self._truncated = True
            # Frames come from the socket, where no call is bound to the log.
            _log.exception("flight record stopped", call_sid=self._head.call.call_sid)
        if len(self._entries) >= _ENTRIES_AT_ONCE:
            self._pack()
            if self._packed_bytes > self._most:
                self._truncated = True

    async def on_end(self) -> None:
        """Write the record. If the store doesn't accept it within KEEP_WITHIN_S, log a warning."""
        if self._store is None:
            return
        call = self._head.call
        try:
            async with asyncio.timeout(KEEP_WITHIN_S):
                parts = await asyncio.to_thread(pack, call.attempt, self.record())
                await self._store.keep_flight(call.call_sid, parts)
        except (StoreUnavailable, InvalidDocument, TimeoutError) as error:
            _log.warning("flight record not written", error=str(error) or "timed out")
        except Exception:  # noqa: BLE001 - the call has ended well, whatever happens to its record
            _log.exception("flight record not written")

    def record(self) -> bytes:
        """Everything recorded so far."""
        self._pack()
        head = msgspec.structs.replace(self._head, truncated=self._truncated)
        return _encoded(head, self._packed)

    def _pack(self) -> None:
        if self._entries:
            packed = zlib.compress(msgspec.msgpack.encode(self._entries), 1)
            self._packed.append(packed)
            self._packed_bytes += len(packed)
            self._entries = []

    def _answer(self, actions: tuple[Action, ...]) -> msgspec.Raw | None:
        """Return what was decided; None if sound was only passed on."""
        decisions: list[str] = []
        for action in actions:
            match action:
                case SendModelAudio():
                    self._to_model_bytes += len(action.pcm)
                case PlayAudio():
                    self._played_bytes += len(action.mulaw)
                case SendMark():
                    self._marks += 1
                case _:
                    decisions.append(outline(action))
        if not decisions:
            return None
        answer = Answer(self._to_model_bytes, self._played_bytes, self._marks, tuple(decisions))
        return msgspec.Raw(msgspec.msgpack.encode(answer))


def _entry(event: Event) -> _Entry | msgspec.Raw:
    """Convert an event to an entry; encode it now if encoding could fail."""
    match event:
        case CallerAudio():
            return _CallerSound(event.at_ms, event.level_dbfs, len(event.pcm))
        case ModelAudio():
            return _ModelSound(event.at_ms, len(event.mulaw), event.level_dbfs, event.steady)
        case StreamStarted() if event.greeting:
            greeted = _Greeted(event.at_ms, event.endpoints, len(event.greeting))
            return msgspec.Raw(msgspec.msgpack.encode(greeted))
        case PictureReceived():
            return _Picture(event.at_ms, event.n, len(event.jpeg))
        case _:
            other = _OtherEvent(type(event).__name__, msgspec.json.encode(event))
            return msgspec.Raw(msgspec.msgpack.encode(other))


def _encoded(head: Head, entries: Iterable[bytes]) -> bytes:
    return msgspec.msgpack.encode(_Record(format=FORMAT, head=head, entries=tuple(entries)))


def read_flight(record: bytes) -> Flight:
    """Raises UnreadableFlight."""
    try:
        made_by = msgspec.msgpack.decode(record, type=_AnyRecord).format
        if made_by != FORMAT:
            raise UnreadableFlight(f"it has format {made_by}, and this version reads {FORMAT}")
        read = msgspec.msgpack.decode(record, type=_Record)
        return Flight(read.head, tuple(_happened(read.entries)))
    except (msgspec.DecodeError, ValueError, KeyError, zlib.error) as error:
        if _is_of_format_1(record):
            raise UnreadableFlight("it was made by an older version") from None
        raise UnreadableFlight(f"{type(error).__name__}: {error}") from None


def _is_of_format_1(record: bytes) -> bool:
    """Whether the record has format 1: it began with the length of its head, a map."""
    length = int.from_bytes(record[:4], "little")
    return 0 < length <= len(record) - 4 and record[4] & 0xF0 == 0x80


def _happened(packed: Iterable[bytes]) -> Iterator[Happened]:
    event: Event | None = None
    for entry in _unpacked(packed):
        if not isinstance(entry, Answer):
            if event is not None:
                yield Happened(event, None)
            event = _event(entry)
        elif event is None:
            raise ValueError("an answer without an event")
        else:
            yield Happened(event, entry)
            event = None
    if event is not None:
        yield Happened(event, None)


def _unpacked(packed: Iterable[bytes]) -> Iterator[_Entry]:
    for chunk in packed:
        yield from msgspec.msgpack.decode(zlib.decompress(chunk), type=list[_Entry])


def _event(entry: _CallerSound | _ModelSound | _Greeted | _Picture | _OtherEvent) -> Event:
    match entry:
        case _CallerSound():
            return CallerAudio(entry.at_ms, _AUDIO_BYTE * entry.bytes, entry.level_dbfs)
        case _ModelSound():
            sound = _AUDIO_BYTE * entry.bytes
            return ModelAudio(entry.at_ms, sound, entry.level_dbfs, entry.steady)
        case _Greeted():
            return StreamStarted(entry.at_ms, entry.endpoints, _AUDIO_BYTE * entry.bytes)
        case _Picture():
            return PictureReceived(entry.at_ms, entry.n, bytes(entry.bytes))
        case _OtherEvent():
            event: Any = msgspec.json.decode(entry.fields, type=_EVENTS[entry.name])
            known: Event = event
            return known
        case _:
            assert_never(entry)


# Outlines


def outline(action: Action) -> str:
    """Describe an action in a few words, starting with its kind."""
    kind = type(action).__name__
    match action:
        case SendModelAudio(pcm):
            details = f"{len(pcm)} bytes"
        case PlayAudio(mulaw):
            details = f"{len(mulaw)} bytes"
        case SendMark(name):
            details = name
        case SendModelText(text):
            details = f"{len(text)} characters"
        case SendModelImage(jpeg):
            details = f"{len(jpeg)} bytes"
        case UpdateModelContext(instructions):
            details = f"{len(instructions)} characters"
        case ConnectModel():
            resumed = "fresh" if action.config.handle is None else "by handle"
            elsewhere = f" at endpoint {action.endpoint + 1}" if action.endpoint else ""
            details = f"{resumed}{elsewhere} within {action.within_ms:g} ms"
        case CallTool():
            details = f"{action.id} {action.tool.name}"
        case SendToolResponse():
            details = f"{action.id} {'output' if action.answer.error is None else 'error'}"
        case StartTimer(timer, after_ms):
            details = f"{timer} {after_ms} ms"
        case CancelTimer(timer):
            details = timer
        case SaveCall(changes, final):
            details = f"{'final ' if final else ''}{_changed(changes)}"
        case CloseStream(next):
            details = next or "undecided"
        case PlayRingback() | PlayTone() | ClearPlayback() | CloseModel():
            details = ""
        case _:
            assert_never(action)
    return f"{kind} {details}".rstrip()


def _changed(changes: CallChanges) -> str:
    turns = [
        f"turn {turn.n} {turn.speaker} {turn.start_ms}-{turn.end_ms} {len(turn.text)} characters"
        + (" interrupted" if turn.interrupted else "")
        for turn in changes.turns
    ]
    calls = [f"tool call {call.id} {call.outcome}" for call in changes.tool_calls]
    named = {"end_reason": changes.end_reason, "next": changes.next}
    told = [f"{name} {value}" for name, value in named.items() if value is not None]
    others = sorted(changes.fields().keys() - named.keys() - {"ended_at"})
    return ", ".join((*turns, *calls, *told, *others))
