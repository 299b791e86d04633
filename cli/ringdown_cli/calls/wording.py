"""Calls in a line or a few, for people at a terminal."""

from collections.abc import Iterator, Sequence

from ringdown.calls import Call, CallRecord, CallStatus, EndReason, Turn
from ringdown.calls.outside_hours import words_outside_hours
from ringdown.calls.problems import percentile, reply_times_ms
from ringdown.calls.wording import money, number_shown, transfers_shown
from ringdown.gemini.prices import cost_usd
from ringdown_cli.wording import day_and_minute

_MANY_REPLIES = 20
"""With fewer, the slowest says it all."""

LIST_HEADS = ("call", "began", "caller", "called", "agent", "length", "ended", "problems")


def list_row(call: Call, problems: Sequence[str], *, whole_numbers: bool) -> tuple[str, ...]:
    first = problems[0].partition(". ")[0].rstrip(".") if problems else ""
    more = f" (+{len(problems) - 1})" if len(problems) > 1 else ""
    return (
        call.call_sid,
        day_and_minute(call.created_at),
        number_shown(call.caller, whole=whole_numbers),
        number_shown(call.called, whole=whole_numbers),
        f"{call.agent_id} (draft)" if call.is_draft else call.agent_id,
        length(call),
        ending(call),
        f"{first}{more}",
    )


def ending(call: Call) -> str:
    if call.end_reason is not None:
        return call.end_reason.value.replace("_", " ")
    if call.status is CallStatus.ENDED:
        return "ended"
    return "ringing" if call.status is CallStatus.RINGING else "going on"


def length(call: Call) -> str:
    """As a clock counts; empty while the call goes on."""
    if call.ended_at is None:
        return ""
    minutes, seconds = divmod(int((call.ended_at - call.created_at).total_seconds()), 60)
    return f"{minutes}:{seconds:02}"


def facts(record: CallRecord, *, whole_numbers: bool) -> Iterator[tuple[str, str]]:
    """Name and value of what there is to know of a call in a few lines."""
    call = record.call
    caller = number_shown(call.caller, whole=whole_numbers)
    called = number_shown(call.called, whole=whole_numbers)
    yield "call", f"{call.call_sid}, {caller} to {called}"
    began = f"{day_and_minute(call.created_at)} UTC"
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
        yield "edits", f"took over {', '.join(call.applied_revisions)} while it went on"
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


def reply_line(turns: Sequence[Turn]) -> str:
    replies = reply_times_ms(turns)
    if not replies:
        return ""
    half, most, slowest = percentile(replies, 0.5), percentile(replies, 0.95), replies[-1]
    tail = f", 95 of 100 within {_s(most)}" if len(replies) >= _MANY_REPLIES else ""
    return f"{len(replies)}, half within {_s(half)}{tail}, the slowest {_s(slowest)}"


def _barge_ins(turns: Sequence[Turn]) -> str:
    silenced = sorted(turn.barge_in_ms for turn in turns if turn.barge_in_ms is not None)
    return f"{len(silenced)}, silent within {silenced[-1]} ms" if silenced else ""


def cost_line(call: Call) -> str:
    usage = call.usage
    if not usage.reports and call.started_at is None:
        return "$0.00 (the model was not used)"
    if not usage.reports:
        return "not known: the model reported no usage"
    limit = call.agent.max_cost_usd
    of = "" if limit is None else f" of {money(limit)}"
    usd = cost_usd(usage)
    about = "" if usd < 0.01 else "about "
    return f"{about}{money(usd)}{of} for {usage.total:,} tokens"


def _s(duration_ms: int) -> str:
    return f"{duration_ms / 1000:.1f} s"
