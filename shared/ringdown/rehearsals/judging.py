"""Decides whether a call went the way its persona requires, facts first. Pure.

Only what the caller heard counts as said: the record's turns end where playback was cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from ringdown.calls import CallRecord, Speaker, ToolOutcome, Turn, timed_from_ring
from ringdown.calls.outcomes import Outcome, Value
from ringdown.calls.problems import (
    SLOW_REPLY_MS,
    line_problems,
    percentile,
    reply_times_ms,
)
from ringdown.rehearsals import (
    ExpectedCall,
    Persona,
    PersonaRun,
    Promise,
    Spoken,
    Verdict,
    VerdictKind,
    Verdicts,
)
from ringdown.rehearsals.languages import TOLD_APART, other_language
from ringdown.spoken_words import found_words
from ringdown.tools import Json
from ringdown.tools.check import BUILT_IN

NUDGE_TAKES_MS = 3_000
"""The time between when the agent should ask whether the caller is there and when they hear it."""
STOPS_WITHIN_MS = 1_000
"""Two people who talk over each other sort it out within 600 ms; the line adds some delay."""


def judge(persona: Persona, run: PersonaRun) -> Verdicts:
    """Check a call against its persona. A partial run can't be judged, so it gets no verdicts."""
    if run.partial is not None:
        return ()
    if run.record is None:
        why = run.unmet or "There is no record of the call."
        return (_verdict("call", False, "The call reaches the agent.", why),)
    call = _HeardCall(persona, run, timed_from_ring(run.record))
    return (
        *_tools(call),
        *_forbidden(call),
        *_outcome(call),
        *_heard(call),
        *_call(call),
    )


@dataclass(frozen=True, slots=True)
class _HeardCall:
    persona: Persona
    run: PersonaRun
    record: CallRecord
    """Timed from the ring."""

    @property
    def replies(self) -> Sequence[Turn]:
        return [turn for turn in self.record.turns if turn.speaker is Speaker.AGENT]

    @property
    def language(self) -> str:
        """The language that the agent must speak."""
        return self.persona.must.language or self.persona.language

    def done(self, tool: str) -> list[dict[str, Json]]:
        """Return the arguments of each request to the tool, or call of the built-in function.

        Requests with the same key count once.
        """
        asked = [it for it in self.record.tool_calls if it.outcome is not ToolOutcome.CANCELLED]
        if tool in BUILT_IN:
            return list({it.id: it.args for it in asked if it.name == tool}.values())
        keys = {it.idempotency_key for it in self.record.tool_calls}
        facts_tool = self.record.call.agent.before_call
        served = (
            it
            for it in self.run.ledger
            if it.tool == tool and (tool != facts_tool or it.idempotency_key in keys)
        )
        return list({it.idempotency_key: it.args for it in served}.values())


# What was done


def _tools(call: _HeardCall) -> Iterator[Verdict]:
    for expected in call.persona.must.tools:
        done = call.done(expected.tool)
        allowed = [it.args for it in call.persona.must.tools if it.tool == expected.tool]
        is_open = any(args is None for args in allowed)
        fitting = [it for it in done if expected.args is None or _same(it, expected.args)]
        others = [it for it in done if not (is_open or any(_same(it, a) for a in allowed))]
        enough = len(fitting) == expected.times if expected.times else bool(fitting)
        yield _verdict(
            "tools", enough and not others, _wanted(expected), _how_often(fitting, others)
        )


def _wanted(expected: ExpectedCall) -> str:
    times = "" if expected.times is None else f" {_times(expected.times)}"
    arguments = "" if expected.args is None else f" with {_arguments(expected.args)}"
    return f"{expected.tool} is called{times}{arguments}."


def _how_often(fitting: Sequence[Json], others: Sequence[dict[str, Json]]) -> str:
    if others:
        called = "; ".join(_arguments(args) for args in others)
        return f"It was called with {called}."
    return f"It was called {_times(len(fitting))}." if fitting else "It was never called."


def _same(one: Json, other: Json) -> bool:
    """Compare as JSON: 3 and 3.0 are the same number, but "3" is a text and true isn't a number."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(_same, one, other))
        case (bool(), _) | (_, bool()):
            return one is other
        case _:
            return bool(one == other)


# What must not happen


def _forbidden(call: _HeardCall) -> Iterator[Verdict]:
    must_not = call.persona.must_not
    for tool in must_not.tools:
        done = call.done(tool)
        why = f"It was called with {_arguments(done[0])}." if done else ""
        yield _verdict("forbidden", not done, f"{tool} isn't called.", why)
    everything = " … ".join(turn.text for turn in call.replies)
    for words in must_not.says:
        found = found_words(words, everything, call.language, whole_numbers=False)
        what = f"The caller doesn't hear “{words}”."
        yield _verdict("forbidden", found is None, what, "It was heard.", found)
    for promise in must_not.promises:
        yield _promise(call, promise)


def _promise(call: _HeardCall, promise: Promise) -> Verdict:
    what = f"“{promise.says}” isn't said before {promise.tool} has succeeded."
    for turn in call.replies:
        found = found_words(promise.says, turn.text, call.language, whole_numbers=False)
        if found is not None and not _had_succeeded(call, promise.tool, turn):
            why = f"It was said at {_clock(turn.start_ms)}, before the tool had succeeded."
            return _verdict("forbidden", False, what, why, found)
    return _verdict("forbidden", True, what)


def _had_succeeded(call: _HeardCall, tool: str, turn: Turn) -> bool:
    """Whether the tool succeeded before the end of the turn; single words aren't timed."""
    return any(
        it.name == tool
        and it.outcome is ToolOutcome.ANSWERED
        and it.start_ms + it.duration_ms <= turn.end_ms
        for it in call.record.tool_calls
    )


# The outcome


def _outcome(call: _HeardCall) -> Iterator[Verdict]:
    must, outcome = call.persona.must, call.record.outcome
    found = call.record.call.end_reason
    if must.ending is not None:
        why = "It isn't over." if found is None else f"It ended: {_plain(found)}."
        what = f"The call ends: {_plain(must.ending)}."
        yield _verdict("outcome", found is must.ending, what, why)
    outcome = call.record.outcome
    for name, value in must.outcome.items():
        finding = None if outcome is None else outcome.fields.get(name)
        got = None if finding is None else finding.value
        yield _found_out(outcome, f"After the call, {name} is {_json(value)}.", value, got)
    if must.success is not None:
        got = None if outcome is None else outcome.success.value
        what = f"After the call, the success is {must.success.value}."
        yield _found_out(outcome, what, must.success.value, got)


def _found_out(outcome: Outcome | None, what: str, wanted: Value, got: Value | None) -> Verdict:
    if outcome is None:
        return _verdict("outcome", None, what, "The agent's after_call questions weren't asked.")
    if outcome.problem is not None:
        return _verdict("outcome", None, what, outcome.problem)
    return _verdict("outcome", _same(got, wanted), what, f"It is {_json(got)}.")


# What was heard


def _heard(call: _HeardCall) -> Iterator[Verdict]:
    for words in call.persona.must.says:
        parts = (
            found_words(words, turn.text, call.language, whole_numbers=True)
            for turn in call.replies
        )
        found = next((part for part in parts if part is not None), None)
        what = f"The caller hears “{words}”."
        yield _verdict("heard", found is not None, what, "It was never heard.", found)
    yield _language(call)


def _language(call: _HeardCall) -> Verdict:
    what = f"The agent speaks {call.language}."
    if call.language.partition("-")[0] not in TOLD_APART:
        return _verdict("heard", None, what, "This language can't be told apart from others.")
    for turn in call.replies:
        if (found := other_language(turn.text, call.language)) is not None:
            why = f"At {_clock(turn.start_ms)} it spoke another language ({found})."
            return _verdict("heard", False, what, why, turn.text)
    return _verdict("heard", True, what)


# How the call went


def _call(call: _HeardCall) -> Iterator[Verdict]:
    run = call.run
    yield _verdict("call", run.unmet is None, "The caller isn't left waiting.", run.unmet or "")
    yield from _reply_times(call)
    yield _silences(call)
    yield from _interruptions(call)
    problems = " ".join((*_problems(call), *run.alerts))
    yield _verdict("call", not problems, "Nothing goes wrong on the line.", problems)


def _reply_times(call: _HeardCall) -> Iterator[Verdict]:
    within_s = call.persona.must.reply_within_s
    if within_s is not None:
        yield _replies(call, within_s, f"Every reply comes within {within_s:g} s.", share=1.0)
    elif not any(it.after_s for results in call.persona.tools.values() for it in results):
        within_s = SLOW_REPLY_MS / 1_000
        yield _replies(call, within_s, f"95 of 100 replies come within {within_s:g} s.", share=0.95)


def _replies(call: _HeardCall, within_s: float, what: str, *, share: float) -> Verdict:
    slow = [turn for turn in call.replies if (turn.reply_ms or 0) > within_s * 1_000]
    replies = reply_times_ms(call.replies)
    in_time = not replies or percentile(replies, share) <= within_s * 1_000
    took = ", ".join(f"{_s(turn.reply_ms or 0)} at {_clock(turn.start_ms)}" for turn in slow)
    return _verdict("call", in_time, what, f"Slow replies: {took}.", slow[0].text if slow else None)


def _silences(call: _HeardCall) -> Verdict:
    """Check that the line isn't silent for too long. An agent should ask whether a silent caller is
    there, and later say goodbye to one who says nothing at all."""
    idle, longest_ms = call.record.call.agent.idle, max(call.run.silences_ms, default=0)
    after_s = idle.nudge_after_s
    if not call.run.said:
        after_s = max(after_s, idle.goodbye_after_s - after_s)
    limit_ms = round(after_s * 1_000) + NUDGE_TAKES_MS
    what = f"The line is never silent for more than {limit_ms / 1_000:g} s."
    return _verdict("call", longest_ms <= limit_ms, what, f"It was silent for {_s(longest_ms)}.")


def _interruptions(call: _HeardCall) -> Iterator[Verdict]:
    """Check that sentences stop the agent. A cough, a door or a key doesn't have to, nor does the
    first sentence if the greeting is protected, because it may have been spoken over it."""
    is_protected = call.record.call.agent.protect_greeting
    said = [it for it in call.run.said if it.what == "say"]
    into = [it for it in said[1 if is_protected else 0 :] if it.interrupted_agent]
    ignored = [it for it in into if not _stopped_in_time(it)]
    if into:
        what = f"The agent stops within {STOPS_WITHIN_MS / 1_000:g} s when the caller interrupts."
        spoken_over = ", ".join(f"“{it.text}” at {_clock(it.start_ms)}" for it in ignored)
        yield _verdict("call", not ignored, what, f"It kept talking over {spoken_over}.")


def _stopped_in_time(spoken: Spoken) -> bool:
    """Whether the agent stopped in time, or the caller finished before it had to."""
    stopped_ms, lasted_ms = spoken.agent_stopped_ms, spoken.end_ms - spoken.start_ms
    if stopped_ms is None:
        return lasted_ms < STOPS_WITHIN_MS
    return stopped_ms <= STOPS_WITHIN_MS


def _problems(call: _HeardCall) -> tuple[str, ...]:
    """Return problems on the line, except those that the persona causes: an ending, and silence."""
    record = call.record
    if record.call.end_reason is call.persona.must.ending:
        record = replace(record, call=replace(record.call, end_reason=None))
    speaks = any(it.what == "say" for it in call.run.said)
    return line_problems(record, caller_speaks=speaks)


# Wording


def _verdict(
    kind: VerdictKind, passed: bool | None, what: str, why: str = "", quote: str | None = None
) -> Verdict:
    """Make a verdict. `why` says why it failed or couldn't be checked."""
    return Verdict(
        kind=kind, passed=passed, what=what, why="" if passed else why, quote=quote or ""
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _arguments(args: dict[str, Json]) -> str:
    return ", ".join(f"{name} {_json(value)}" for name, value in args.items()) or "nothing"


def _json(value: Json) -> str:
    return msgspec.json.encode(value).decode()


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _clock(at_ms: int) -> str:
    minutes, seconds = divmod(at_ms // 1_000, 60)
    return f"{minutes}:{seconds:02}"


def _s(duration_ms: int) -> str:
    return f"{duration_ms / 1_000:.1f} s"
