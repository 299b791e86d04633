"""Recorded calls: what happened to a stream, event by event, and what the core did about it.

A recording is JSON with one line per event, so that `git diff` shows what has changed:

    first line   {"call": …, "history": […], "tool_calls": […], "words": …}: what the session began
                 with; empty ones may be left out
    event        [its name, its fields, [action, …]]
    audio        ["CallerAudio", [[at_ms, bytes, dbfs], …], [action, …]]: a run of chunks, each of
                 which led to the same actions; ["ModelAudio", …], too, with its fields
    action       [its name, its fields]; audio actions have the number of bytes instead of fields

Actions are written without the fields that have their default values, so that adding a field with
a default changes no recording. Events are written with all their fields. The audio itself isn't
kept, because the core never reads it.
"""

import dataclasses
import datetime
import enum
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from ringdown.calls import Call, ToolCall, Turn
from stream_handler.call import events
from stream_handler.call.actions import Action, PlayAudio, SendModelAudio
from stream_handler.call.events import CallerAudio, Event, ModelAudio, StreamStarted
from stream_handler.call.limits import Words
from stream_handler.call.session import StreamSession

Plain: TypeAlias = Any
"""A value that JSON can hold."""

FOLDER = Path(__file__).with_name("recordings")
_MOST_IN_A_RUN = 50


@dataclass(frozen=True, slots=True)
class Step:
    event: Event
    actions: list[Plain]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of one stream of a call."""

    call: Call
    history: tuple[Turn, ...]
    words: Words
    steps: tuple[Step, ...]
    tool_calls: tuple[ToolCall, ...] = ()

    def session(self) -> StreamSession:
        return StreamSession(self.call, self.words, self.history, self.tool_calls)


def record(
    call: Call,
    history: tuple[Turn, ...],
    words: Words,
    happened: Iterable[Event],
    tool_calls: tuple[ToolCall, ...] = (),
) -> Recording:
    """Give the events to a new session, and record what it does."""
    recording = Recording(call, history, words, (), tool_calls)
    session = recording.session()
    steps = tuple(Step(event, _outlines(session.handle(event))) for event in happened)
    return dataclasses.replace(recording, steps=steps)


def first_difference(recording: Recording) -> str | None:
    """Describe the first thing today's core does differently; None if there is no difference."""
    session = recording.session()
    for n, step in enumerate(recording.steps, start=1):
        where = f"event {n} at {step.event.at_ms:g} ms, {_shown(_told(step.event))}"
        try:
            actions = _outlines(session.handle(step.event))
        except Exception as error:
            error.add_note(f"at {where}")
            raise
        if actions != step.actions:
            return f"{where}\n{_compared(step.actions, actions)}"
    return None


def outline(action: Action) -> Plain:
    """Return an action's name and fields, with the number of bytes in place of audio."""
    match action:
        case SendModelAudio(pcm=sound) | PlayAudio(mulaw=sound):
            return [type(action).__name__, len(sound)]
        case _:
            return [type(action).__name__, _plain(action)]


# Files


def write(recording: Recording, path: Path) -> None:
    beginning: dict[str, object] = {
        "call": recording.call,
        "history": recording.history,
        **({"tool_calls": recording.tool_calls} if recording.tool_calls else {}),
        "words": recording.words,
    }
    lines = [msgspec.to_builtins(beginning), *_lines(recording.steps)]
    path.write_text("".join(f"{_shown(line)}\n" for line in lines), "utf-8")


def read(path: Path) -> Recording:
    beginning, *lines = map(json.loads, path.read_text("utf-8").splitlines())
    return Recording(
        call=msgspec.convert(beginning["call"], Call),
        history=msgspec.convert(beginning["history"], tuple[Turn, ...]),
        tool_calls=msgspec.convert(beginning.get("tool_calls", ()), tuple[ToolCall, ...]),
        words=msgspec.convert(beginning["words"], Words),
        steps=tuple(step for line in lines for step in _steps(line)),
    )


def _lines(steps: Iterable[Step]) -> Iterator[Plain]:
    for (kind, actions), run in groupby(steps, lambda step: (type(step.event), step.actions)):
        if kind is CallerAudio or kind is ModelAudio:
            while chunks := [_chunk(step.event) for step in islice(run, _MOST_IN_A_RUN)]:
                yield [kind.__name__, chunks, actions]
        else:
            for step in run:
                yield [*_told(step.event), actions]


def _told(event: Event) -> Plain:
    match event:
        case CallerAudio() | ModelAudio():
            return [type(event).__name__, _chunk(event)]
        case StreamStarted() if event.greeting:
            fields = msgspec.to_builtins(event) | {"greeting": len(event.greeting)}
            return [type(event).__name__, fields]
        case _:
            return [type(event).__name__, msgspec.to_builtins(event)]


def _chunk(event: Event) -> Plain:
    match event:
        case CallerAudio(at_ms, pcm, level_dbfs):
            return [at_ms, len(pcm), level_dbfs]
        case ModelAudio(at_ms, mulaw, level_dbfs, steady):
            return [at_ms, len(mulaw), level_dbfs, steady]
        case _:
            raise TypeError(f"{type(event).__name__} is not audio")


def _steps(line: Plain) -> Iterator[Step]:
    name, fields, actions = line
    match name:
        case "CallerAudio":
            for at_ms, length, level_dbfs in fields:
                yield Step(CallerAudio(at_ms, bytes(length), level_dbfs), actions)
        case "ModelAudio":
            for at_ms, length, *sounds in fields:
                yield Step(ModelAudio(at_ms, bytes(length), *sounds), actions)
        case "StreamStarted" if "greeting" in fields:
            fields = fields | {"greeting": bytes(fields["greeting"])}
            yield Step(msgspec.convert(fields, StreamStarted), actions)
        case _:
            yield Step(msgspec.convert(fields, getattr(events, name)), actions)


# Conversion to plain values


def _outlines(actions: Iterable[Action]) -> list[Plain]:
    return [outline(action) for action in actions]


def _plain(value: object) -> Plain:
    match value:
        case enum.Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return f"{len(value)} bytes"
        case datetime.datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            defaults = _defaults(value)
            names = (name for name, default in defaults if getattr(value, name) != default)
            return {name: _plain(getattr(value, name)) for name in names}


def _defaults(value: object) -> list[tuple[str, object]]:
    """Return each field's name and default; without a default, a value that equals no other."""
    if isinstance(value, msgspec.Struct):
        of_struct = msgspec.structs.fields(value)
        return [
            (field.name, field.default)
            if field.default_factory is msgspec.NODEFAULT
            else (field.name, field.default_factory())
            for field in of_struct
        ]
    if dataclasses.is_dataclass(value):
        return [(field.name, field.default) for field in dataclasses.fields(value)]
    raise TypeError(f"{type(value).__name__} has no plain form")


# Messages about differences


def _shown(plain: Plain) -> str:
    return json.dumps(plain, ensure_ascii=False)


def _compared(expected: list[Plain], got: list[Plain]) -> str:
    both = zip(expected, got, strict=False)
    same = next((n for n, (a, b) in enumerate(both) if a != b), min(len(expected), len(got)))
    return "\n".join(
        (
            f"  action {same + 1} ({len(expected)} were recorded, the core made {len(got)}):",
            f"  expected: {_at(expected, same)}",
            f"  got:      {_at(got, same)}",
        )
    )


def _at(actions: list[Plain], n: int) -> str:
    return _shown(actions[n]) if n < len(actions) else "nothing"
