"""How a flight record is written and read.

    record   length of the head (4 bytes), head, entries
    head     MessagePack: the call as the stream began with it, and what was said in earlier streams
    entry    one byte for its kind, then
      caller's audio   time, level, length
      model's audio    time, length
      other event      time, length, MessagePack of its name and its fields
      answer           length, MessagePack of what the core decided on the event before it
      clock            a time that is too far from the one before it

Sound is kept as its level and length only. A time is the distance from the entry before, in eighths
of a millisecond; a level is in half decibels. The clock and the level meter have the same steps, so
a record holds exactly what the core was told. All numbers are little-endian.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, get_args

import msgspec

from ringdown.calls import Call, Turn
from stream_handler.call.events import CallerAudio, Event, ModelAudio

STEPS_PER_MS = 8
"""Of the clock that events carry."""
CALLER_AUDIO_ENTRY = struct.Struct("<BhhH")
MODEL_AUDIO_ENTRY = struct.Struct("<BhI")
OTHER_EVENT_ENTRY = struct.Struct("<BhI")
ANSWER_ENTRY = struct.Struct("<BI")
CLOCK_ENTRY = struct.Struct("<Bq")
FURTHEST_STEPS = 2**15 - 1
HEAD_LENGTH = struct.Struct("<I")
FORMAT = 1


class Kind:
    """The first byte of an entry."""

    CALLER_AUDIO: Final = 0
    MODEL_AUDIO: Final = 1
    OTHER_EVENT: Final = 2
    ANSWER: Final = 3
    CLOCK: Final = 4


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the stream began with."""

    format: int = FORMAT
    call: Call
    history: tuple[Turn, ...]
    truncated: bool = False
    """Recording stopped before the stream did: it was too long, or an event could not be noted."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What the core decided on an event, and how much sound it has passed on by then."""

    to_model_bytes: int
    played_bytes: int
    marks: int
    decisions: tuple[str, ...] = ()
    """Outlines of its actions, sound and marks aside."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event; `answer` is there if more was decided than to pass sound on."""

    event: Event
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Flight:
    head: Head
    happened: tuple[Happened, ...]


class UnreadableFlight(Exception):
    """The record is damaged, or of a version that knew other events; the message says which."""


_EVENTS: dict[str, type[msgspec.Struct]] = {kind.__name__: kind for kind in get_args(Event)}
_AUDIO_BYTE = b"\xff"


def encode_event(event: Event) -> bytes:
    return msgspec.msgpack.encode((type(event).__name__, event))


def write_flight(head: Head, entries: bytes) -> bytes:
    packed = msgspec.msgpack.encode(head)
    return b"".join((HEAD_LENGTH.pack(len(packed)), packed, entries))


def read_flight(record: bytes) -> Flight:
    """Raises UnreadableFlight."""
    try:
        (length,) = HEAD_LENGTH.unpack_from(record)
        start = HEAD_LENGTH.size + length
        head = msgspec.msgpack.decode(record[HEAD_LENGTH.size : start], type=Head)
        if head.format != FORMAT:
            raise UnreadableFlight(f"it has format {head.format}, and this version reads {FORMAT}")
        return Flight(head, tuple(_happened(record, start)))
    except (struct.error, msgspec.DecodeError, ValueError, KeyError, OverflowError) as error:
        raise UnreadableFlight(f"{type(error).__name__}: {error}") from None


def _happened(record: bytes, at: int) -> Iterator[Happened]:
    event: Event | None = None
    for entry in _entries(record, at):
        if isinstance(entry, Answer):
            if event is None:
                raise ValueError("an answer to nothing")
            yield Happened(event, entry)
            event = None
        else:
            if event is not None:
                yield Happened(event, None)
            event = entry
    if event is not None:
        yield Happened(event, None)


def _entries(record: bytes, at: int) -> Iterator[Event | Answer]:
    steps = 0
    while at < len(record):
        match record[at]:
            case Kind.CALLER_AUDIO:
                _, passed, level, length = CALLER_AUDIO_ENTRY.unpack_from(record, at)
                at += CALLER_AUDIO_ENTRY.size
                steps += passed
                yield CallerAudio(steps / STEPS_PER_MS, _AUDIO_BYTE * length, level / 2)
            case Kind.MODEL_AUDIO:
                _, passed, length = MODEL_AUDIO_ENTRY.unpack_from(record, at)
                at += MODEL_AUDIO_ENTRY.size
                steps += passed
                yield ModelAudio(steps / STEPS_PER_MS, _AUDIO_BYTE * length)
            case Kind.OTHER_EVENT:
                _, passed, length = OTHER_EVENT_ENTRY.unpack_from(record, at)
                at += OTHER_EVENT_ENTRY.size
                steps += passed
                yield _event(record[at : at + length])
                at += length
            case Kind.ANSWER:
                _, length = ANSWER_ENTRY.unpack_from(record, at)
                at += ANSWER_ENTRY.size
                yield msgspec.msgpack.decode(record[at : at + length], type=Answer)
                at += length
            case Kind.CLOCK:
                _, steps = CLOCK_ENTRY.unpack_from(record, at)
                at += CLOCK_ENTRY.size
            case kind:
                raise ValueError(f"entry of unknown kind {kind}")


def _event(packed: bytes) -> Event:
    name, fields = msgspec.msgpack.decode(packed, type=tuple[str, msgspec.Raw])
    event: Any = msgspec.msgpack.decode(fields, type=_EVENTS[name])
    known: Event = event
    return known
