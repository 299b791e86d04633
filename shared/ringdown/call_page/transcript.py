"""The transcript: what was said and done, in the order in which it began, and the delays."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ringdown.agents.phrases import notice_words
from ringdown.call_page.contents import Arrival, CallPage, MomentKind, Recording
from ringdown.call_page.waveform import audible_ms
from ringdown.call_page.wording import clock, seconds
from ringdown.calls import (
    EndReason,
    Speaker,
    ToolCall,
    ToolOutcome,
    Turn,
    timed_from_ring,
)
from ringdown.calls.outside_hours import words_outside_hours

ESTIMATE = "words: an estimate of what was heard (±200 ms)"
_BARELY_MS = 300
"""Less speech than this is only the end of a word that is in the record."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the transcript. Times count from the ring.

    `cut` means that the caller interrupted it; `data` is a tool's request and result; `arrivals`
    are the sentences in it that someone listened for on the other side.
    """

    kind: Literal["caller", "agent", "tool", "notice", "gap"]
    who: str
    at_ms: int
    end_ms: int
    text: str
    cut: bool = False
    ok: bool = True
    notes: tuple[str, ...] = ()
    data: str = ""
    arrivals: tuple[Arrival, ...] = ()
    picture: str = ""
    """The picture's address, if one was sent and kept."""


@dataclass(frozen=True, slots=True)
class Delay:
    """A wait that someone on the phone would notice."""

    kind: Literal["reply", "barge-in"]
    from_ms: int
    to_ms: int
    label: str


def entries(page: CallPage) -> list[Entry]:
    record = timed_from_ring(page.record)
    found = [
        *_spoken_by_the_network(page),
        *(_turn(turn, page.pictures) for turn in record.turns),
        *map(_tool, record.tool_calls),
        *_gaps(page),
    ]
    found.sort(key=lambda entry: entry.at_ms)
    _attach(found, "agent", page.heard_by_caller)
    _attach(found, "caller", page.heard_by_model)
    return found


def unmatched(arrivals: Sequence[Arrival], said: Sequence[Entry]) -> list[Arrival]:
    """Return the arrivals that match no line of the transcript."""
    attached = [arrival for entry in said for arrival in entry.arrivals]
    return [arrival for arrival in arrivals if arrival not in attached]


def delays(page: CallPage) -> list[Delay]:
    """Return the replies and barge-ins that were timed."""
    found: list[Delay] = []
    for turn in timed_from_ring(page.record).turns:
        if turn.reply_ms is not None:
            label = seconds(turn.reply_ms)
            found.append(Delay("reply", turn.start_ms - turn.reply_ms, turn.start_ms, label))
        if turn.barge_in_ms is not None:
            label = f"{turn.barge_in_ms} ms"
            found.append(Delay("barge-in", turn.end_ms - turn.barge_in_ms, turn.end_ms, label))
    return found


def _spoken_by_the_network(page: CallPage) -> list[Entry]:
    """Return the notices heard on the line; if there are none, the one that follows from the
    record."""
    heard = [moment for moment in page.moments if moment.kind is MomentKind.NOTICE]
    if heard:
        return [_notice(moment.at_ms, moment.text) for moment in heard]
    call = page.record.call
    closed = call.end_reason is EndReason.OUTSIDE_HOURS
    words, _ = words_outside_hours(call) if closed else notice_words(call.agent)
    return [_notice(0, words)] if words.strip() else []


def _notice(at_ms: int, text: str) -> Entry:
    return Entry("notice", "Notice", at_ms, at_ms, text)


def _turn(turn: Turn, pictures: Mapping[int, str]) -> Entry:
    return Entry(
        kind="agent" if turn.speaker is Speaker.AGENT else "caller",
        who=turn.speaker.value.capitalize(),
        at_ms=turn.start_ms,
        end_ms=max(turn.start_ms, turn.end_ms),
        text=turn.text,
        cut=turn.interrupted,
        notes=tuple(_turn_notes(turn)),
        picture=pictures.get(turn.upload or 0, ""),
    )


def _turn_notes(turn: Turn) -> list[str]:
    notes = []
    if turn.reply_ms is not None:
        notes.append(f"reply after {seconds(turn.reply_ms)}")
    if turn.barge_in_ms is not None:
        notes.append(f"silenced {turn.barge_in_ms} ms after the caller began")
    if turn.interrupted:
        notes.append(ESTIMATE)
    return notes


def _tool(tool: ToolCall) -> Entry:
    answer = {"error": tool.error} if tool.error is not None else tool.output
    return Entry(
        kind="tool",
        who="Tool",
        at_ms=tool.start_ms,
        end_ms=tool.start_ms + tool.duration_ms,
        text=tool.name,
        ok=tool.outcome is ToolOutcome.ANSWERED,
        notes=(_how_it_ended(tool),),
        data=f"request {_json(tool.args)}\nresult {_json(answer)}",
    )


def _how_it_ended(tool: ToolCall) -> str:
    if tool.outcome is ToolOutcome.UNKNOWN:
        return "may or may not have completed"
    return f"{tool.outcome.value} after {tool.duration_ms} ms"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


# -- what is missing from the record


def _gaps(page: CallPage) -> Iterator[Entry]:
    """Yield a line for each lost stream, because no turn has what was being said then."""
    call = page.record.call
    for n, taken_up in enumerate(call.take_ups, 1):
        at_ms = max(0, round((taken_up - call.created_at).total_seconds() * 1000))
        last = n == len(call.take_ups)
        if last and call.resumed_from is EndReason.HANDLER_STOPPED:
            text = "The handler was stopped, and another one continued the call."
            yield Entry("gap", "Line", at_ms, at_ms, text)
        else:
            text = f"The connection was lost and re-established. {_lost_words(page, at_ms)}"
            yield Entry("gap", "Line", at_ms, at_ms, text, ok=False)


def _lost_words(page: CallPage, at_ms: int) -> str:
    ends_ms = [turn.end_ms for turn in timed_from_ring(page.record).turns]
    began_ms = page.record.call.stream_began_ms
    since_ms = max((end_ms for end_ms in ends_ms if end_ms <= at_ms), default=began_ms)
    if not isinstance(page.recording, Recording):
        between = f"between {clock(since_ms)} and {clock(at_ms)}"
        return f"What was said {between}, if anything, isn't in the record."
    lost = [
        f"about {math.ceil(lost_ms / 1000)} s of the {who}'s speech"
        for who, lost_ms in _audible(page.recording, since_ms, at_ms)
        if lost_ms >= _BARELY_MS
    ]
    return f"Not in the record: {' and '.join(lost)}." if lost else "No words were lost."


def _audible(recording: Recording, since_ms: int, at_ms: int) -> Iterator[tuple[str, int]]:
    from_ms, to_ms = since_ms - recording.began_ms, at_ms - recording.began_ms
    for who, side in (("caller", recording.caller), ("agent", recording.agent)):
        yield who, audible_ms(side, recording.rate_hz, from_ms, to_ms)


# -- what arrived on the other side


def _attach(said: list[Entry], kind: str, arrivals: Sequence[Arrival]) -> None:
    """Attach each arrival to the first line that has its words, in the order of arrival."""
    earliest = 0
    for arrival in arrivals:
        for index in range(earliest, len(said)):
            if said[index].kind == kind and _same_words(arrival.sentence, said[index].text):
                entry = said[index]
                said[index] = replace(entry, arrivals=(*entry.arrivals, arrival))
                earliest = index
                break


def _same_words(sentence: str, text: str) -> bool:
    """Whether one contains the other. If a sentence was cut off, it has only the first words."""
    one, other = _words(sentence), _words(text)
    return bool(one) and bool(other) and (one in other or other in one)


def _words(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())
