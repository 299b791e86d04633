"""Saves call records to the log if the store doesn't accept them in time, and restores them.

A dead letter holds everything needed to write a stream's part of the record later, even if the call
itself was never created. It is saved as numbered log lines that carry `ringdown_dead_letter`. They
contain what callers said, so a sink must route them to a bucket that only operators can read, and
keep them out of the ordinary log.
"""

import base64
import binascii
import datetime
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from ringdown.calls import (
    Call,
    CallChanges,
    CallRecord,
    CallStatus,
    CallStore,
    Claim,
    EndReason,
    ToolCall,
    ToolOutcome,
    Turn,
)
from ringdown.documents import explain
from ringdown.log import Field

MARK = "ringdown_dead_letter"
MAX_LINE_BYTES = 100_000
"""Cloud Logging accepts about 256 KB per line."""
ITEMS_AT_ONCE = 50
"""How many turns and tool calls one save writes: few enough for any store."""

_PART_CHARS = 96_000
_MAX_LETTER_BYTES = 64_000_000


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a call's record that a stream couldn't write to the store."""

    call: Call
    """The call at the beginning of the stream."""
    claim: Claim
    changes: CallChanges
    left_at: datetime.datetime


class Assembled(msgspec.Struct, frozen=True, kw_only=True):
    """The dead letters found in log lines."""

    letters: tuple[DeadLetter, ...]
    problems: tuple[str, ...]
    """A sentence for each letter that can't be read, with what to do."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What restoring a dead letter changed: nothing, if it was restored before."""

    call_sid: str
    created: bool = False
    """Whether the call was missing from the store."""
    turns: int = 0
    tool_calls: int = 0
    completed: bool = False
    """Whether the call's end, or another field of it, was missing."""
    still_open: bool = False
    """Whether nothing was written, because a later stream of the call isn't over. Try again when it
    is."""


# Saving to the log


def log_fields(letter: DeadLetter) -> tuple[dict[str, Field], ...]:
    """Return the fields of the log lines that hold `letter`, each line under MAX_LINE_BYTES."""
    packed = zlib.compress(msgspec.json.encode(letter), level=1)  # quick, because calls are live
    body = base64.b64encode(packed).decode()
    slices = [body[at : at + _PART_CHARS] for at in range(0, len(body), _PART_CHARS)]
    letter_id = hashlib.sha256(packed).hexdigest()[:16]
    return tuple(
        {
            MARK: True,
            "call_sid": letter.call.call_sid,
            "letter": letter_id,
            "part": n,
            "of": len(slices),
            "body": part,
        }
        for n, part in enumerate(slices, start=1)
    )


# Reading the log


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    call_sid: str
    letter: str
    part: Annotated[int, msgspec.Meta(ge=1)]
    of: Annotated[int, msgspec.Meta(ge=1)]
    body: str


def assemble(lines: Iterable[str]) -> Assembled:
    """Find the dead letters in log lines, in any order and among duplicates and unrelated lines.

    `lines` is what the process wrote, or what `gcloud logging read --format=json` prints.
    """
    parts: dict[str, dict[int, _Part]] = {}
    problems: list[str] = []
    for entry in _entries("".join(line if line.endswith("\n") else f"{line}\n" for line in lines)):
        if MARK not in entry:
            continue
        try:
            part = msgspec.convert(entry, _Part, strict=False)  # Cloud Logging turns 1 into 1.0
        except msgspec.ValidationError as error:
            problems.append(f"A line is marked as a dead letter but isn't one: {explain(error)}.")
            continue
        parts.setdefault(part.letter, {}).setdefault(part.part, part)
    letters = []
    for found in parts.values():
        letter = _opened(found)
        if isinstance(letter, DeadLetter):
            letters.append(letter)
        else:
            problems.append(letter)
    return Assembled(letters=tuple(letters), problems=tuple(problems))


def _entries(text: str) -> Iterator[dict[str, object]]:
    """Yield every JSON object that is logged in `text`, one per line or all in one array."""
    try:
        documents = [msgspec.json.decode(text)]
    except msgspec.DecodeError:
        documents = list(_documents(text))
    for document in documents:
        for entry in document if isinstance(document, list) else [document]:
            if isinstance(entry, dict):
                payload = entry.get("jsonPayload")
                yield payload if isinstance(payload, dict) else entry


def _documents(text: str) -> Iterator[object]:
    for line in text.splitlines():
        if MARK in line:
            try:
                yield msgspec.json.decode(line)
            except msgspec.DecodeError:
                yield {MARK: True}  # reported as not being a dead letter


def _opened(parts: dict[int, _Part]) -> DeadLetter | str:
    """Return the letter, or why it can't be read."""
    first = next(iter(parts.values()))
    name = f"Dead letter {first.letter} of call {first.call_sid}"
    if len(parts) < first.of:
        n = next(n for n in range(1, first.of + 1) if n not in parts)
        return (
            f"{name} is incomplete: part {n} of {first.of} is missing. Read the log again over a"
            " longer period."
        )
    body = "".join(parts[n].body for n in sorted(parts))
    try:
        packed = base64.b64decode(body, validate=True)
        text = zlib.decompressobj().decompress(packed, _MAX_LETTER_BYTES)
        return msgspec.json.decode(text, type=DeadLetter)
    except (binascii.Error, zlib.error, msgspec.DecodeError) as error:
        return f"{name} is damaged ({error}). Read the log again."


# Restoring


async def replay(store: CallStore, letter: DeadLetter) -> Replayed:
    """Write the parts of `letter` that the store lacks. Safe to repeat.

    The call is created if need be, turns and tool calls are added, and the call is completed unless
    a later stream took it over. Raises StoreUnavailable, InvalidDocument, and Superseded if the
    call changes hands meanwhile; it is safe to try again after any of them.
    """
    call_sid = letter.call.call_sid
    created = await store.read_call(call_sid) is None
    if created:
        ringing = msgspec.structs.replace(letter.call, status=CallStatus.RINGING)
        await store.open_call(ringing)
    await store.claim(call_sid, letter.claim)  # None if claimed already, which is fine
    record = await store.read_record(call_sid)
    if record is None:
        return Replayed(call_sid=call_sid)  # just deleted, which is fine
    if record.call.attempt > letter.call.attempt and record.call.status is not CallStatus.ENDED:
        return Replayed(call_sid=call_sid, still_open=True)
    changes = missing(record, letter)
    rest = changes
    while rest != CallChanges():
        now, rest = rest.split(ITEMS_AT_ONCE)
        await store.save(call_sid, record.call.attempt, now)
    return Replayed(
        call_sid=call_sid,
        created=created,
        turns=len(changes.turns),
        tool_calls=len(changes.tool_calls),
        completed=bool(changes.fields()),
    )


def missing(record: CallRecord, letter: DeadLetter) -> CallChanges:
    """Return the parts of `letter` that the stored `record` lacks."""
    fields = CallChanges()
    if record.call.attempt <= letter.call.attempt:
        fields = _missing_fields(record.call, letter)
    return msgspec.structs.replace(
        fields,
        turns=_missing_turns(record.turns, letter.changes.turns),
        tool_calls=_missing_tool_calls(record.tool_calls, letter.changes.tool_calls),
    )


def _missing_fields(call: Call, letter: DeadLetter) -> CallChanges:
    """Return the fields that the stored `call` lacks, including its end.

    A letter is written when its stream is over. Then the call is over, too, unless another stream
    continued it. Decisions that `/after-stream` received or made have taken effect, so they stay.
    """
    changes = letter.changes
    ended = call.status is CallStatus.ENDED
    wanted = msgspec.structs.replace(
        changes,
        status=CallStatus.ENDED,
        ended_at=changes.ended_at or (call.ended_at if ended else letter.left_at),
        end_reason=changes.end_reason or call.end_reason or EndReason.STREAM_LOST,
        next=changes.next if call.next is None else None,
        transfer_to=changes.transfer_to if call.next is None else None,
        transfer_reason=changes.transfer_reason if call.next is None else None,
    )
    lacking = {
        name: value for name, value in wanted.fields().items() if getattr(call, name) != value
    }
    return CallChanges(**lacking)


def _missing_turns(stored: tuple[Turn, ...], lost: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Return the lost turns to write. Turns are the same if the same side began them at the same
    time.

    A stream that couldn't read its predecessor's turns has reused their numbers. The lost turn then
    gets a new number; its time still puts it in the right place.
    """
    known = {(turn.speaker, turn.start_ms): turn for turn in stored}
    taken = {turn.n for turn in stored}
    added = []
    for turn in lost:
        same = known.get((turn.speaker, turn.start_ms))
        n = turn.n if turn.n not in taken else max(taken) + 1
        numbered = msgspec.structs.replace(turn, n=n if same is None else same.n)
        if numbered != same:
            added.append(numbered)
        taken.add(numbered.n)
    return tuple(added)


def _missing_tool_calls(
    stored: tuple[ToolCall, ...], lost: tuple[ToolCall, ...]
) -> tuple[ToolCall, ...]:
    """Return the lost tool calls to write. A call whose outcome the letter doesn't know replaces
    nothing, because the result may have come later."""
    known = {call.id: call for call in stored}
    return tuple(
        call
        for call in lost
        if known.get(call.id) != call
        and not (call.id in known and call.outcome is ToolOutcome.UNKNOWN)
    )
