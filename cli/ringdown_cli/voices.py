"""`ringdown voices`: the voices an agent can have."""

import argparse

from ringdown.gemini.models import VOICES
from ringdown_cli.command import DONE, Commands, Surroundings, add_command


def add_voices_command(commands: Commands) -> None:
    add_command(
        commands,
        "voices",
        voices,
        "list the voices an agent can have, and how Google describes them",
        examples=("voices",),
    )


async def voices(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    surroundings.terminal.table(("voice", "character"), list(VOICES.items()))
    surroundings.terminal.note(
        "To hear one, give it to a draft, and call: ringdown agents edit default --draft"
    )
    return DONE
