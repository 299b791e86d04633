"""`agents rehearse`: personas call an agent, or its draft, on this machine."""

import argparse
import asyncio
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ringdown.agents.documents import where
from ringdown.calls.wording import money
from ringdown.errors import StoreUnavailable
from ringdown.gemini.models import model_on
from ringdown.rehearsal_page import rehearsal_page
from ringdown.rehearsals import RETENTION, Persona, PersonaRun, Rehearsal
from ringdown.rehearsals.comparison import STAND_IN, read_compared
from ringdown.rehearsals.persona_text import packaged_personas
from ringdown.rehearsals.report import Report, Share, make_report, report_json
from ringdown.rehearsals.store import keep_rehearsal, list_personas, list_rehearsals
from ringdown.rehearsals.tallies import tally
from ringdown.stores import Store
from ringdown.tools.check import BUILT_IN
from ringdown.wording import did_you_mean
from ringdown_cli.agents.state import findings_of, read_or_stop, say_problems
from ringdown_cli.command import BROKEN, DONE, UNTRIED, CannotGoOn, Surroundings
from ringdown_cli.gemini_choice import chosen_gemini
from ringdown_cli.rehearsals import to_correct
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style, Terminal
from ringdown_cli.wording import counted

if TYPE_CHECKING:
    from devtools.rehearsals.line import Rehearsed
    from devtools.rehearsals.running import Plan

ASK_ABOVE_USD = 1.0
ESTIMATED_USD = 0.16
"""The cost of a two-minute call with a caller played by a model, and of an opinion on it; see
docs/costs.md."""


async def rehearse_agent(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    try:
        from devtools.processes import ProcessFailed
    except ImportError:
        raise CannotGoOn(
            "A rehearsal runs a complete line on this machine. Run `make` in Ringdown's repository,"
            " and then this command."
        ) from None
    async with chosen_store(arguments.store, surroundings) as store:
        try:
            return await _rehearse(arguments, surroundings, store)
        except ProcessFailed as failure:
            raise CannotGoOn(str(failure)) from None


async def _rehearse(arguments: argparse.Namespace, surroundings: Surroundings, store: Store) -> int:
    from devtools.rehearsals.local_line import local_line
    from devtools.rehearsals.running import Plan, make_calls

    terminal, environ = surroundings.terminal, surroundings.environ
    rehearsed = await _rehearsed(arguments, store, terminal)
    if rehearsed is None:
        return BROKEN
    personas = await _chosen_personas(arguments, store, terminal)
    _say_missing_tools(personas, rehearsed, terminal)
    backend = chosen_gemini(environ)
    expected_usd = 0.0 if backend is None else await _expected_usd(store, arguments.agent)
    plan = Plan(personas, arguments.runs, arguments.at_once, arguments.budget, expected_usd)
    model = "a stand-in" if backend is None else model_on(backend.api, rehearsed.agent.model)
    if not _agreed(arguments, plan, model, terminal):
        return BROKEN
    began_at = surroundings.now()
    id = f"{began_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    folder = surroundings.out / "rehearsals" / id
    terminal.say("Starting the parts …")
    async with local_line(environ, backend, rehearsed, personas, folder, surroundings.now) as line:
        made = await make_calls(line, plan, lambda run: _say_run(run, terminal))
        rehearsal = Rehearsal(
            id=id,
            agent_id=rehearsed.agent_id,
            is_draft=rehearsed.is_draft,
            agent_revision=rehearsed.revision,
            model=line.model,
            is_stand_in=line.is_stand_in,
            began_at=began_at,
            ended_at=surroundings.now(),
            expires_at=began_at + RETENTION,
            tallies=tuple(
                tally(persona.name, plan.runs, [it for it in made.runs if it.persona == persona])
                for persona in personas
            ),
            estimated_usd=expected_usd * len(plan.calls),
            cost_usd=sum(run.cost_usd + run.caller_cost_usd for run in made.runs),
            partial=made.partial or next((it.partial for it in made.runs if it.partial), None),
        )
        published = await _kept(store, rehearsal, made.runs, terminal)
        report = make_report(rehearsal, made.runs, published)
        page = await asyncio.to_thread(write_report, report, folder)
        return say_report(report, page, terminal)


async def _rehearsed(
    arguments: argparse.Namespace, store: Store, terminal: Terminal
) -> "Rehearsed | None":
    """Return the agent to rehearse. If it can't answer calls, print why and return None."""
    from devtools.rehearsals.line import Rehearsed

    agent_id, is_draft = arguments.agent, arguments.draft
    stored = await read_or_stop(store, agent_id, draft=is_draft)
    declared = await store.declared_tools()
    found = findings_of(stored.document, declared, draft=is_draft)
    say_problems(terminal, where(agent_id, draft=is_draft), found)
    if found.agent is None:
        return None
    wanted = dict.fromkeys((*found.agent.tools, found.agent.before_call))
    names = tuple(name for name in wanted if name is not None and name in declared)
    return Rehearsed(agent_id, found.agent, await store.read_tools(names), is_draft)


async def _chosen_personas(
    arguments: argparse.Namespace, store: Store, terminal: Terminal
) -> list[Persona]:
    """Return the named personas, or else all of the agent's. If none are stored, use the packaged
    ones."""
    stored, problems = await list_personas(store.documents)
    are_packaged = not stored and not problems
    known = packaged_personas() if are_packaged else stored
    if are_packaged:
        terminal.note(
            "No personas are stored. Using the ones that ship with Ringdown, which suit its default"
            " agent. To store and change them: ringdown rehearsals seed"
        )
    if arguments.personas:
        for name in arguments.personas:
            if name in problems:
                raise CannotGoOn(to_correct(name, problems[name]))
            if name not in known:
                meant = did_you_mean(name, known)
                raise CannotGoOn(
                    f"There is no persona {name}.{meant} Personas: {', '.join(known)}."
                )
        return [known[name] for name in dict.fromkeys(arguments.personas)]
    for name, problem in problems.items():
        terminal.complain(to_correct(name, problem))
    chosen = [it for it in known.values() if it.agent == arguments.agent or are_packaged]
    if not chosen:
        raise CannotGoOn(
            f"No persona calls {arguments.agent}. Name personas, or write one: ringdown"
            " rehearsals edit NAME"
        )
    return chosen


def _say_missing_tools(
    personas: Sequence[Persona], rehearsed: "Rehearsed", terminal: Terminal
) -> None:
    """Warn about tools that the personas name but the agent lacks: with a misspelt name, a check
    under `must_not` would always pass. Promises may name missing tools, and then must never be
    made."""
    known = {*BUILT_IN, *(tool.name for tool in rehearsed.tools)}
    naming: dict[str, list[str]] = {}
    for persona in personas:
        for tool in dict.fromkeys(_tools_named(persona)):
            if tool not in known:
                naming.setdefault(tool, []).append(persona.name)
    for tool, names in naming.items():
        terminal.complain(
            f"{rehearsed.agent_id} has no tool {tool}.{did_you_mean(tool, known)} Checks of this"
            f" tool in {', '.join(names)} prove nothing."
        )


def _tools_named(persona: Persona) -> Iterator[str]:
    yield from persona.tools
    yield from (it.tool for it in persona.must.tools)
    yield from persona.must_not.tools


async def _expected_usd(store: Store, agent_id: str) -> float:
    """Return a call's cost in the agent's last rehearsal with a real model, or else an estimate."""
    for rehearsal in await list_rehearsals(store.documents, agent_id):
        if not rehearsal.is_stand_in and rehearsal.made:
            return rehearsal.cost_usd / rehearsal.made
    return ESTIMATED_USD


def _agreed(arguments: argparse.Namespace, plan: "Plan", model: str, terminal: Terminal) -> bool:
    callers = counted(len(plan.personas), "persona")
    calls = f"{callers}, {counted(len(plan.calls), 'call')} with {model}"
    about_usd = plan.expected_usd * len(plan.calls)
    if not about_usd:
        terminal.say(f"{calls}. {STAND_IN}")
        return True
    terminal.say(f"{calls}: about {money(about_usd)}.")
    if about_usd > arguments.budget:
        terminal.say(
            f"The budget is {money(arguments.budget)}: the rehearsal stops when it is used up."
            " To change it: --budget USD"
        )
    if min(about_usd, arguments.budget) <= ASK_ABOVE_USD or arguments.yes:
        return True
    if terminal.confirm("Begin?"):
        return True
    terminal.complain("No calls were made.")
    return False


async def _kept(
    store: Store, rehearsal: Rehearsal, runs: Sequence[PersonaRun], terminal: Terminal
) -> Rehearsal | None:
    """Store the rehearsal, and return the one to compare it with. If the store doesn't answer,
    return None instead of failing: the calls cost money, so there must be a report."""
    try:
        await keep_rehearsal(store.documents, rehearsal, runs)
        return await read_compared(store, rehearsal)
    except StoreUnavailable as error:
        terminal.complain(
            f"The store doesn't answer ({error}), so this rehearsal is only in the report, and"
            " publishing will ask for another one."
        )
        return None


def write_report(report: Report, folder: Path) -> Path:
    """Write the page and the JSON next to the recordings. Returns the page's path."""
    recordings = {}
    for run in report.runs:
        file = folder / f"{run.persona.name}-{run.run:03}.wav"
        if file.is_file():
            recordings[run.persona.name, run.run] = file.read_bytes()
    (folder / "report.json").write_bytes(report_json(report))
    page = folder / "report.html"
    page.write_text(rehearsal_page(report, recordings), "utf-8")
    return page


def _say_run(run: PersonaRun, terminal: Terminal) -> None:
    name = f"{run.persona.name} {run.run}   ({run.duration_ms / 1000:.0f} s)"
    if run.passed is None:
        terminal.say(f"- {name}: incomplete. {run.partial}")
        return
    terminal.say(f"{'✓' if run.passed else '✗'} {name}", Style.GOOD if run.passed else Style.BAD)
    for verdict in run.verdicts:
        if verdict.passed is False:
            terminal.say(f"    {verdict.what} {verdict.why}")


def say_report(report: Report, page: Path, terminal: Terminal) -> int:
    rehearsal = report.rehearsal
    rows = [
        (
            it.persona,
            _share(it.now),
            "" if it.published is None else _share(it.published),
            "" if it.now.made == it.planned else f"{it.planned - it.now.made} not made",
        )
        for it in report.personas
    ]
    styles = [Style.PLAIN if it.now.passed == it.now.made else Style.BAD for it in report.personas]
    terminal.table(("persona", "passed (95 %)", "published version", ""), rows, styles=styles)
    terminal.say(report.proves)
    if not rehearsal.is_stand_in:
        terminal.say(f"It cost about {money(rehearsal.cost_usd)}.")
    for reason in report.worse:
        terminal.say(reason, Style.BAD)
    terminal.say(f"The report, with the recordings: {page}")
    if rehearsal.passed < rehearsal.made:
        failed = rehearsal.made - rehearsal.passed
        terminal.say(f"{failed} of {counted(rehearsal.made, 'call')} failed.", Style.BAD)
    if rehearsal.partial is not None:
        terminal.complain(f"This is a partial result: {rehearsal.partial}")
    if rehearsal.passed < rehearsal.made:
        return BROKEN
    return DONE if rehearsal.partial is None else UNTRIED


def _share(share: Share) -> str:
    return f"{share.passed} of {share.made} ({100 * share.low:.0f}–{100 * share.high:.0f} %)"
