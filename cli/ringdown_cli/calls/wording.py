"""Describes calls in one or a few lines, for the terminal."""

import datetime
from collections.abc import Iterator, Sequence

from ringdown.calls import Call, CallRecord, EndReason, Turn
from ringdown.calls.outcome_facts import outcome_facts
from ringdown.calls.outcomes import Outcome
from ringdown.calls.outside_hours import words_outside_hours
from ringdown.calls.problems import percentile, reply_times_ms
from ringdown.calls.search import Found
from ringdown.calls.wording import ending, length, money, number_shown, transfers_shown
from ringdown.gemini.prices import cost_usd
from ringdown_cli.local_time import column_of_times, with_zone
from ringdown_cli.terminal import Style, Terminal

_MANY_REPLIES = 20
"""With fewer replies, a percentile adds nothing to the slowest."""

Row = tuple[str, ...]
_SHORT_SID = 8


def short_sid(call_sid: str) -> str:
    """Enough of a SID to identify a call among thousands."""
    return call_sid[:_SHORT_SID]


def call_table(
    terminal: Terminal,
    found: Sequence[Found],
    zone: datetime.tzinfo,
    *,
    whole_numbers: bool = False,
    outcomes: bool = False,
) -> None:
    """Print a line for each call; those with problems stand out. With `outcomes`, show outcomes
    instead of what happened."""
    calls = [each.call for each in found]
    began, times = column_of_times("began", [call.created_at for call in calls], zone)
    several_called = len({call.called for call in calls}) > 1
    heads: Row = ("call", began, "caller", "called", "agent", "length", "cost")
    heads += ("outcome" if outcomes else "what happened",)
    rows: list[Row] = [
        (
            short_sid(call.call_sid),
            time,
            number_shown(call.caller, whole=whole_numbers),
            number_shown(call.called, whole=whole_numbers),
            f"{call.agent_id} (draft)" if call.is_draft else call.agent_id,
            length(call),
            "" if call.ended_at is None else money(cost_usd(call.usage)),
            outcome_line(each.outcome) if outcomes else _what_happened(each),
        )
        for each, call, time in zip(found, calls, times, strict=True)
    ]
    if not several_called:
        heads, *rows = (row[:3] + row[4:] for row in (heads, *rows))
    styles = [Style.BAD if each.problems else Style.PLAIN for each in found]
    terminal.table(heads, rows, styles=styles)


def outcome_line(outcome: Outcome | None) -> str:
    """The outcome's success and summary, or why they are unknown."""
    if outcome is None:
        return ""
    if outcome.problem is not None:
        return f"unknown: {outcome.problem}"
    return f"{outcome.success}: {outcome.summary}"


def _what_happened(found: Found) -> str:
    if not found.problems:
        return ending(found.call)
    first = found.problems[0].partition(". ")[0].rstrip(".")
    more = f" (+{len(found.problems) - 1})" if len(found.problems) > 1 else ""
    return f"{ending(found.call)}: {first}{more}"


def facts(
    record: CallRecord, zone: datetime.tzinfo, *, whole_numbers: bool
) -> Iterator[tuple[str, str]]:
    """Yield names and values that sum up a call in a few lines."""
    call = record.call
    caller = number_shown(call.caller, whole=whole_numbers)
    called = number_shown(call.called, whole=whole_numbers)
    yield "call", f"{call.call_sid}, {caller} to {called}"
    began = with_zone(call.created_at, zone)
    yield "began", f"{began}, {length(call)} min" if call.ended_at is not None else began
    yield "ended", ending(call)
    if call.end_reason is EndReason.OUTSIDE_HOURS:
        words, _ = words_outside_hours(call)
        yield "heard", f"“{words}”" if words.strip() else "nothing"
    for transfer in transfers_shown(call):
        yield "transfer", f"to {transfer}"
    draft = ", a draft" if call.is_draft else ""
    yield "agent", f"{call.agent_id}, revision {call.agent_revision}{draft}"
    if call.applied_revisions:
        yield "edits", f"applied {', '.join(call.applied_revisions)} during the call"
    if call.reconnects:
        yield "reconnects", f"{len(call.reconnects)}, to the model"
    if endpoints := dict.fromkeys(made.endpoint for made in call.reconnects if made.endpoint):
        yield "endpoint", f"{', '.join(endpoints)}, because another one failed"
    yield "model", f"{call.agent.model}, {call.agent.voice}, {call.agent.language}"
    if replies := reply_line(record.turns):
        yield "replies", replies
    if barge_ins := _barge_ins(record.turns):
        yield "barge-ins", barge_ins
    yield "cost", cost_line(call)
    if call.trace_id is not None:
        yield "trace", call.trace_id
    yield from outcome_facts(record)


def reply_line(turns: Sequence[Turn]) -> str:
    replies = reply_times_ms(turns)
    if not replies:
        return ""
    half, most, slowest = percentile(replies, 0.5), percentile(replies, 0.95), replies[-1]
    tail = f", 95th percentile {_s(most)}" if len(replies) >= _MANY_REPLIES else ""
    return f"{len(replies)} (median {_s(half)}{tail}, slowest {_s(slowest)})"


def _barge_ins(turns: Sequence[Turn]) -> str:
    silenced = sorted(turn.barge_in_ms for turn in turns if turn.barge_in_ms is not None)
    return f"{len(silenced)}, silent within {silenced[-1]} ms" if silenced else ""


def cost_line(call: Call) -> str:
    usage = call.usage
    if not usage.reports and call.ended_at is None and call.end_reason is None:
        return "unknown until the call has ended"
    if not usage.reports and call.started_at is None:
        return "$0.00 (the model was not used)"
    if not usage.reports:
        return "unknown: the model reported no usage"
    limit = call.agent.max_cost_usd
    of = "" if limit is None else f" of {money(limit)}"
    usd = cost_usd(usage)
    about = "" if usd < 0.01 else "about "
    return f"{about}{money(usd)}{of} for {usage.total:,} tokens"


def _s(duration_ms: int) -> str:
    return f"{duration_ms / 1000:.1f} s"
