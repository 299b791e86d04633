"""The state of the line: who is on it, what today costs, and what needs attention."""

import asyncio
import datetime
import enum
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Protocol

import msgspec
from msgspec.structs import replace

from ringdown.agents import DEFAULT_AGENT_ID, Agent
from ringdown.agents.check import Findings, findings
from ringdown.agents.opening_hours import is_open, next_change
from ringdown.agents.store import AgentStore, StoredAgent
from ringdown.agents.template_values import local_time
from ringdown.calls import CallIndex, CallQuery, EndReason, ListedCall
from ringdown.calls.figures import CountedCall, Day, FigureStore, days_until, read_days_and_live
from ringdown.calls.limits import LimitStore, LineLimits, LineUse, verdict
from ringdown.errors import InvalidDocument
from ringdown.stores.documents import Documents
from ringdown.webhooks import LostWebhook
from ringdown.webhooks.lost import lost_since

LOOKS_BACK = datetime.timedelta(days=1)
"""Calls that failed earlier than this no longer need attention."""
_MOST_CALLS = 100

FAILURES = {
    EndReason.MODEL_UNAVAILABLE: "the model could not be reached, or refused",
    EndReason.MODEL_LOST: "the model was lost",
    EndReason.STREAM_LOST: "the audio stream broke off",
    EndReason.HANDLER_STOPPED: "the stream handler was stopped",
    EndReason.HANDLER_BUSY: "the stream handler was full",
    EndReason.NEVER_STREAMED: (
        "the caller hung up during the notice, or no stream handler was reached"
    ),
}
"""Endings that count as failures, and what happened."""


class Subject(enum.StrEnum):
    """The kind of thing that a concern is about; `Concern.name` names the thing."""

    AGENT = "agent"
    NUMBER = "number"
    LIMIT = "limit"
    CALLS = "calls"
    """Calls that ended for the same reason."""
    OUTCOMES = "outcomes"
    """Outcomes that couldn't be determined."""
    WEBHOOK = "webhook"
    """A receiver that didn't accept its messages."""


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """Something that needs a person's attention."""

    subject: Subject
    name: str
    text: str
    """One sentence, without advice: what to do depends on where the concern is shown."""
    calls: tuple[str, ...] = ()
    """SIDs, newest first."""


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's opening hours."""

    is_open: bool
    changes_at: datetime.datetime | None
    """When it closes or opens next, in the agent's time zone; None for never."""


class LineState(msgspec.Struct, frozen=True, kw_only=True):
    live: tuple[CountedCall, ...]
    """The live calls, newest first."""
    today: Day
    use: LineUse
    limits: LineLimits
    hours: dict[str, Hours]
    """Opening hours by agent id: of the default agent, and of those that have a number."""
    concerns: tuple[Concern, ...]
    """Most serious first; empty if all is well."""


class LineStore(AgentStore, CallIndex, FigureStore, LimitStore, Protocol):
    """Everything that `line_state` reads."""

    @property
    def documents(self) -> Documents: ...


async def line_state(store: LineStore, now: datetime.datetime, zone: datetime.tzinfo) -> LineState:
    """Read the state of the line. Today began at midnight in `zone`. Raises StoreUnavailable."""
    try:
        async with asyncio.TaskGroup() as group:
            sums = group.create_task(read_days_and_live(store, days_until(now, zone, 2), now))
            webhooks = group.create_task(lost_since(store.documents, now - LOOKS_BACK))
            use = group.create_task(store.line_use(None, now))
            limits = group.create_task(_limits(store))
            stored = group.create_task(store.list_agents())
            numbers = group.create_task(store.list_numbers())
            tools = group.create_task(store.declared_tools())
        days, live = sums.result()
        lost, unknown = await _in_trouble(store, days, now)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    found = {each.agent_id: findings(each.document, tools.result()) for each in stored.result()}
    known, broken = limits.result()
    return LineState(
        live=live,
        today=days[0],
        use=use.result(),
        limits=known,
        hours=dict(_hours(found, numbers.result(), now)),
        concerns=(
            *agent_concerns(stored.result(), found),
            *number_concerns(numbers.result(), found),
            *broken,
            *limit_concerns(known, use.result()),
            *call_concerns(lost),
            *outcome_concerns(unknown),
            *webhook_concerns(webhooks.result()),
        ),
    )


async def _in_trouble(
    store: CallIndex, days: Sequence[Day], now: datetime.datetime
) -> tuple[tuple[ListedCall, ...], tuple[ListedCall, ...]]:
    """Return the calls that failed, and those whose outcome couldn't be determined. Asks only for
    what the sums say has happened, because each end reason needs a query."""
    seen = CallQuery(since=now - LOOKS_BACK, limit=_MOST_CALLS)
    reasons = tuple(reason for reason in FAILURES if any(reason in day.endings for day in days))
    has_unknown = any("problem" in counts for day in days for counts in day.outcomes.values())
    lost = await store.list_calls(replace(seen, end_reasons=reasons)) if reasons else ()
    unknown = await store.list_calls(replace(seen, outcomes=("problem",))) if has_unknown else ()
    return lost, unknown


async def _limits(store: LimitStore) -> tuple[LineLimits, tuple[Concern, ...]]:
    """Read the limits. If they can't be read, the line has none."""
    try:
        return await store.read_limits(), ()
    except InvalidDocument as error:
        text = f"No limit applies, because the limits can't be read: {error}."
        return LineLimits(**dict.fromkeys(LineLimits.__struct_fields__)), (
            Concern(subject=Subject.LIMIT, name="settings/limits", text=text),
        )


def agent_concerns(
    stored: Sequence[StoredAgent], found: Mapping[str, Findings]
) -> Iterator[Concern]:
    for agent in stored:
        errors = found[agent.agent_id].errors
        if errors:
            answers = agent.status.revision if agent.status is not None else None
            instead = f" Revision {answers} answers instead." if answers is not None else ""
            text = f"{errors[0]}{instead}"
            yield Concern(subject=Subject.AGENT, name=agent.agent_id, text=text)


def number_concerns(numbers: Mapping[str, str], found: Mapping[str, Findings]) -> Iterator[Concern]:
    for number, agent_id in sorted(numbers.items()):
        if agent_id not in found:
            text = f"It is assigned to the agent {agent_id}, which does not exist."
            yield Concern(subject=Subject.NUMBER, name=number, text=text)


def limit_concerns(limits: LineLimits, use: LineUse) -> Iterator[Concern]:
    judged = verdict(limits, use)
    for name in (*judged.reached, *judged.near):
        used, limit = getattr(use, name), getattr(limits, name)
        what = "The limit is reached" if name in judged.reached else "The limit is near"
        text = f"{what}: {used:g} of {limit:g}."
        yield Concern(subject=Subject.LIMIT, name=name, text=text)


def call_concerns(failed: Sequence[ListedCall]) -> Iterator[Concern]:
    """Yield a concern for each reason, most frequent first. `failed` is ordered newest first."""
    ordered = sorted(failed, key=lambda call: str(call.end_reason))
    grouped = [list(calls) for _, calls in groupby(ordered, key=lambda call: call.end_reason)]
    for calls in sorted(grouped, key=len, reverse=True):
        reason = calls[0].end_reason
        if reason in FAILURES:
            yield Concern(
                subject=Subject.CALLS,
                name=reason.value,
                text=f"{_calls(calls)} failed in the last 24 hours: {FAILURES[reason]}.",
                calls=tuple(call.call_sid for call in calls),
            )


def outcome_concerns(unknown: Sequence[ListedCall]) -> Iterator[Concern]:
    """Yield a concern if there are any. `unknown` is ordered newest first."""
    if unknown:
        yield Concern(
            subject=Subject.OUTCOMES,
            name="problem",
            text=f"The outcome of {_calls(unknown)} in the last 24 hours couldn't be determined.",
            calls=tuple(call.call_sid for call in unknown),
        )


def webhook_concerns(lost: Sequence[LostWebhook]) -> Iterator[Concern]:
    """Yield a concern for each receiver. `lost` is ordered newest first."""
    for url in dict.fromkeys(each.url for each in lost):
        theirs = [each for each in lost if each.url == url]
        count = "1 message" if len(theirs) == 1 else f"{len(theirs)} messages"
        yield Concern(
            subject=Subject.WEBHOOK,
            name=url,
            text=f"{count} about calls never arrived in the last 24 hours: {theirs[0].problem}",
            calls=tuple(dict.fromkeys(each.call_sid for each in theirs)),
        )


def _calls(calls: Sequence[ListedCall]) -> str:
    full = "" if len(calls) < _MOST_CALLS else " or more"
    return "1 call" if len(calls) == 1 else f"{len(calls)}{full} calls"


def _hours(
    found: Mapping[str, Findings], numbers: Mapping[str, str], now: datetime.datetime
) -> Iterator[tuple[str, Hours]]:
    for agent_id in sorted({DEFAULT_AGENT_ID, *numbers.values()} & found.keys()):
        agent = found[agent_id].agent
        if agent is not None and (hours := hours_at(agent, now)) is not None:
            yield agent_id, hours


def hours_at(agent: Agent, at: datetime.datetime) -> Hours | None:
    """Whether the agent is open, and when that changes; None if it has no opening hours."""
    if agent.opening_hours is None:
        return None
    local = local_time(agent, at)
    return Hours(
        is_open=is_open(agent.opening_hours, local),
        changes_at=next_change(agent.opening_hours, local),
    )
