"""How many calls there were, how long they lasted, what they cost and what came of them.

Calls that can't change any more are added up once, and the sums of their day are stored without
saying who called (`days/{since}_{until}`). A page therefore reads one document per day, and lists
only the last few calls. A call belongs to the day on which it began, in the reader's time zone: for
readers in two zones, the same calls' sums are stored twice, each from their midnight to midnight.
"""

import asyncio
import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol

import msgspec
from msgspec.structs import replace

from ringdown.calls import RETENTION, CallStatus, ListedCall
from ringdown.errors import StoreUnavailable
from ringdown.log import Log

LONGEST_CALL = datetime.timedelta(hours=2)
"""Twilio's streams end after an hour, and a transfer may be followed by another stream."""
WRITTEN_WITHIN = datetime.timedelta(minutes=10)
"""How long after a call everything about it is in the store, including its outcome. If anything is
written later, the call's days are added up again (`count_again`)."""
CALLS_AT_ONCE = 1_000
_WORTH_KEEPING = 50
_DAYS_AT_ONCE = 4
_DAY = datetime.timedelta(days=1)
_HOUR = datetime.timedelta(hours=1)
_MOMENT = datetime.timedelta(microseconds=1)

_log = Log(__name__)

Grouping = Literal["agent", "number"]
"""By the agent that answered, or by the number that was called."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over any number of calls. Live calls have no length or cost yet."""

    calls: int = 0
    talk_s: float = 0.0
    cost_usd: float = 0.0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            calls=self.calls + other.calls,
            talk_s=self.talk_s + other.talk_s,
            cost_usd=self.cost_usd + other.cost_usd,
        )


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """The time from `since` until just before `until`, both in UTC."""

    since: datetime.datetime
    until: datetime.datetime


class CountedCall(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a call that are added up, and shown while it is live."""

    call_sid: str
    created_at: datetime.datetime
    caller: str
    called: str
    agent_id: str
    is_draft: bool = False
    status: CallStatus
    ended_at: datetime.datetime | None = None
    end_reason: str | None = None
    talk_s: float | None = None
    cost_usd: float | None = None
    outcome: str | None = None


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a day's calls, by agent and by called number."""

    since: datetime.datetime
    until: datetime.datetime
    counted_until: datetime.datetime
    """Calls that began before this time are in the sums and can't change any more."""
    agents: dict[str, Figures] = {}
    numbers: dict[str, Figures] = {}
    hours: dict[str, int] = {}
    """How many calls began in each hour, by the hour's number after `since`: "0", "1" …"""
    endings: dict[str, int] = {}
    """How many calls ended for each reason."""
    outcomes: dict[str, dict[str, int]] = {}
    """How many of each agent's calls had each outcome (of `outcomes.STANDINGS`)."""

    @property
    def period(self) -> Period:
        return Period(since=self.since, until=self.until)

    @property
    def figures(self) -> Figures:
        return total(self.agents.values())

    def by(self, grouping: Grouping) -> dict[str, Figures]:
        return self.agents if grouping == "agent" else self.numbers


class FigureStore(Protocol):
    """Stores the sums. Every method raises StoreUnavailable when the store doesn't answer."""

    async def list_counted(self, period: Period, limit: int) -> tuple[CountedCall, ...]:
        """Return the first `limit` calls that began in `period`, in order, without any that can't
        be read."""

    async def read_days(self, *periods: Period) -> tuple[Day | None, ...]:
        """Return the stored sums of each period; None if there are none, or they can't be read."""

    async def keep_day(self, day: Day, over: Day | None) -> bool:
        """Store the sums if `over` is still what is stored; otherwise, return False."""

    async def erase_days(self, at: datetime.datetime) -> None:
        """Erase the sums of every stored day that contains `at`."""


# Reading


async def read_days(
    store: FigureStore, periods: Sequence[Period], now: datetime.datetime
) -> tuple[Day, ...]:
    """Return the sums of each period. Sums that can't change any more are stored, so if this is
    interrupted, the next try gets further."""
    return tuple(day for day, _ in await _read(store, periods, now))


async def read_days_and_live(
    store: FigureStore, periods: Sequence[Period], now: datetime.datetime
) -> tuple[tuple[Day, ...], tuple[CountedCall, ...]]:
    """Return what `read_days` does, and the live calls of these periods, newest first."""
    read = await _read(store, periods, now)
    live = [call for _, recent in read for call in recent if _is_live(call, now)]
    live.sort(key=lambda call: call.created_at, reverse=True)
    return tuple(day for day, _ in read), tuple(live)


async def _read(
    store: FigureStore, periods: Sequence[Period], now: datetime.datetime
) -> list[tuple[Day, list[CountedCall]]]:
    """Return the sums of each period, and the calls in it that may still change."""
    kept = await store.read_days(*periods)
    turn = asyncio.Semaphore(_DAYS_AT_ONCE)

    async def one(period: Period, day: Day | None) -> tuple[Day, list[CountedCall]]:
        async with turn:
            return await _read_day(store, period, day, now)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*each)) for each in zip(periods, kept, strict=True)]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def count_again(store: FigureStore, began: datetime.datetime, now: datetime.datetime) -> None:
    """Erase the sums of the day on which a call began, after something new was written about it.
    The sums stay if some of the day's calls have expired."""
    if began + RETENTION - _DAY > now:
        await store.erase_days(began)


async def _read_day(
    store: FigureStore, period: Period, kept: Day | None, now: datetime.datetime
) -> tuple[Day, list[CountedCall]]:
    before = kept or Day(since=period.since, until=period.until, counted_until=period.since)
    if before.counted_until >= min(period.until, now):
        return before, []
    calls = await _calls(store, replace(period, since=before.counted_until))
    end = max(before.counted_until, _settled_until(calls, period, now))
    settled = [call for call in calls if call.created_at < end]
    day = replace(added_up(before, settled), counted_until=end)
    is_whole = period.since + RETENTION > now  # otherwise some of its calls have expired
    if is_whole and (len(settled) >= _WORTH_KEEPING or end == period.until):
        await _keep(store, day, kept)
    recent = calls[len(settled) :]
    return added_up(day, recent), recent


async def _keep(store: FigureStore, day: Day, over: Day | None) -> None:
    """Store the sums if possible. If another reader was first, it stored much the same sums, and
    some readers may not write at all."""
    try:
        await store.keep_day(day, over)
    except StoreUnavailable as error:
        _log.info("sums of a day not stored", reason=str(error))


async def _calls(store: FigureStore, period: Period) -> list[CountedCall]:
    found: list[CountedCall] = []
    while True:
        page = await store.list_counted(period, CALLS_AT_ONCE)
        is_last = len(page) < CALLS_AT_ONCE
        # More calls may have begun at the same moment as the last one: the next page begins there.
        end = period.until if is_last else max(page[-1].created_at, period.since + _MOMENT)
        found += (call for call in page if call.created_at < end)
        if is_last:
            return found
        period = replace(period, since=end)


def _settled_until(
    calls: Iterable[CountedCall], period: Period, now: datetime.datetime
) -> datetime.datetime:
    """Return the time after which calls may be missing from the store, or may still change."""
    unsettled = (call.created_at for call in calls if not is_settled(call, now))
    return min(period.until, now - WRITTEN_WITHIN, *unsettled)


def is_settled(call: CountedCall | ListedCall, now: datetime.datetime) -> bool:
    """Whether the call can't change any more, so that its sums may be stored."""
    over_at = call.created_at + LONGEST_CALL
    if call.status is CallStatus.ENDED:
        over_at = call.ended_at or call.created_at
    return over_at + WRITTEN_WITHIN <= now


def _is_live(call: CountedCall, now: datetime.datetime) -> bool:
    """Whether the call is live. A very old one has ended, even if that was never recorded."""
    return call.status is not CallStatus.ENDED and call.created_at >= now - LONGEST_CALL


# Adding up


def added_up(day: Day, calls: Iterable[CountedCall]) -> Day:
    """Add `calls` to the sums of `day`."""
    agents, numbers = defaultdict(Figures, day.agents), defaultdict(Figures, day.numbers)
    hours, endings = Counter(day.hours), Counter(day.endings)
    outcomes = {agent_id: Counter(counts) for agent_id, counts in day.outcomes.items()}
    for call in calls:
        one = Figures(calls=1, talk_s=call.talk_s or 0.0, cost_usd=call.cost_usd or 0.0)
        agents[call.agent_id] += one
        numbers[call.called] += one
        hours[str((call.created_at - day.since) // _HOUR)] += 1
        if call.end_reason is not None:
            endings[call.end_reason] += 1
        if call.outcome is not None:
            outcomes.setdefault(call.agent_id, Counter())[call.outcome] += 1
    return replace(
        day,
        agents=dict(agents),
        numbers=dict(numbers),
        hours=dict(hours),
        endings=dict(endings),
        outcomes={agent_id: dict(counts) for agent_id, counts in outcomes.items()},
    )


def shares(days: Iterable[Day], by: Grouping) -> dict[str, Figures]:
    """Return the figures of each agent or called number in `days`, most expensive first."""
    added: defaultdict[str, Figures] = defaultdict(Figures)
    for day in days:
        for name, figures in day.by(by).items():
            added[name] += figures
    return dict(sorted(added.items(), key=lambda pair: (-pair[1].cost_usd, pair[0])))


def outcomes_by_agent(days: Iterable[Day]) -> dict[str, dict[str, int]]:
    """Count how many of each agent's calls in `days` had each outcome, sorted by agent."""
    added: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for day in days:
        for agent_id, counts in day.outcomes.items():
            added[agent_id].update(counts)
    return {agent_id: dict(added[agent_id]) for agent_id in sorted(added)}


def total(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())


# Days


def day_of(now: datetime.datetime, zone: datetime.tzinfo) -> Period:
    """Return the day in `zone`, from midnight to midnight, however many hours that is."""
    return _day(now.astimezone(zone).date(), zone)


def days_until(now: datetime.datetime, zone: datetime.tzinfo, count: int) -> tuple[Period, ...]:
    """Return the last `count` days, today first."""
    today = now.astimezone(zone).date()
    return tuple(_day(today - n * _DAY, zone) for n in range(count))


def hours_of(day: Period) -> Iterator[Period]:
    """Yield the hours of a day, in order. A day on which the clocks change has 23 or 25."""
    since = day.since
    while since < day.until:
        yield Period(since=since, until=since + _HOUR)
        since += _HOUR


def _day(day: datetime.date, zone: datetime.tzinfo) -> Period:
    midnights = (datetime.datetime.combine(d, datetime.time(), zone) for d in (day, day + _DAY))
    since, until = (midnight.astimezone(datetime.UTC) for midnight in midnights)
    return Period(since=since, until=until)
