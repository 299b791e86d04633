"""What every command is given, and how it says that it cannot go on."""

import argparse
import datetime
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ringdown_cli.terminal import Terminal

DONE = 0
BROKEN = 1
"""What was asked about is broken, invalid or not there."""
MISUSED = 2
"""The command, or its configuration, is wrong."""
UNTRIED = 3
"""Nothing is wrong with what could be tried, but not everything could."""
TOO_BUSY = 75
"""This machine was too busy to tell; try again later (EX_TEMPFAIL of sysexits.h)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`out` is where records of this machine's own runs are kept."""

    environ: Mapping[str, str]
    terminal: Terminal
    out: Path
    now: Callable[[], datetime.datetime]


class CannotGoOn(Exception):
    """The command ends with BROKEN; the message says what is wrong and what to do."""


def given_text(file: str, terminal: Terminal) -> str:
    """What is in `file`, or comes by standard input for `-`; raises CannotGoOn."""
    try:
        return terminal.answers.read() if file == "-" else Path(file).read_text("utf-8")
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CannotGoOn(f"{file} is no text in UTF-8.") from None


def count(text: str) -> int:
    """An argument that is 1 or more."""
    if not re.fullmatch("0*[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} isn't a whole number of at least 1")
    return int(text)


def make_folder(path: Path) -> Path:
    """Make a folder to write to, if it isn't there; raises CannotGoOn."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise CannotGoOn(
            f"Can't write to the folder {path.absolute()}: {error.strerror}.\n"
            "Make it writable, or run this from a folder where you can write."
        ) from None


Command = Callable[[argparse.Namespace, Surroundings], Awaitable[int]]
"""Returns the exit status."""


class Group:
    """The commands on one subject: `ringdown agents …`."""

    def __init__(
        self, groups: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, help: str
    ) -> None:
        group = groups.add_parser(name, help=help, description=_sentence(help))
        self._commands = group.add_subparsers(metavar="command", required=True)

    def add(
        self, name: str, command: Command, help: str, *, examples: tuple[str, ...] = ()
    ) -> argparse.ArgumentParser:
        """A command that works on a store; `examples` are whole lines."""
        parser = self._commands.add_parser(
            name,
            help=help,
            description=_sentence(help),
            epilog="\n".join(("examples:", *(f"  ringdown {line}" for line in examples))),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument(
            "--store",
            metavar="URL",
            help="firestore:PROJECT or sqlite:PATH; STORE_URL if left out, else the local stack's",
        )
        parser.set_defaults(run=command)
        return parser


def _sentence(help: str) -> str:
    return f"{help[0].upper()}{help[1:]}."
