"""`agents edit` and `new`: open a document in the user's editor, and check it before saving."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ringdown.agents import packaged_document
from ringdown.agents.check import DeclaredTools
from ringdown.agents.difference import changed_fields, contested, difference, merged
from ringdown.agents.documents import Document, text_to_edit, where
from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import AgentStore, Edit, StoredAgent
from ringdown.agents.yaml_text import NotReadable, from_yaml, to_yaml
from ringdown.errors import Conflict
from ringdown.wording import did_you_mean, listed
from ringdown_cli.agents.editor import TextFile, run_editor, text_file
from ringdown_cli.agents.state import (
    ensure_name,
    findings_of,
    say_draft_status,
    say_problems,
    say_status,
    styled_difference,
)
from ringdown_cli.agents.who import this_edit
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Edited:
    """The document as it was before the edit. If it didn't exist yet, `version` is None and
    `offered` is what the user starts from; otherwise `offered` equals `before`."""

    agent_id: str
    is_draft: bool
    before: Document
    version: str | None
    offered: Document

    @property
    def path(self) -> str:
        return where(self.agent_id, draft=self.is_draft)

    @property
    def command(self) -> str:
        return f"ringdown agents edit {self.agent_id}{' --draft' if self.is_draft else ''}"


async def edit(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        begun = await _begin(store, arguments.agent, is_draft=arguments.draft)
        if begun.version is None and not await _is_to_be_made(store, begun, arguments, terminal):
            return BROKEN
        return await _edited(arguments, surroundings, store, begun)


async def new(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    """Like `edit`, for an agent that doesn't exist yet."""
    ensure_name(arguments.agent)
    async with chosen_store(arguments.store, surroundings) as store:
        begun = await _begin(store, arguments.agent, is_draft=False)
        if begun.version is not None:
            raise CannotGoOn(
                f"Agent {begun.agent_id} already exists. To change it: {begun.command}"
            )
        return await _edited(arguments, surroundings, store, begun)


async def _edited(
    arguments: argparse.Namespace, surroundings: Surroundings, store: AgentStore, begun: Edited
) -> int:
    """Let the user edit the document, and save it. Until then their text is in a file, which is
    kept if anything fails."""
    terminal = surroundings.terminal
    text = text_to_edit(begun.offered, begun.path, draft=begun.is_draft)
    async with text_file(text, arguments.file, begun.command, terminal) as file:
        edited = await _edited_document(arguments, surroundings, store, begun, file.path)
        if edited is None:
            return BROKEN
        if begun.version is not None and not changed_fields(begun.before, edited):
            terminal.say(f"No changes to {begun.path}.")
            file.done()
            return DONE
        for line, style in styled_difference(begun.before, edited):
            terminal.say(line, style)
        if not arguments.yes and not terminal.confirm(f"Save this as {begun.path}?"):
            terminal.complain("Nothing was saved.")
            return BROKEN
        made = this_edit(arguments, surroundings)
        await _save(store, begun, edited, file)
    return await _look(store, begun, surroundings, made)


async def _begin(store: AgentStore, agent_id: str, *, is_draft: bool) -> Edited:
    """Start from the stored document. Without one, a draft starts from its agent, and an agent
    from the one that ships with Ringdown."""
    stored = await store.read_agent(agent_id, draft=is_draft)
    if stored is not None:
        return Edited(agent_id, is_draft, stored.document, stored.version, stored.document)
    if not is_draft:
        return Edited(agent_id, is_draft, {}, None, dict(packaged_document()))
    agent = await store.read_agent(agent_id)
    if agent is None:
        raise CannotGoOn(
            f"Agent {agent_id} doesn't exist, so it can't have a draft."
            f" Make it first: ringdown agents edit {agent_id}"
        )
    draft = {**agent.document, "testers": [], "publish": False}
    return Edited(agent_id, is_draft, {}, None, draft)


async def _is_to_be_made(
    store: AgentStore, begun: Edited, arguments: argparse.Namespace, terminal: Terminal
) -> bool:
    """Ask before creating an agent: a misspelt name would become an agent that gets no calls."""
    ensure_name(begun.agent_id)
    agents = [agent.agent_id for agent in await store.list_agents()]
    if begun.is_draft or not agents or arguments.yes:
        terminal.complain(f"{begun.path} doesn't exist yet; saving creates it.")
        return True
    meant = did_you_mean(begun.agent_id, agents)
    terminal.complain(f"There is no agent {begun.agent_id}.{meant} Agents: {', '.join(agents)}.")
    if terminal.confirm(f"Create a new agent {begun.agent_id}?"):
        return True
    terminal.complain("No agent was created.")
    return False


async def _edited_document(
    arguments: argparse.Namespace,
    surroundings: Surroundings,
    store: AgentStore,
    begun: Edited,
    file: Path,
) -> Document | None:
    """Return what the user wrote, once it can be saved. Until then, reopen the editor with the
    problems in comments. Returns None if the user gives up."""
    terminal, tools = surroundings.terminal, await store.declared_tools()
    given: bytes | None = None
    for time in range(1, _MOST_TIMES + 1):
        if arguments.file is None:
            await run_editor(file, surroundings.environ)
        written = await asyncio.to_thread(file.read_bytes)
        try:
            return _usable(written, tools, begun, terminal, anyway=arguments.anyway)
        except NotUsable as refused:
            if arguments.file is not None or written == given or time == _MOST_TIMES:
                for line in refused.lines:
                    terminal.complain(line)
                terminal.complain("Nothing was saved.")
                return None
            given = with_errors(written, refused.lines)
        await asyncio.to_thread(file.write_bytes, given)
        terminal.complain("It can't be saved like this. Opening the editor again to show why.")
    return None


_MOST_TIMES = 10
"""The editor opens at most this often, in case it's a program that never fixes the text."""


class NotUsable(Exception):
    """The text can't be saved; the lines say why."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__(*lines)


def _usable(
    written: bytes, tools: DeclaredTools, begun: Edited, terminal: Terminal, *, anyway: bool
) -> Document:
    """Return the document in `written`. Raises NotUsable if it can't answer calls or, unless
    `anyway`, if it has a remark that wasn't there before.

    Remarks are about unknown fields or tools: the agent still answers calls, but the user probably
    made a mistake.
    """
    try:
        document = from_yaml(written.decode())
    except (NotReadable, UnicodeDecodeError) as error:
        raise NotUsable(str(error)) from None
    found = findings_of(document, tools, draft=begun.is_draft)
    problems = [f"  - {problem}" for problem in (*found.errors, *found.remarks)]
    if found.agent is None:
        raise NotUsable(f"{begun.path} can't be used like this:", *problems)
    known = findings_of(begun.offered, tools, draft=begun.is_draft).remarks
    if not anyway and set(found.remarks) - set(known):
        advice = f"Correct it, or save it anyway: {begun.command} --anyway"
        raise NotUsable(f"{begun.path} can be used, but:", *problems, advice)
    say_problems(terminal, begun.path, found)
    return document


_MARK = b"#! "
"""Starts a comment line that reports a problem."""


def with_errors(written: bytes, lines: Sequence[str]) -> bytes:
    """Put the problems at the top of the text, replacing those from the last time."""
    theirs = [line for line in written.splitlines(keepends=True) if not line.startswith(_MARK)]
    told = [
        _MARK + part.encode() + b"\n"
        for line in (*lines, "To give up, close the file without changing it.")
        for part in line.splitlines()
    ]
    return b"".join((*told, *theirs))


async def _save(store: AgentStore, begun: Edited, edited: Document, file: TextFile) -> None:
    try:
        await store.write_agent(begun.agent_id, edited, over=begun.version, draft=begun.is_draft)
    except Conflict:
        now = await store.read_agent(begun.agent_id, draft=begun.is_draft)
        raise CannotGoOn(_conflict(begun, edited, now, file)) from None
    file.done()


def _conflict(begun: Edited, mine: Document, now: StoredAgent | None, file: TextFile) -> str:
    """Merge both edits into the file. Returns a message that says what the other person changed."""
    theirs = {} if now is None else now.document
    file.path.write_text(to_yaml(merged(begun.before, mine, theirs)), "utf-8")
    changes = "\n".join(f"  {line}" for line in difference(begun.before, theirs))
    both = contested(begun.before, mine, theirs)
    yours = f" You both changed {listed(both, 'and')}; the file has yours." if both else ""
    return (
        f"Someone else saved {begun.path} in the meantime, so your edit isn't saved yet."
        f" They changed:\n{changes}\nThe file now has both edits.{yours} Check it, then save it."
    )


async def _look(store: AgentStore, begun: Edited, surroundings: Surroundings, made: Edit) -> int:
    status = await look_at_edit(store, begun.agent_id, made.at, draft=begun.is_draft, edit=made)
    if status is None:
        raise CannotGoOn(f"Someone just deleted {begun.path}.")
    draft = await store.read_agent(begun.agent_id, draft=True) if begun.is_draft else None
    published = begun.is_draft and draft is None
    surroundings.terminal.say(f"{'Published' if published else 'Saved'} {begun.path}.")
    document = None if draft is None else draft.document
    if document is not None:
        say_draft_status(surroundings.terminal, status, document)
    else:
        await say_status(surroundings.terminal, store, begun.agent_id, status, told=True)
    return DONE if status.ok else BROKEN
