"""Makes several personas' calls within a budget; keeps all results, even if it is stopped."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from devtools.rehearsals.placing import RehearsalLine, place
from ringdown.rehearsals import Persona, PersonaRun
from ringdown.rehearsals.opinion import ask_opinion

STOPPED = "It was stopped before all calls were made."


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls to make. `expected_usd` is what a call may cost; the budget assumes it until the
    first call has been made."""

    personas: Sequence[Persona]
    runs: int
    at_once: int
    budget_usd: float | None = None
    expected_usd: float = 0.0
    first_seed: int = 1

    @property
    def calls(self) -> list[tuple[Persona, int]]:
        """Everyone calls once before anyone calls a second time."""
        return [(persona, run + 1) for run in range(self.runs) for persona in self.personas]


@dataclass(frozen=True, slots=True)
class Made:
    """`partial` says why not all calls were made."""

    runs: tuple[PersonaRun, ...]
    partial: str | None


async def make_calls(line: RehearsalLine, plan: Plan, tell: Callable[[PersonaRun], None]) -> Made:
    """Make the calls of `plan`. If cancelled, hang up and return the results so far."""
    making = _Making(line, plan, tell)
    callers = [asyncio.create_task(making.work()) for _ in range(plan.at_once)]
    stopped = None
    try:
        ends = await asyncio.gather(*callers, return_exceptions=True)
        stopped = next((_broken_off(end) for end in ends if end is not None), None)
    except asyncio.CancelledError:
        stopped = STOPPED
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
    finally:
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    return Made(tuple(making.made), stopped or making.over_budget)


def _broken_off(end: BaseException) -> str:
    """Put an error into words instead of raising it: the results so far cost money, so they are
    kept."""
    return f"A call broke off ({type(end).__name__}: {end})."


class _Making:
    def __init__(self, line: RehearsalLine, plan: Plan, tell: Callable[[PersonaRun], None]) -> None:
        self.made: list[PersonaRun] = []
        self.over_budget: str | None = None
        self._line = line
        self._plan = plan
        self._tell = tell
        self._calls = iter(plan.calls)
        self._in_progress = 0

    async def work(self) -> None:
        """Make calls one after another, until none is left or the budget is used up."""
        for persona, run in self._calls:
            if not self._can_pay():
                self.over_budget = f"The budget of {self._plan.budget_usd:.2f} USD is used up."
                return
            self._in_progress += 1
            try:
                made = await place(self._line, persona, run, self._plan.first_seed + run - 1)
                self.made.append(made)
            finally:
                self._in_progress -= 1
            self._tell(await self._with_opinion(made))

    async def _with_opinion(self, made: PersonaRun) -> PersonaRun:
        """Add the model's opinion, unless we are stopped in the meantime."""
        opinion = await ask_opinion(self._line.judge_model, made)
        judged = replace(
            made,
            verdicts=(*made.verdicts, *opinion.verdicts),
            caller_cost_usd=made.caller_cost_usd + opinion.cost_usd,
        )
        self.made[self.made.index(made)] = judged
        return judged

    def _can_pay(self) -> bool:
        budget_usd = self._plan.budget_usd
        if budget_usd is None:
            return True
        spent_usd = [it.cost_usd + it.caller_cost_usd for it in self.made]
        each_usd = max(spent_usd, default=self._plan.expected_usd)
        return sum(spent_usd) + (self._in_progress + 1) * each_usd <= budget_usd
