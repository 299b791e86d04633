"""What was said and done, in the order in which it began, and the delays between."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ringdown.calls import EndReason, Speaker, ToolCall, ToolOutcome, Turn
from ringdown.calls.outside_hours import words_outside_hours
from ringdown_cli.call_page.contents import CallPage, MomentKind
from ringdown_cli.call_page.wording import seconds

ESTIMATE = "words: an estimate of what was heard (±200 ms)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the transcript. Times are places on the page's time line.

    `cut` says that the caller interrupted it; `data` is what a tool was given and answered.
    """

    kind: Literal["caller", "agent", "tool", "notice"]
    who: str
    at_ms: int
    end_ms: int
    text: str
    cut: bool = False
    ok: bool = True
    notes: tuple[str, ...] = ()
    data: str = ""


@dataclass(frozen=True, slots=True)
class Delay:
    """A wait that somebody on the phone would feel."""

    kind: Literal["reply", "barge-in"]
    from_ms: int
    to_ms: int
    label: str


def entries(page: CallPage) -> list[Entry]:
    began_ms = page.stream_began_ms
    call = page.record.call
    closed = call.end_reason is EndReason.OUTSIDE_HOURS and page.recording is None
    found = [
        *([_notice(0, words_outside_hours(call)[0])] if closed else []),
        *(_notice(moment.at_ms, moment.text) for moment in page.moments if _is_notice(moment.kind)),
        *(_turn(turn, began_ms) for turn in page.record.turns),
        *(_tool(tool, began_ms) for tool in page.record.tool_calls),
    ]
    return sorted(found, key=lambda entry: entry.at_ms)


def delays(turns: Sequence[Turn], began_ms: int) -> list[Delay]:
    """Replies and barge-ins that were timed."""
    found: list[Delay] = []
    for turn in turns:
        start_ms, end_ms = began_ms + turn.start_ms, began_ms + turn.end_ms
        if turn.reply_ms is not None:
            label = seconds(turn.reply_ms)
            found.append(Delay("reply", start_ms - turn.reply_ms, start_ms, label))
        if turn.barge_in_ms is not None:
            label = f"{turn.barge_in_ms} ms"
            found.append(Delay("barge-in", end_ms - turn.barge_in_ms, end_ms, label))
    return found


def _is_notice(kind: MomentKind) -> bool:
    return kind is MomentKind.NOTICE


def _notice(at_ms: int, text: str) -> Entry:
    return Entry("notice", "Notice", at_ms, at_ms, text)


def _turn(turn: Turn, began_ms: int) -> Entry:
    return Entry(
        kind="agent" if turn.speaker is Speaker.AGENT else "caller",
        who=turn.speaker.value.capitalize(),
        at_ms=began_ms + turn.start_ms,
        end_ms=began_ms + max(turn.start_ms, turn.end_ms),
        text=turn.text,
        cut=turn.interrupted,
        notes=tuple(_turn_notes(turn)),
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


def _tool(tool: ToolCall, began_ms: int) -> Entry:
    at_ms = began_ms + tool.start_ms
    answer = {"error": tool.error} if tool.error is not None else tool.output
    return Entry(
        kind="tool",
        who="Tool",
        at_ms=at_ms,
        end_ms=at_ms + tool.duration_ms,
        text=tool.name,
        ok=tool.outcome is ToolOutcome.ANSWERED,
        notes=(_how_it_ended(tool),),
        data=f"given {_json(tool.args)}\ncame back {_json(answer)}",
    )


def _how_it_ended(tool: ToolCall) -> str:
    if tool.outcome is ToolOutcome.UNKNOWN:
        return "may or may not have been done"
    return f"{tool.outcome.value} after {tool.duration_ms} ms"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
