"""A day of calls on a simulated line: arrivals, autoscaling, cold starts, handovers. Pure.

Autoscaling is Cloud Run's as documented (about-instance-autoscaling): over the last minute, enough
instances that neither processor nor concurrency is used by more than 60 %; and one more for a
request that finds none free. Which instance a call reaches is not documented: the one with the
fewest calls is taken.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

TARGET = 0.6
IDLE_S = 15 * 60.0
"""For so long Cloud Run may keep an instance without calls."""
HANDED_OVER_AFTER_S = 58 * 60.0
"""A stream that is older is handed over, because Cloud Run ends it at 60 minutes."""
DAY_S = 24 * 3600

_SPREAD = 1.2  # of the lengths' logarithms
_SCALE_EVERY_S = 5
_AVERAGE_S = 60
# Share of the busiest hour, hour by hour: a shop's line, open from eight to eight.
_HOURS = (
    *(0.01, 0.01, 0.0, 0.0, 0.0, 0.01, 0.03, 0.15, 0.55, 0.85, 1.0, 0.95),
    *(0.7, 0.75, 0.9, 0.95, 0.85, 0.7, 0.5, 0.35, 0.15, 0.08, 0.04, 0.02),
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a day meets."""

    calls_per_instance: int
    max_instances: int
    min_instances: int
    core_per_call: float
    start_s: float
    """From the request for an instance to its first answer."""


@dataclass(frozen=True, slots=True)
class Traffic:
    busiest_calls: float
    """At once, on average, in the busiest hour."""
    call_s: float = 180.0
    """On average; most are shorter, and one in a thousand lasts an hour."""
    crash_at_s: float = 11 * 3600.0
    """One instance dies then, and its calls are taken up by others."""
    seed: int = 1


@dataclass(slots=True)
class Instance:
    ready_s: float
    calls: int = 0
    idle_since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    at_s: float
    calls: int
    instances: int


@dataclass(slots=True)
class Day:
    moments: list[Moment] = field(default_factory=list)
    calls: int = 0
    turned_away: int = 0
    waited_s: list[float] = field(default_factory=list)
    """Of each caller who had to wait for an instance."""
    started: int = 0
    handed_over: int = 0
    taken_up: int = 0
    instance_s: float = 0.0

    @property
    def most_calls(self) -> int:
        return max(moment.calls for moment in self.moments)

    @property
    def most_instances(self) -> int:
        return max(moment.instances for moment in self.moments)


def simulate(deployment: Deployment, traffic: Traffic) -> Day:
    """The same day for the same seed."""
    return _Line(deployment, traffic).run()


class _Line:
    def __init__(self, deployment: Deployment, traffic: Traffic) -> None:
        self._deployment = deployment
        self._traffic = traffic
        self._dice = random.Random(traffic.seed)  # noqa: S311 - no secret
        self._day = Day()
        self._instances = [Instance(0.0) for _ in range(deployment.min_instances)]
        self._ends: list[tuple[float, int, float, Instance]] = []
        self._number = 0
        self._loads: deque[int] = deque(maxlen=_AVERAGE_S // _SCALE_EVERY_S)

    def run(self) -> Day:
        arrivals = self._arrivals()
        arrival = next(arrivals)
        crashed = False
        for second in range(0, DAY_S, _SCALE_EVERY_S):
            end_s = second + _SCALE_EVERY_S
            while arrival < end_s:
                self._end_calls(arrival)
                self._day.calls += 1
                self._place(arrival, self._length_s())
                arrival = next(arrivals)
            self._end_calls(end_s)
            if not crashed and end_s >= self._traffic.crash_at_s:
                crashed = True
                self._crash(end_s)
            self._scale(end_s)
            self._day.instance_s += len(self._instances) * _SCALE_EVERY_S
            if second % _AVERAGE_S == 0:
                self._day.moments.append(Moment(end_s, len(self._ends), len(self._instances)))
        return self._day

    def _arrivals(self) -> Iterator[float]:
        """Poisson, thinned to the hours' profile; for ever, so that there is always a next one."""
        rate = self._traffic.busiest_calls / self._traffic.call_s
        at_s = 0.0
        while True:
            at_s += self._dice.expovariate(rate)
            if self._dice.random() < _HOURS[int(at_s // 3600) % 24]:
                yield at_s

    def _length_s(self) -> float:
        return self._traffic.call_s * self._dice.lognormvariate(-(_SPREAD**2) / 2, _SPREAD)

    def _place(self, at_s: float, length_s: float) -> None:
        instance = self._free(at_s) or self._start(at_s)
        if instance is None:
            self._day.turned_away += 1
            return
        wait_s = max(instance.ready_s - at_s, 0.0)
        if wait_s:
            self._day.waited_s.append(wait_s)
        instance.calls += 1
        self._number += 1
        lasts_s = min(length_s, HANDED_OVER_AFTER_S)
        entry = (at_s + wait_s + lasts_s, self._number, length_s - lasts_s, instance)
        heapq.heappush(self._ends, entry)

    def _free(self, at_s: float) -> Instance | None:
        room = [i for i in self._instances if i.calls < self._deployment.calls_per_instance]
        # One that is ready before one that starts.
        return min(room, key=lambda i: (max(i.ready_s - at_s, 0.0), i.calls)) if room else None

    def _start(self, at_s: float) -> Instance | None:
        if len(self._instances) >= self._deployment.max_instances:
            return None
        instance = Instance(at_s + self._deployment.start_s, idle_since_s=at_s)
        self._instances.append(instance)
        self._day.started += 1
        return instance

    def _end_calls(self, until_s: float) -> None:
        while self._ends and self._ends[0][0] <= until_s:
            at_s, _, left_s, instance = heapq.heappop(self._ends)
            instance.calls -= 1
            instance.idle_since_s = at_s
            if left_s > 0:
                self._day.handed_over += 1
                self._place(at_s, left_s)

    def _crash(self, at_s: float) -> None:
        if not self._instances:
            return
        victim = max(self._instances, key=lambda i: i.calls)
        self._instances.remove(victim)
        hit = [entry for entry in self._ends if entry[3] is victim]
        self._ends = [entry for entry in self._ends if entry[3] is not victim]
        heapq.heapify(self._ends)
        for end_s, _, left_s, _ in hit:
            self._day.taken_up += 1
            self._place(at_s, end_s - at_s + left_s)

    def _scale(self, at_s: float) -> None:
        self._loads.append(len(self._ends))
        average = sum(self._loads) / len(self._loads)
        wanted = needed(average, self._deployment)
        while len(self._instances) < min(wanted, self._deployment.max_instances):
            self._start(at_s)
        for instance in list(self._instances):
            surplus = len(self._instances) > max(wanted, self._deployment.min_instances)
            if surplus and not instance.calls and at_s - instance.idle_since_s >= IDLE_S:
                self._instances.remove(instance)


def needed(calls: float, deployment: Deployment) -> int:
    """Instances for so many calls at once, at Cloud Run's targets."""
    by_concurrency = calls / (TARGET * deployment.calls_per_instance)
    by_processor = calls * deployment.core_per_call / TARGET
    return math.ceil(max(by_concurrency, by_processor) - 1e-9)
