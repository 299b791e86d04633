"""`agents list`, `show`, `validate` and `history`, which change nothing."""

import argparse
from pathlib import Path

from ringdown.agents.check import DeclaredTools
from ringdown.agents.documents import (
    Document,
    document_of,
    plain_text,
    where,
)
from ringdown.agents.history import Event, history as all_events
from ringdown.agents.store import AgentStore, Revision, StoredAgent
from ringdown.agents.yaml_text import NotReadable, from_yaml
from ringdown.errors import ConfigurationError
from ringdown.tools import Json
from ringdown_cli.agents.state import findings_of, read_or_stop, say_problems, state_of
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings, given_text
from ringdown_cli.local_time import column_of_times, with_zone
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import json_rows, json_text


async def list_agents(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        agents = await store.list_agents()
        numbers = await store.list_numbers()
        tools = await store.declared_tools()
        rows = [await _row(store, agent, numbers, tools) for agent in agents]
    if arguments.json:
        terminal.say(json_rows(_HEADS, rows))
    elif rows:
        terminal.table(_HEADS, rows)
    else:
        terminal.complain(
            "No agents yet, so the one that ships with Ringdown answers."
            " To make it yours: ringdown agents seed"
        )
    return DONE


_NONE_KEPT = "No revisions of {} yet: one is kept when the agent is saved or called."
_HEADS = ("agent", "state", "revision", "draft", "numbers")


async def _row(
    store: AgentStore, agent: StoredAgent, numbers: dict[str, str], tools: DeclaredTools
) -> tuple[str, ...]:
    found = findings_of(agent.document, tools)
    draft = await store.read_agent(agent.agent_id, draft=True)
    answers = agent.status.revision if agent.status is not None else None
    revision = found.agent.revision if found.agent is not None else answers
    drafted = (
        "" if draft is None else state_of(draft, findings_of(draft.document, tools, draft=True))
    )
    own = sorted(number for number, agent_id in numbers.items() if agent_id == agent.agent_id)
    return agent.agent_id, state_of(agent, found), revision or "", drafted, " ".join(own)


async def show(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    """Print the document as YAML that `agents edit --file` accepts, with its state in comments."""
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        if arguments.revision is not None:
            revision = await revision_or_stop(store, arguments.agent, arguments.revision)
            document = document_of(revision.agent)
            heads = [_revision_head(revision, surroundings)]
        else:
            stored = await read_or_stop(store, arguments.agent, draft=arguments.draft)
            tools = await store.declared_tools()
            document = stored.document
            heads = _heads(stored, tools, draft=arguments.draft)
    if arguments.json:
        terminal.say(json_text(document))
    else:
        for line in heads:
            terminal.say(f"# {line}")
        terminal.say(plain_text(document).rstrip("\n"))
    return DONE


def _heads(stored: StoredAgent, tools: DeclaredTools, *, draft: bool) -> list[str]:
    found = findings_of(stored.document, tools, draft=draft)
    state = state_of(stored, found)
    revision = "" if found.agent is None else f", revision {found.agent.revision}"
    problems = [f"- {problem}" for problem in (*found.errors, *found.remarks, *found.notes)]
    return [f"{where(stored.agent_id, draft=draft)}: {state}{revision}", *problems]


def _revision_head(revision: Revision, surroundings: Surroundings) -> str:
    seen = with_zone(revision.seen_at, surroundings.zone)
    return f"revision {revision.revision}, last in use {seen}"


async def revision_or_stop(store: AgentStore, agent_id: str, wanted: str) -> Revision:
    """Return the revision that starts with `wanted`. Raises CannotGoOn unless exactly one does."""
    revisions = await store.list_revisions(agent_id)
    matching = [revision for revision in revisions if revision.revision.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(revision.revision for revision in matching)
        raise CannotGoOn(f"{wanted} matches {names}. Give more characters.")
    if not revisions:
        await read_or_stop(store, agent_id)
        raise CannotGoOn(_NONE_KEPT.format(agent_id))
    raise CannotGoOn(
        f"{agent_id} has no revision {wanted}. To see all: ringdown agents history {agent_id}"
    )


async def history(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        stored = await read_or_stop(store, arguments.agent)
        revisions = await store.list_revisions(arguments.agent)
    found = findings_of(stored.document, None)
    answering = found.agent.revision if found.agent is not None else None
    if not revisions:
        terminal.complain(_NONE_KEPT.format(arguments.agent))
        return DONE
    if answering is None:
        answering = revisions[0].revision
        terminal.complain(f"agents/{arguments.agent} is broken; its last good revision answers.")
    events = all_events(revisions)
    last = next((event for event in events if event.revision == answering), None)
    when, times = column_of_times("when", [event.edit.at for event in events], surroundings.zone)
    rows = [
        (
            event.revision,
            time,
            event.edit.by or "",
            "answers calls" if event is last else "",
            event.edit.why or "",
            event.what,
        )
        for event, time in zip(events, times, strict=True)
    ]
    if arguments.json:
        terminal.say(json_text([_plain(event, event is last) for event in events]))
    else:
        terminal.table(("revision", when, "who", "state", "why", "what changed"), rows)
    return DONE


def _plain(event: Event, answers: bool) -> dict[str, Json]:
    return {
        "revision": event.revision,
        "when": event.edit.at,
        "who": event.edit.by,
        "why": event.edit.why,
        "state": "answers calls" if answers else "",
        "what_changed": event.what,
    }


async def validate(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    """Check a file or a stored agent. Without a store, a file's tools aren't checked."""
    terminal, target = surroundings.terminal, arguments.target
    is_draft = arguments.draft
    if _is_file(target):
        document = _read_document(target, surroundings)
        is_draft = is_draft or bool({"testers", "publish"} & document.keys())
        path, tools = target, await _known_tools(arguments, surroundings)
    else:
        async with chosen_store(arguments.store, surroundings) as store:
            stored = await read_or_stop(store, target, draft=is_draft)
            document, path = stored.document, where(target, draft=is_draft)
            tools = await store.declared_tools()
    found = findings_of(document, tools, draft=is_draft)
    say_problems(terminal, path, found)
    if found.agent is None or found.remarks:
        return BROKEN
    unchecked = "" if tools is not None else " (Without a store, its tools weren't checked.)"
    terminal.say(f"{path} can answer calls.{unchecked}")
    return DONE


def _is_file(target: str) -> bool:
    return target == "-" or target.endswith((".yaml", ".yml")) or Path(target).is_file()


def _read_document(target: str, surroundings: Surroundings) -> Document:
    try:
        return from_yaml(given_text(target, surroundings.terminal))
    except NotReadable as error:
        raise CannotGoOn(f"{target}: {error}") from None


async def _known_tools(
    arguments: argparse.Namespace, surroundings: Surroundings
) -> DeclaredTools | None:
    try:
        async with chosen_store(arguments.store, surroundings) as store:
            return await store.declared_tools()
    except ConfigurationError:
        if arguments.store:
            raise
        return None
