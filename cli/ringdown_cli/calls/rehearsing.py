"""`calls rehearse`: writes a persona made from a call, with names and numbers replaced."""

import argparse
from pathlib import Path

from ringdown.calls import Speaker
from ringdown.rehearsals.from_call import persona_of
from ringdown.rehearsals.persona_text import persona_to_yaml
from ringdown_cli.calls.naming import call_meant
from ringdown_cli.command import DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store

_READ_IT = (
    "Read it before you keep it: numbers, e-mail addresses and the names in the record's fields are"
    " replaced, but other names, places and circumstances can't be recognised."
    " Typed digits are left out."
)


async def rehearse_call(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        call_sid = await call_meant(store, arguments.call)
        record = await store.read_record(call_sid)
    if record is None or not any(it.speaker is Speaker.CALLER for it in record.turns):
        raise CannotGoOn(f"The caller didn't speak in {call_sid}, so there's nothing to rehearse.")
    path: Path = arguments.file
    name = path.stem
    try:
        text = persona_to_yaml(persona_of(record, name))
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CannotGoOn(f"{path} already exists. Name another file, or remove it.") from None
    terminal.say(f"Wrote {path}.")
    terminal.say(_READ_IT)
    terminal.say(f"To store it: ringdown rehearsals edit {name} --file {path}")
    return DONE
