"""Reads a document, checks it, and describes its state in words."""

import re

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.check import DeclaredTools, Findings, draft_findings, findings
from ringdown.agents.difference import difference
from ringdown.agents.documents import Document
from ringdown.agents.store import AgentStatus, AgentStore, StoredAgent
from ringdown.calls.wording import number_shown
from ringdown.wording import did_you_mean
from ringdown_cli.command import CannotGoOn
from ringdown_cli.terminal import Style, Terminal

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def ensure_name(agent_id: str) -> None:
    """Raise CannotGoOn unless this is a valid name for a new agent."""
    if not _NAME.fullmatch(agent_id):
        raise CannotGoOn(
            f"{agent_id!r} can't be an agent's name."
            " Use letters, digits, _, - and . after a letter or a digit, as in night-desk."
        )


async def read_or_stop(store: AgentStore, agent_id: str, *, draft: bool = False) -> StoredAgent:
    """Return the stored document. If there is none, raises CannotGoOn with the names that exist."""
    stored = await store.read_agent(agent_id, draft=draft)
    if stored is not None:
        return stored
    if draft:
        raise CannotGoOn(
            f"{agent_id} has no draft. To make one: ringdown agents edit {agent_id} --draft"
        )
    names = [agent.agent_id for agent in await store.list_agents()]
    if not names:
        raise CannotGoOn("No agents yet. To make one: ringdown agents seed")
    meant = did_you_mean(agent_id, names)
    raise CannotGoOn(f"There is no agent {agent_id}.{meant} Agents: {', '.join(names)}.")


def findings_of(
    document: Document, tools: DeclaredTools | None, *, draft: bool = False
) -> Findings:
    return draft_findings(document, tools) if draft else findings(document, tools)


def say_problems(terminal: Terminal, path: str, found: Findings) -> None:
    """Print what must be corrected, and what is worth knowing."""
    if found.agent is None:
        terminal.complain(f"{path} can't be used like this:")
    elif found.remarks:
        terminal.complain(f"{path} can be used, but:")
    for problem in (*found.errors, *found.remarks):
        terminal.complain(f"  - {problem}")
    for note in found.notes:
        terminal.say(f"Note on {note}", Style.FAINT)


def styled_difference(before: Document, after: Document) -> list[tuple[str, Style]]:
    """The difference, line by line; empty if there is none."""
    return [(line, _STYLES.get(line[:1], Style.PLAIN)) for line in difference(before, after)]


_STYLES = {"+": Style.GOOD, "-": Style.BAD, "@": Style.FAINT}


async def is_called(store: AgentStore, agent_id: str) -> bool:
    """Whether any number leads to the agent."""
    return agent_id == DEFAULT_AGENT_ID or agent_id in (await store.list_numbers()).values()


def say_draft_status(terminal: Terminal, status: AgentStatus, draft: Document) -> None:
    """Print who hears the draft, or why no one does. Its problems were printed before."""
    if status.ok:
        terminal.say(_who_hears(draft_findings(draft).testers), Style.GOOD)
    elif status.error is not None:
        terminal.complain(status.error)


async def say_status(
    terminal: Terminal,
    store: AgentStore,
    agent_id: str,
    status: AgentStatus,
    *,
    told: bool = False,
) -> None:
    """Print which version answers calls now and, if it isn't the saved one, why. Prints remarks
    too, unless they were printed before (`told`)."""
    if status.ok and await is_called(store, agent_id):
        terminal.say(f"New calls use it (revision {status.revision}).", Style.GOOD)
    elif status.ok:
        terminal.say(f"No number uses it yet (revision {status.revision}). To change that:")
        terminal.say(f"ringdown numbers set NUMBER {agent_id}")
    if status.error is not None and not (status.ok and told):
        terminal.complain(status.error)


def _who_hears(testers: tuple[str, ...]) -> str:
    if not testers:
        return "No one hears it yet: add your number to `testers`."
    shown = ", ".join(number_shown(number, whole=False) for number in testers)
    who = "1 tester" if len(testers) == 1 else f"{len(testers)} testers"
    return f"{who} ({shown}) will hear it."


def state_of(stored: StoredAgent, found: Findings) -> str:
    """Return `ok`, or say in a few words what is wrong."""
    if found.agent is not None:
        return "ok, with remarks" if found.remarks else "ok"
    answers = stored.status.revision if stored.status is not None else None
    instead = f"; revision {answers} answers" if answers is not None else ""
    return f"broken{instead}"
