"""Everything that the page shows, as plain data: the page's script only lays it out."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringdown.call_page.contents import Arrival, CallPage, Moment, MomentKind, Recording
from ringdown.call_page.transcript import Delay, Entry, delays, entries, unmatched
from ringdown.call_page.waveform import outlines
from ringdown.call_page.wording import (
    length,
    listed,
    plain,
    seconds,
    short_number,
)
from ringdown.calls import Call, CallRecord, CallStatus, EndReason, ToolOutcome, Usage
from ringdown.calls.outcome_facts import outcome_facts
from ringdown.calls.wording import money, transfers_shown
from ringdown.gemini.prices import cost_usd
from ringdown.wording import count, day_and_time

_FAILURES = frozenset(
    {
        EndReason.HANDLER_BUSY,
        EndReason.HANDLER_STOPPED,
        EndReason.MODEL_LOST,
        EndReason.MODEL_UNAVAILABLE,
        EndReason.NEVER_STREAMED,
        EndReason.STREAM_LOST,
    }
)


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number shown on a tile; `note` says what it is based on."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One side of the call on the time line: `outline` is empty without a recording."""

    who: str
    description: str
    outline: list[int]


@dataclass(frozen=True, slots=True)
class Span:
    """The part of the call that the recording covers."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class View:
    title: str
    when: str
    length: str
    ending: str
    failed: bool
    is_draft: bool
    judged: bool
    problems: Sequence[str]
    outcome: list[Fact]
    """What was found out after the call; empty if nothing was."""
    figures: list[Figure]
    facts: list[Fact]
    technical: list[Fact]
    language: str
    duration_ms: int
    recorded: Span | None
    lanes: list[Lane]
    entries: list[Entry]
    delays: list[Delay]
    moments: list[Moment]
    unmatched: list[Arrival]
    """Sentences that someone listened for and that are in no line of the transcript."""


def view_of(page: CallPage) -> View:
    record, call = page.record, page.record.call
    said = entries(page)
    duration_ms = _duration_ms(page, said)
    return View(
        title=f"Call from {short_number(call.caller)}",
        when=day_and_time(call.created_at),
        length=length(duration_ms),
        ending=_ending(call),
        failed=call.end_reason in _FAILURES,
        is_draft=call.is_draft,
        judged=page.problems is not None,
        problems=page.problems or (),
        outcome=[Fact(name, value) for name, value in outcome_facts(record)],
        figures=list(_figures(record)),
        facts=list(_facts(call)),
        technical=list(_technical(page)),
        language=call.agent.language,
        duration_ms=duration_ms,
        recorded=_recorded(page),
        lanes=_lanes(page, said),
        entries=said,
        delays=delays(page),
        moments=sorted(page.moments, key=lambda moment: moment.at_ms),
        unmatched=unmatched((*page.heard_by_caller, *page.heard_by_model), said),
    )


def _duration_ms(page: CallPage, said: Sequence[Entry]) -> int:
    ends_ms = [entry.end_ms for entry in said]
    ends_ms += [moment.at_ms for moment in page.moments]
    if (recorded := _recorded(page)) is not None:
        ends_ms.append(recorded.to_ms)
    elif page.record.call.ended_at is not None:
        lasted = page.record.call.ended_at - page.record.call.created_at
        ends_ms.append(round(lasted.total_seconds() * 1000))
    return max([1, *ends_ms])


def _recorded(page: CallPage) -> Span | None:
    sound = page.recording
    return None if sound is None else Span(sound.began_ms, sound.began_ms + sound.duration_ms)


def _ending(call: Call) -> str:
    if call.end_reason is not None:
        return plain(call.end_reason.value)
    return "ended" if call.status is CallStatus.ENDED else f"{plain(call.status.value)}, not over"


def _lanes(page: CallPage, said: Sequence[Entry]) -> list[Lane]:
    caller: list[int] = []
    agent: list[int] = []
    if isinstance(page.recording, Recording):
        caller, agent = outlines(page.recording)
    return [
        Lane("caller", _description("caller", said), caller),
        Lane("agent", _description("agent", said), agent),
    ]


def _description(who: str, said: Sequence[Entry]) -> str:
    turns = [entry for entry in said if entry.kind == who]
    spoken_ms = sum(entry.end_ms - entry.at_ms for entry in turns)
    cut = sum(entry.cut for entry in turns)
    text = f"The {who} on the time line: {count(len(turns), 'turn')}, {length(spoken_ms)} in all"
    return f"{text}, {cut} cut short." if cut else f"{text}."


def _figures(record: CallRecord) -> Iterator[Figure]:
    yield _cost(record.call)
    replies_ms = [turn.reply_ms for turn in record.turns if turn.reply_ms is not None]
    if replies_ms:
        note = f"median of {len(replies_ms)}; slowest {seconds(max(replies_ms))}"
        yield Figure("Reply", seconds(statistics.median(replies_ms)), note)
    barge_ins_ms = [turn.barge_in_ms for turn in record.turns if turn.barge_in_ms is not None]
    if barge_ins_ms:
        note = f"until silence; {count(len(barge_ins_ms), 'interruption')}"
        yield Figure("Barge-in", f"{max(barge_ins_ms)} ms", note)
    answered = sum(tool.outcome is ToolOutcome.ANSWERED for tool in record.tool_calls)
    if record.tool_calls:
        asked = len(record.tool_calls)
        note = "all answered" if answered == asked else f"{asked - answered} not answered"
        yield Figure("Tool calls", str(asked), note)


def _cost(call: Call) -> Figure:
    if not call.usage.reports and call.started_at is None:
        return Figure("Cost", money(0), "the model was not used")
    if not call.usage.reports:
        return Figure("Cost", "not known", "the model reported no usage")
    limit = call.agent.max_cost_usd
    of = "" if limit is None else f"; limit {money(limit)}"
    return Figure("Cost", money(cost_usd(call.usage)), f"estimate for the model{of}")


def _facts(call: Call) -> Iterator[Fact]:
    """Yield who answered, on which number, and whom the caller was transferred to."""
    yield Fact("Agent", call.agent_id)
    yield Fact("Revision", call.agent_revision)
    yield Fact("Called", short_number(call.called))
    if transfers := list(transfers_shown(call)):
        yield Fact("Transferred to", "; ".join(transfers))


def _technical(page: CallPage) -> Iterator[Fact]:
    call = page.record.call
    yield Fact("Model", call.agent.model)
    yield Fact("Voice", f"{call.agent.voice}, {call.agent.language}")
    if call.applied_revisions:
        yield Fact("Edits applied in the call", ", ".join(call.applied_revisions))
    if call.attempt > 1:
        yield Fact("Streams", str(call.attempt))
    if call.reconnects:
        yield Fact("Model sessions replaced", str(len(call.reconnects)))
    yield from _tokens(call.usage)
    if call.twilio_status is not None:
        yield Fact("Twilio status", call.twilio_status)
    marks = sum(moment.kind is MomentKind.MARK for moment in page.moments)
    if marks:
        yield Fact("Playback marks", str(marks))
    yield Fact("Call SID", call.call_sid)
    if call.trace_id is not None:
        yield Fact("Trace", call.trace_id)


def _tokens(usage: Usage) -> Iterator[Fact]:
    if usage.reports:
        yield Fact("Tokens", f"{usage.total:,}")
    if usage.prompt:
        yield Fact("Tokens in", listed(usage.prompt))
    if usage.response:
        yield Fact("Tokens out", listed(usage.response))
