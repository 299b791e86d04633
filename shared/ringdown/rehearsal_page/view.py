"""Everything that the page shows, in words: its template only lays it out."""

import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ringdown.call_page import CallPage
from ringdown.call_page.transcript import Entry, entries
from ringdown.call_page.wording import clock, length, seconds
from ringdown.calls.wording import money
from ringdown.rehearsals import PersonaRun, Verdict
from ringdown.rehearsals.report import PersonaReport, Report, Share
from ringdown.rehearsals.tallies import FACTS
from ringdown.wording import count, day_and_time

RunKey = tuple[str, int]
"""A persona's name, and the number of its call."""


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval on a line from 0 to 100, and the share that was found; `text` says the same."""

    text: str
    low: float
    high: float
    seen: float


@dataclass(frozen=True, slots=True)
class Checked:
    """Verdicts of one kind, under a heading."""

    heading: str
    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a call's transcript."""

    at: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class RunView:
    title: str
    state: str
    """One of `passed`, `failed` and `partial`."""
    facts: str
    """The call's length and cost."""
    partial: str
    checked: Sequence[Checked]
    lines: Sequence[Line]
    language: str
    is_shortened: bool
    sound: str
    """A WAV file, compressed and in base64; empty for none."""


@dataclass(frozen=True, slots=True)
class PersonaView:
    name: str
    who: str
    wants: str
    now: Bar
    published: Bar | None
    failing: Sequence[str]
    troubled: Sequence[str]
    runs: Sequence[RunView]


@dataclass(frozen=True, slots=True)
class View:
    title: str
    when: str
    facts: Sequence[tuple[str, str]]
    is_draft: bool
    state: str
    state_text: str
    proves: str
    is_stand_in: bool
    partial: str
    worse: Sequence[str]
    figures: Sequence[Figure]
    personas: Sequence[PersonaView]


def view_of(report: Report, sounds: Mapping[RunKey, str]) -> View:
    rehearsal = report.rehearsal
    failed = rehearsal.made - rehearsal.passed
    is_good = failed == 0 and rehearsal.made > 0
    made = f"{rehearsal.made} of {count(rehearsal.planned, 'call')}"
    return View(
        title=f"Rehearsal of {rehearsal.agent_id}",
        when=day_and_time(rehearsal.began_at),
        facts=[("Revision", rehearsal.agent_revision), ("Model", rehearsal.model)],
        is_draft=rehearsal.is_draft,
        state="good" if is_good else "bad",
        state_text="✓ every call passed" if is_good else f"✗ {count(failed, 'call')} failed",
        proves=report.proves,
        is_stand_in=rehearsal.is_stand_in,
        partial="" if rehearsal.partial is None else f"{made} were made. {rehearsal.partial}",
        worse=report.worse,
        figures=list(_figures(report)),
        personas=[_persona(persona, report.runs, sounds) for persona in report.personas],
    )


def _figures(report: Report) -> Iterator[Figure]:
    yield Figure("Passed", _of(report.in_all), f"true share {_between(report.in_all)}")
    published = report.published
    if published is not None:
        value = f"{published.passed} of {published.made}"
        yield Figure("Published version", value, day_and_time(published.began_at))
    replies_ms = [
        turn.reply_ms
        for run in report.runs
        if run.record is not None
        for turn in run.record.turns
        if turn.reply_ms is not None
    ]
    if replies_ms:
        note = f"median of {len(replies_ms)}; slowest {seconds(max(replies_ms))}"
        yield Figure("Reply", seconds(statistics.median(replies_ms)), note)
    if not report.rehearsal.is_stand_in:
        yield Figure("Cost", money(report.rehearsal.cost_usd), "estimate for all models")


def _persona(
    persona: PersonaReport, runs: Sequence[PersonaRun], sounds: Mapping[RunKey, str]
) -> PersonaView:
    own = [run for run in runs if run.persona.name == persona.persona]
    written = own[0].persona if own else None
    return PersonaView(
        name=persona.persona,
        who="" if written is None else written.who,
        wants="" if written is None else written.wants,
        now=_bar(persona.now),
        published=None if persona.published is None else _bar(persona.published),
        failing=persona.failing,
        troubled=persona.troubled,
        runs=[_run(run, sounds.get((run.persona.name, run.run), "")) for run in own],
    )


def _run(run: PersonaRun, sound: str) -> RunView:
    state = {True: "passed", False: "failed", None: "partial"}[run.passed]
    facts = [length(run.duration_ms)]
    if cost_usd := run.cost_usd + run.caller_cost_usd:
        facts.append(money(cost_usd))
    said = [] if run.record is None else entries(CallPage(run.record))
    return RunView(
        title=f"Call {run.run}",
        state=state,
        facts=", ".join(facts),
        partial=run.partial or "",
        checked=list(_checked(run.verdicts)),
        lines=[Line(clock(entry.at_ms), entry) for entry in said],
        language=run.persona.language,
        is_shortened=run.is_shortened,
        sound=sound,
    )


def _checked(verdicts: Sequence[Verdict]) -> Iterator[Checked]:
    headings: tuple[tuple[str, Collection[str]], ...] = (
        ("Facts", FACTS),
        ("How the call went", ("call",)),
        ("A model's opinion, which decides nothing", ("judge",)),
    )
    for heading, kinds in headings:
        if found := [verdict for verdict in verdicts if verdict.kind in kinds]:
            yield Checked(heading, found)


def _bar(share: Share) -> Bar:
    seen = share.passed / share.made if share.made else 0.0
    return Bar(_of(share), 100 * share.low, 100 * share.high, 100 * seen)


def _of(share: Share) -> str:
    return f"{share.passed} of {share.made}"


def _between(share: Share) -> str:
    """Return the interval that contains the true share with 95 % certainty."""
    return f"{100 * share.low:.0f}–{100 * share.high:.0f} %"
