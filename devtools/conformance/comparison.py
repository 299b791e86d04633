"""Compares two recordings of a script: the order, kinds and fields of the peer's messages.

Words, times and amounts of audio aren't compared, because they differ even between two sessions
with the real service.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from devtools.conformance.recording import Json, Message, Recording

_STREAMED = (
    *("serverContent.modelTurn", "serverContent.inputTranscription"),
    *("serverContent.outputTranscription", "sessionResumptionUpdate", "realtimeInput.audio"),
    *("media", "mark"),
)
"""Kinds that may repeat any number of times; only the position of the first one is compared."""
_NESTED = ("serverContent", "realtimeInput")
_FREE = ("args", "response", "customParameters")
"""Objects whose fields the script chose."""
_TOLD = ("mimeType", "modality", "encoding", "track", "DialCallStatus")
"""Texts whose values are compared, not only their types."""


def differences(stand_in: Sequence[Recording], real: Sequence[Recording]) -> list[str]:
    """Return one line per difference."""
    if len(stand_in) != len(real):
        return [f"sessions: {len(stand_in)} with the stand-in, {len(real)} with the real service"]
    return [line for ours, theirs in zip(stand_in, real, strict=True) for line in _of(ours, theirs)]


def _of(stand_in: Recording, real: Recording) -> Iterator[str]:
    ours, theirs = order(stand_in), order(real)
    if ours != theirs:
        yield f"order: stand-in {' → '.join(ours)}; real {' → '.join(theirs)}"
    ours_fields, their_fields = fields(stand_in), fields(real)
    for kind in sorted(ours_fields.keys() & their_fields.keys()):
        for side, one, other in (
            ("stand-in", ours_fields[kind], their_fields[kind]),
            ("real", their_fields[kind], ours_fields[kind]),
        ):
            if one - other:
                yield f"`{kind}`, only {side}: {', '.join(sorted(one - other))}"


def kinds(body: Json) -> list[str]:
    """Return the kinds in one message, such as `setupComplete`, `serverContent.interrupted`,
    `media`, `POST /status` or `closed with 1007`."""
    for name in ("event", "request", "ended"):
        if name in body:
            return [str(body[name])]
    found: list[str] = []
    for name, value in sorted(body.items()):
        nested = name in _NESTED and isinstance(value, Mapping)
        found += [f"{name}.{inner}" for inner in sorted(value)] if nested else [name]
    return found


def order(recording: Recording) -> list[str]:
    """Return the kinds of all messages, in order; kinds in one message are joined with "+"."""
    steps: list[str] = []
    streamed: set[str] = set()
    for message in recording.messages:
        every = kinds(message.body)
        for kind in every:
            if kind in _STREAMED and kind not in streamed and not message.is_ours:
                streamed.add(kind)
                steps.append(kind)
        rest = "+".join(kind for kind in every if kind not in _STREAMED)
        if rest:
            streamed.clear()
            steps.append(f"({rest})" if message.is_ours else rest)
    return steps


def fields(recording: Recording) -> dict[str, set[str]]:
    """Return the paths and types of the fields in each kind of message that the peer sent."""
    found: dict[str, set[str]] = defaultdict(set)
    for message in recording.messages:
        if not message.is_ours and "ended" not in message.body:
            for kind, value in _by_kind(message):
                found[kind] |= set(_paths(value, ""))
                found[kind] |= {"a binary frame"} if message.is_binary else set()
    return found


def _by_kind(message: Message) -> Iterator[tuple[str, Any]]:
    body = message.body
    if "event" in body:
        yield str(body["event"]), body
    elif "request" in body:
        yield str(body["request"]), body["form"]
    else:
        for name, value in body.items():
            if name in _NESTED and isinstance(value, Mapping):
                yield from ((f"{name}.{inner}", part) for inner, part in value.items())
            else:
                yield name, value


def _paths(value: Any, path: str) -> Iterator[str]:
    name = path.rpartition(".")[2].removesuffix("[]")
    if isinstance(value, Mapping) and value and name not in _FREE:
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, f"{path}[]")
    elif name in _TOLD:
        yield f"{path} = {value}"
    else:
        yield f"{path or 'value'}: {type(value).__name__}"
