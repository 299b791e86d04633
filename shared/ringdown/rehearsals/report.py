"""A rehearsal with all its calls, next to that of the published version, for JSON and for the page.
Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from ringdown.rehearsals import PersonaRun, Rehearsal, Tally
from ringdown.rehearsals.comparison import STAND_IN, worse
from ringdown.rehearsals.tallies import interval

REAL = "A real model answered."


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls passed, and the interval that contains the true share (95 %)."""

    passed: int
    made: int
    low: float
    high: float


class PersonaReport(msgspec.Struct, frozen=True, kw_only=True):
    persona: str
    planned: int
    now: Share
    published: Share | None
    """None if the published version has no rehearsal with this persona."""
    failing: tuple[str, ...]
    troubled: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `report.json`. A change that breaks readers gets a new `format`."""

    format: Literal["ringdown-rehearsal-1"] = "ringdown-rehearsal-1"
    proves: str
    """Whether a real model answered, or a stand-in, and what that proves."""
    rehearsal: Rehearsal
    published: Rehearsal | None
    """The rehearsal it is compared with, if any."""
    in_all: Share
    personas: tuple[PersonaReport, ...]
    worse: tuple[str, ...]
    """Why it is worse than the published version; empty if it isn't, or can't be compared."""
    runs: tuple[PersonaRun, ...]


def make_report(
    rehearsal: Rehearsal, runs: Sequence[PersonaRun], published: Rehearsal | None
) -> Report:
    """Put a report together. `runs` may be in any order."""
    before = {} if published is None else {it.persona: it for it in published.tallies}
    return Report(
        proves=STAND_IN if rehearsal.is_stand_in else REAL,
        rehearsal=rehearsal,
        published=published,
        in_all=_share(rehearsal),
        personas=tuple(_persona(it, before.get(it.persona)) for it in rehearsal.tallies),
        worse=() if published is None else tuple(worse(rehearsal, published)),
        runs=tuple(sorted(runs, key=lambda run: (run.persona.name, run.run))),
    )


def report_json(report: Report) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def _persona(tally: Tally, before: Tally | None) -> PersonaReport:
    return PersonaReport(
        persona=tally.persona,
        planned=tally.planned,
        now=_share(tally),
        published=None if before is None or not before.made else _share(before),
        failing=tally.failing,
        troubled=tally.troubled,
    )


def _share(counted: Tally | Rehearsal) -> Share:
    low, high = interval(counted.passed, counted.made)
    return Share(passed=counted.passed, made=counted.made, low=low, high=high)
