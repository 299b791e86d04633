"""What the stream handler is to reach, and whether it does. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.report.figures import (
    BARGE_IN,
    CORE,
    FLOOR,
    MEMORY,
    OURS,
    RIVAL,
    UPLINK,
    Figure,
    LoadFigures,
    Spread,
    difference,
    ratio,
)

AT_CALLS = 50
MANY_CALLS = 150


@dataclass(frozen=True, slots=True)
class Goal:
    text: str
    at_most: float
    unit: str
    measured: Callable[[LoadFigures], Spread | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`remark` says what the figure alone does not."""

    goal: Goal
    measured: Spread | None
    remark: str = ""

    @property
    def met(self) -> bool | None:
        """None if it was not measured. The median of the runs decides."""
        return None if self.measured is None else self.measured.median <= self.goal.at_most

    @property
    def word(self) -> str:
        return {True: "yes", False: "NO", None: "not measured"}[self.met]


def verdicts(load: LoadFigures) -> list[Verdict]:
    """One of each goal; beside a rival whose core is full, one more where it is not."""
    judged = [Verdict(goal, goal.measured(load)) for goal in _GOALS]
    return [
        *judged,
        _beside_floor("barge-in to clear p99 under 5 ms", 5.0, BARGE_IN[1], AT_CALLS, load),
        _beside_floor("uplink p99 under 20 ms", 20.0, UPLINK[1], MANY_CALLS, load),
        *_beside_rival(load),
    ]


def _beside_floor(
    text: str, at_most_ms: float, figure: Figure, calls: int, load: LoadFigures
) -> Verdict:
    """With what the floor needs for the same: nobody can be quicker than the machine lets them."""
    goal = Goal(
        f"{text} at {calls} calls", at_most_ms, "ms", lambda load: load.of(figure, OURS, calls)
    )
    floor = load.of(figure, FLOOR, calls)
    remark = "" if floor is None else f"the relay itself: {floor.median:.2f} ms"
    return Verdict(goal, goal.measured(load), remark)


def _beside_rival(load: LoadFigures) -> Iterator[Verdict]:
    goal = _half_of_rival(AT_CALLS)
    measured = goal.measured(load)
    if measured is None or load.carries(RIVAL, AT_CALLS):
        yield Verdict(goal, measured)
        return
    yield Verdict(goal, measured, f"{RIVAL} needs more than it got: a core does not carry so many")
    most = load.most_carried(RIVAL)
    if most is not None:
        goal = _half_of_rival(most)
        yield Verdict(goal, goal.measured(load), f"the most tried that {RIVAL} carries")


def _half_of_rival(calls: int) -> Goal:
    return Goal(
        f"core per call at most half of {RIVAL}'s at {calls} calls",
        0.5,
        "×",
        lambda load: load.beside(CORE, RIVAL, calls, ratio),
    )


_GOALS = (
    Goal(
        f"uplink p50 within 2 ms of the floor's at {AT_CALLS} calls",
        2.0,
        "ms",
        lambda load: load.beside(UPLINK[0], FLOOR, AT_CALLS, difference),
    ),
    Goal(
        f"uplink p99 within 10 ms of the floor's at {AT_CALLS} calls",
        10.0,
        "ms",
        lambda load: load.beside(UPLINK[1], FLOOR, AT_CALLS, difference),
    ),
    Goal(
        f"core per call at most 1.5 times the floor's at {AT_CALLS} calls",
        1.5,
        "×",
        lambda load: load.beside(CORE, FLOOR, AT_CALLS, ratio),
    ),
    Goal(
        f"at most 1 MB a call above the idle process at {AT_CALLS} calls",
        1.0,
        "MB",
        lambda load: load.of(MEMORY, OURS, AT_CALLS),
    ),
)
