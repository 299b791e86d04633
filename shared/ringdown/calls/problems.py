"""What went wrong in a call, in plain words, and what to do about it. Pure."""

import difflib
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from ringdown.calls import (
    FINAL_TWILIO_STATUSES,
    GO_AWAY,
    NO_SOUND,
    Call,
    CallRecord,
    CallStatus,
    EndReason,
    NextAction,
    Reconnect,
    Speaker,
    ToolOutcome,
    Turn,
    may_be_running,
    timed_from_ring,
)
from ringdown.calls.limits import ALERT_AT
from ringdown.gemini.prices import cost_usd
from ringdown.gemini.refusals import Refusal, refusal_of

SLOW_REPLY_MS = 2_000
"""Callers begin to ask "hello?" after about two seconds of silence."""
SLOW_BARGE_IN_MS = 600
"""Two people who talk over each other sort it out faster than this."""
MANY_INTERRUPTIONS = 3
"""One or two interruptions are normal in any conversation."""
REPEATED_ALIKE = 0.85
"""How similar two sentences must be to count as the same: the share of words in the same order."""
REPEATED_WORDS = 3
"""Shorter sentences ("yes", "thank you") are often said twice for no reason."""
UNHEARD_AFTER_MS = 8_000
"""Enough for a greeting and the beginning of a reply to it."""
LONG_VOICE_MS = 10_000
WORDS_PER_S = 0.5
"""Slow speech has more than one word per second; half of it may be pauses."""
LENGTHS_DIFFER_S = 15
"""Only one of the two lengths includes the notice and the ringing, which take less than this."""

_LISTED = 3


def problems(record: CallRecord) -> tuple[str, ...]:
    """Describe each thing that went wrong in a sentence or two, most serious first.

    Empty if nothing went wrong. Times in the sentences count from the ring.
    """
    record = timed_from_ring(record)
    call, turns = record.call, record.turns
    return (
        *_ending(call),
        *_agent_document(call),
        *_facts(call),
        *_recording(call),
        *_endpoints(call),
        *_reconnects(call),
        *_no_sound(call),
        *_silence(record),
        *_tools(record),
        *_transfers(call),
        *_slow_replies(turns),
        *_interruptions(turns),
        *_repetitions(turns),
        *_missing_words(turns),
        *_cost(call),
        *_twilio(call),
        *_outcome(record),
    )


def line_problems(record: CallRecord, *, caller_speaks: bool) -> tuple[str, ...]:
    """Describe the `problems` not caused by the caller, a tool or the person transferred to.

    The record's times must count from the ring. `caller_speaks` says whether the caller should be
    heard.
    """
    call = record.call
    return (
        *_ending(call),
        *_agent_document(call),
        *_endpoints(call),
        *_reconnects(call),
        *_no_sound(call),
        *(_silence(record) if caller_speaks else ()),
    )


def reply_times_ms(turns: Sequence[Turn]) -> list[int]:
    """Return how long the caller waited for each reply, sorted."""
    return sorted(turn.reply_ms for turn in turns if turn.reply_ms is not None)


def percentile(ordered: Sequence[int], share: float) -> int:
    """Return the smallest of the `ordered` values that at least `share` of them don't exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


_ENDINGS = {
    EndReason.MODEL_UNAVAILABLE: (
        "The model couldn't be reached, or refused, so the caller was sent to the fallback number."
    ),
    EndReason.MODEL_LOST: (
        "The model was lost in the middle of the call and didn't come back, so the caller was sent"
        " to the fallback number."
    ),
    EndReason.STREAM_LOST: (
        "The audio stream dropped, and the call didn't continue: it had been taken over too often,"
        " or it ended meanwhile. The stream handler was gone or unreachable: look for its errors"
        " at that time, and for 31901 to 31924 in Twilio's debugger."
    ),
    EndReason.NEVER_STREAMED: (
        "The call ended before its audio stream began: the caller hung up during the notice, or"
        " Twilio couldn't reach the stream handler. If it happens often, look for 31901 to 31920"
        " in Twilio's debugger."
    ),
    EndReason.HANDLER_STOPPED: (
        "The stream handler was stopped, for a new version or fewer instances, and the call ended"
        " before another one took over."
    ),
    EndReason.HANDLER_BUSY: (
        "The stream handler was at its limit (MAX_CALLS), or too slow for one more call,"
        " so the caller heard that all lines are busy. Allow more instances."
    ),
    EndReason.TIME_LIMIT: ("The call reached the agent's time limit (max_call_s) and was ended."),
    EndReason.COST_LIMIT: (
        "The call reached its cost limit (max_cost_usd) and was ended. Raise the limit, or shorten"
        " the agent's instructions and replies: every turn is billed along with everything before"
        " it."
    ),
    EndReason.CALLER_IDLE: (
        "The caller had gone silent, so the agent said goodbye and ended the call."
    ),
}


_REFUSALS = {
    Refusal.CREDENTIALS: "The stream handler has no Google credentials.",
    Refusal.KEY: "Google doesn't accept the Gemini key. Use another one.",
    Refusal.MODEL: "The agent's model doesn't exist, was retired, or isn't in this region.",
    Refusal.LOCATION: "Google doesn't offer Gemini in the stream handler's region.",
    Refusal.ACCESS: "The project has no access to Gemini.",
    Refusal.QUOTA: "The quota for Gemini was used up.",
    Refusal.SETUP: "The model doesn't accept the agent's settings, or a tool's parameters.",
    Refusal.POLICY: "Google's policy blocked the session.",
}


def _ending(call: Call) -> Iterator[str]:
    if call.end_reason not in _ENDINGS:
        return
    ending = _ENDINGS[call.end_reason]
    if call.end_reason in (EndReason.MODEL_UNAVAILABLE, EndReason.MODEL_LOST):
        ending = f"{ending} {_why_no_model(call)}"
    yield ending


def _why_no_model(call: Call) -> str:
    if call.model_error is None:
        return "The stream handler's log has the reason."
    code = call.model_error.partition(" ")[0]
    refusal = refusal_of(call.model_error, int(code) if code.isdigit() else None)
    meaning = "" if refusal is None else f"{_REFUSALS[refusal]} "
    return f"{meaning}The service said: {_sentence(call.model_error)} To try again: ringdown doctor"


def _agent_document(call: Call) -> Iterator[str]:
    if call.agent_problem is not None:
        reason = " ".join(call.agent_problem.split())
        yield (
            f"The agent's latest version couldn't be used, so revision {call.agent_revision}"
            f" answered instead. What is wrong: {reason}"
        )


def _facts(call: Call) -> Iterator[str]:
    if call.facts_problem is not None:
        tool = call.agent.before_call
        yield (
            f"The call was answered without facts about the caller, because {tool} (before_call)"
            f" gave none: {_sentence(call.facts_problem)}"
        )


def _recording(call: Call) -> Iterator[str]:
    if call.recording_problem is not None:
        yield f"The recording is incomplete: {_sentence(call.recording_problem)}"


def _endpoints(call: Call) -> Iterator[str]:
    for before, made in _moves(call):
        failed = "The model's first endpoint" if before is None else f"The endpoint {before}"
        yield (
            f"{failed} failed at {_clock(made.at_ms)} ({made.reason}), so the call continued at"
            f" {made.endpoint or 'the first'}. To check every endpoint: ringdown doctor"
        )


def _moves(call: Call) -> Iterator[tuple[str | None, Reconnect]]:
    """Yield the reconnects to another endpoint, each with the endpoint before it."""
    befores = (None, *(made.endpoint for made in call.reconnects))
    for before, made in zip(befores, call.reconnects, strict=False):
        if made.endpoint != before:
            yield before, made


_BETWEEN_TURNS_MS = 1_000
"""An expected reconnect that is faster than this isn't worth mentioning."""


def _reconnects(call: Call) -> Iterator[str]:
    """Report reconnects, except those that the service requires every ten minutes or so and that
    callers don't notice."""
    moved = [made for _, made in _moves(call)]
    heard = [
        made
        for made in call.reconnects
        if (made.took_ms > _BETWEEN_TURNS_MS or made.reason not in (GO_AWAY, NO_SOUND))
        and made not in moved
    ]
    if heard:
        where = _some([f"{_clock(made.at_ms)} ({made.reason})" for made in heard])
        longest = _s(max(made.took_ms for made in heard))
        yield (
            f"The connection to the model was replaced {_times(len(heard))}, at {where}, and the"
            f" call continued. It took at most {longest}. If it happens often, check the model's"
            " status page and quota."
        )


def _no_sound(call: Call) -> Iterator[str]:
    """Report replies that had words but no audible voice."""
    silent = [_clock(made.at_ms) for made in call.reconnects if made.reason == NO_SOUND]
    if silent:
        yield (
            "The agent replied, but inaudibly: the model sent silence instead of a voice. Its"
            f" session was replaced at {_some(silent)}, and the call continued. If it happens"
            " often, choose another voice or model."
        )


def _silence(record: CallRecord) -> Iterator[str]:
    if record.call.started_at is None or record.call.status is not CallStatus.ENDED:
        return
    spoke = {turn.speaker for turn in record.turns}
    length_ms = max((t.end_ms for t in record.turns), default=0) - record.call.stream_began_ms
    if Speaker.AGENT not in spoke:
        yield "The agent was never heard. Look for the model's errors in the stream handler's log."
    elif Speaker.CALLER not in spoke and length_ms >= UNHEARD_AFTER_MS:
        yield (
            "The caller was never heard. Their line was silent, or the model took their voice"
            " for noise (turn_taking.start_sensitivity)."
        )
    if Speaker.AGENT in spoke and not record.call.usage.reports:
        yield "The model reported no usage, so the cost of this call is unknown."


def _tools(record: CallRecord) -> Iterator[str]:
    calls = record.tool_calls
    failed: dict[tuple[str, str], int] = defaultdict(int)
    for call in calls:
        if call.outcome is ToolOutcome.FAILED:
            failed[call.name, call.error or "It gave no reason"] += 1
    for (name, error), times in failed.items():
        asked = sum(call.name == name for call in calls)
        how_often = "" if asked == 1 else f" {times} out of {asked} times"
        yield f"The tool {name} failed{how_often}: {_sentence(error)}"
    for call in calls:
        if call.outcome is ToolOutcome.UNKNOWN and not may_be_running(call, record.call):
            error = "No result arrived." if call.error is None else _sentence(call.error)
            yield f"The tool {call.name} may or may not have completed: {error}"


def _transfers(call: Call) -> Iterator[str]:
    for name in dict.fromkeys(call.failed_transfers):
        yield (
            f"The caller was transferred to {name}, who didn't take the call, and came back to the"
            " agent."
        )
    if _gave_up_waiting(call):
        yield f"The caller hung up before {call.transfer_to} had taken the call."
    if call.take_ups:
        yield (
            f"The audio stream ended early {_times(len(call.take_ups))}, and the call continued on"
            " another one. The webhook's log says why, at “call taken over”."
        )
    if call.stream_error is not None:
        yield f"Twilio reported a problem with the audio stream: {_sentence(call.stream_error)}"


def _gave_up_waiting(call: Call) -> bool:
    return (
        call.next is NextAction.TRANSFER
        and call.agent.transfer_accept
        and call.accepted_by is None
        and call.twilio_status in FINAL_TWILIO_STATUSES
    )


def _slow_replies(turns: Sequence[Turn]) -> Iterator[str]:
    replies = reply_times_ms(turns)
    if not replies or (slow_ms := percentile(replies, 0.95)) <= SLOW_REPLY_MS:
        return
    slow = [turn for turn in turns if (turn.reply_ms or 0) > SLOW_REPLY_MS]
    where = _some([f"{_clock(turn.start_ms)} ({_s(turn.reply_ms or 0)})" for turn in slow])
    yield (
        f"Replies were slow: 95 of 100 came within {_s(slow_ms)}, and callers notice anything over"
        f" {_s(SLOW_REPLY_MS)}. The slow ones: {where}."
    )


def _interruptions(turns: Sequence[Turn]) -> Iterator[str]:
    answers = [turn for turn in turns if turn.speaker is Speaker.AGENT]
    cut = [turn for turn in answers if turn.interrupted]
    if len(cut) >= MANY_INTERRUPTIONS and 2 * len(cut) > len(answers):
        yield (
            f"The caller cut off {len(cut)} of {len(answers)} replies. Ask for shorter ones in the"
            " instructions; if it was noise, set turn_taking.start_sensitivity to low."
        )
    slow = [turn for turn in cut if (turn.barge_in_ms or 0) > SLOW_BARGE_IN_MS]
    if slow:
        where = _some([f"{_clock(turn.end_ms)} ({_s(turn.barge_in_ms or 0)})" for turn in slow])
        yield f"The agent kept talking for too long when the caller spoke: at {where}."


def _repetitions(turns: Sequence[Turn]) -> Iterator[str]:
    said = [turn for turn in turns if turn.speaker is Speaker.CALLER]
    again = [b for a, b in itertools.pairwise(said) if _alike(a.text, b.text)]
    if again:
        where = _some([_clock(turn.start_ms) for turn in again])
        yield f"The caller had to repeat themselves at {where}: “{again[0].text}”."


def _missing_words(turns: Sequence[Turn]) -> Iterator[str]:
    """Report long speech of which hardly anything was transcribed. It is missing from the record,
    and from any memory made from it."""
    for turn in turns:
        length_ms, words = turn.end_ms - turn.start_ms, len(turn.text.split())
        if length_ms >= LONG_VOICE_MS and words < length_ms * WORDS_PER_S / 1_000:
            who = "caller" if turn.speaker is Speaker.CALLER else "agent"
            yield (
                f"Only {words} words were transcribed of what the {who} said for {_s(length_ms)}"
                f" at {_clock(turn.start_ms)}."
            )


def _alike(a: str, b: str) -> bool:
    words, more = _words(a), _words(b)
    if min(len(words), len(more)) < REPEATED_WORDS:
        return False
    return difflib.SequenceMatcher(None, words, more).ratio() >= REPEATED_ALIKE


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text[:500].lower()).split()


def _cost(call: Call) -> Iterator[str]:
    limit, cost = call.agent.max_cost_usd, cost_usd(call.usage)
    if limit is not None and cost >= ALERT_AT * limit and call.end_reason != EndReason.COST_LIMIT:
        yield f"The call cost about ${cost:.2f}; its limit is ${limit:.2f} (max_cost_usd)."


_TWILIO_FAILURES = {
    "busy": "the line was busy",
    "failed": "the call couldn't be completed",
    "no-answer": "no one answered",
    "canceled": "the call was cancelled while it rang",
}


def _twilio(call: Call) -> Iterator[str]:
    if call.twilio_status in _TWILIO_FAILURES:
        says = _TWILIO_FAILURES[call.twilio_status]
        yield f"Twilio says that {says}. Its debugger has the reason."
    if call.status is not CallStatus.ENDED or call.started_at is None:
        return
    if call.twilio_status is None:
        yield (
            "Twilio hasn't said how the call ended. Check that the number's status callback is"
            " set to the webhook's /status."
        )
    elif (missing_s := _unrecorded_s(call)) > LENGTHS_DIFFER_S:
        yield f"Twilio counts {missing_s:.0f} s more than the record, whose end may be missing."


_ALL_HERE = frozenset({EndReason.AGENT_HUNG_UP, EndReason.CALLER_HUNG_UP})
"""Endings after which no one else is on the line, such as a person after a transfer."""


def _unrecorded_s(call: Call) -> float:
    if call.ended_at is None or call.twilio_duration_s is None or call.end_reason not in _ALL_HERE:
        return 0.0
    return call.twilio_duration_s - (call.ended_at - call.created_at).total_seconds()


# Wording


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _some(places: Sequence[str]) -> str:
    more = len(places) - _LISTED
    return ", ".join(places[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _clock(at_ms: int) -> str:
    minutes, seconds = divmod(at_ms // 1000, 60)
    return f"{minutes}:{seconds:02}"


def _s(duration_ms: int) -> str:
    return f"{duration_ms / 1000:.1f} s"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _outcome(record: CallRecord) -> Iterator[str]:
    outcome = record.outcome
    if outcome is not None and outcome.problem is not None:
        tries = "1 try" if outcome.tries == 1 else f"{outcome.tries} tries"
        yield (
            f"The outcome is unknown after {tries}. {outcome.problem} Correct that, and run:"
            " ringdown calls analyse --since 30d"
        )
