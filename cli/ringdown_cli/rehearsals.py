"""`ringdown rehearsals`: the personas that call agents in `agents rehearse`."""

import argparse
import asyncio
import re

from ringdown.agents.yaml_text import NotReadable, to_yaml
from ringdown.errors import InvalidDocument
from ringdown.rehearsals import Persona
from ringdown.rehearsals.persona_text import (
    packaged_personas,
    persona_from_yaml,
    persona_to_yaml,
)
from ringdown.rehearsals.store import (
    delete_persona,
    list_personas,
    persona_document,
    write_persona,
)
from ringdown.stores import Store
from ringdown.wording import did_you_mean
from ringdown_cli.agents.editing import with_errors
from ringdown_cli.agents.editor import run_editor, text_file
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Commands, Group, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.wording import counted, json_rows

_HEADS = ("persona", "agent", "calls by", "who")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_MOST_TIMES = 10
_NEW = """\
who: Someone who wants to know the opening hours.
wants: To know how late you are open on Saturdays. Says goodbye once they know.
lines:
  - say: How late are you open on Saturdays?
  - say: Thank you. Goodbye.
  - wait: hangup
must:
  says: [four o'clock]
  ending: agent_hung_up
"""


def add_rehearsal_commands(groups: Commands) -> None:
    group = Group(groups, "rehearsals", "see and change the simulated callers of agents rehearse")
    listing = group.add("list", list_all, "list the stored personas", examples=("rehearsals list",))
    listing.add_argument("--json", action="store_true", help="print JSON, for scripts")
    showing = group.add(
        "show", show, "show a persona as YAML", examples=("rehearsals show asks-the-price",)
    )
    _name(showing)
    editing = group.add(
        "edit",
        edit,
        "write or change a persona in your editor (VISUAL or EDITOR)",
        examples=(
            "rehearsals edit asks-for-hours",
            "rehearsals edit asks-for-hours --file asks-for-hours.yaml",
        ),
    )
    _name(editing)
    editing.add_argument(
        "--file", metavar="FILE", help="read the text from FILE (- is standard input)"
    )
    deleting = group.add(
        "delete", delete, "delete a persona", examples=("rehearsals delete asks-for-hours",)
    )
    _name(deleting)
    deleting.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    group.add(
        "seed",
        seed,
        "store the personas that ship with Ringdown, without changing existing ones",
        examples=("rehearsals seed",),
    )


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="such as asks-for-hours")


async def list_all(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        personas, problems = await list_personas(store.documents)
    rows = [
        (it.name, it.agent, "script" if it.is_scripted else "model", " ".join(it.who.split()))
        for it in personas.values()
    ]
    if arguments.json:
        terminal.say(json_rows(_HEADS, rows))
    elif rows:
        terminal.table(_HEADS, rows)
    elif not problems:
        terminal.complain(
            "No personas are stored. To store those that ship with Ringdown:"
            " ringdown rehearsals seed"
        )
    for name, problem in problems.items():
        terminal.complain(to_correct(name, problem))
    return BROKEN if problems else DONE


def to_correct(name: str, problem: str) -> str:
    """Say what is wrong with a stored persona, and what to do."""
    return f"{problem}\nTo correct it: ringdown rehearsals edit {name}"


async def show(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings) as store:
        persona = await _persona_or_stop(store, arguments.name)
    surroundings.terminal.say(persona_to_yaml(persona).rstrip("\n"))
    return DONE


async def edit(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    """Edit a persona. The editor opens again, with the problem in comments, until the persona can
    be stored."""
    terminal, name = surroundings.terminal, arguments.name
    if not _NAME.fullmatch(name):
        raise CannotGoOn(
            f"{name!r} can't be a persona's name. Use lower-case letters, digits and - after a"
            " letter, as in asks-for-hours."
        )
    command = f"ringdown rehearsals edit {name}"
    async with chosen_store(arguments.store, surroundings) as store:
        text = await _text_to_edit(store, name)
        async with text_file(text, arguments.file, command, terminal) as file:
            given: bytes | None = None
            for _ in range(_MOST_TIMES):
                if arguments.file is None:
                    await run_editor(file.path, surroundings.environ)
                written = await asyncio.to_thread(file.path.read_bytes)
                try:
                    persona = persona_from_yaml(name, written.decode())
                except (NotReadable, InvalidDocument, UnicodeDecodeError) as error:
                    if arguments.file is not None or written == given:
                        raise CannotGoOn(f"{error}\nNothing was saved.") from None
                    given = with_errors(written, [str(error)])
                    await asyncio.to_thread(file.path.write_bytes, given)
                    terminal.complain("It can't be saved like this. Opening the editor again.")
                    continue
                await write_persona(store.documents, persona)
                file.done()
                terminal.say(
                    f"Saved rehearsals/{name}. To have it call:"
                    f" ringdown agents rehearse {persona.agent} {name}"
                )
                return DONE
    raise CannotGoOn("Nothing was saved.")


async def delete(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal, name = surroundings.terminal, arguments.name
    async with chosen_store(arguments.store, surroundings) as store:
        personas, problems = await list_personas(store.documents)
        if name not in {**personas, **problems}:
            raise CannotGoOn(_unknown(name, list(personas)))
        if not arguments.yes and not terminal.confirm(f"Delete rehearsals/{name}?"):
            terminal.complain("Nothing was deleted.")
            return BROKEN
        await delete_persona(store.documents, name)
    terminal.say(f"Deleted rehearsals/{name}.")
    return DONE


async def seed(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings) as store:
        stored, problems = await list_personas(store.documents)
        there = {**stored, **problems}
        missing = [it for name, it in packaged_personas().items() if name not in there]
        for persona in missing:
            await write_persona(store.documents, persona)
    surroundings.terminal.say(
        f"{counted(len(missing), 'persona')} stored. To see them: ringdown rehearsals list"
    )
    return DONE


async def _text_to_edit(store: Store, name: str) -> str:
    """Return the stored persona, or else the one that ships with Ringdown, or else a template.
    Comments say what is wrong with a stored one."""
    stored, problems = await list_personas(store.documents)
    if name in problems:
        document = await persona_document(store.documents, name)
        text = to_yaml({field: document[field] for field in document if field != "name"})
        return with_errors(text.encode(), [problems[name]]).decode()
    persona = stored.get(name) or packaged_personas().get(name)
    return _NEW if persona is None else persona_to_yaml(persona)


async def _persona_or_stop(store: Store, name: str) -> Persona:
    stored, problems = await list_personas(store.documents)
    if name in problems:
        raise CannotGoOn(to_correct(name, problems[name]))
    packaged = packaged_personas()
    persona = stored.get(name) or packaged.get(name)
    if persona is None:
        raise CannotGoOn(_unknown(name, [*stored] or [*packaged]))
    return persona


def _unknown(name: str, known: list[str]) -> str:
    return f"There is no persona {name}.{did_you_mean(name, known)} Personas: {', '.join(known)}."
