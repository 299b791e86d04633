"""What every command receives, and how it reports that it can't continue."""

import argparse
import datetime
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

from ringdown.wording import did_you_mean
from ringdown_cli.terminal import Terminal

DONE = 0
BROKEN = 1
"""Something is broken, invalid or missing."""
MISUSED = 2
"""The command, or its configuration, is wrong."""
UNTRIED = 3
"""Everything that could be tried is fine, but something couldn't be tried."""
TOO_BUSY = 75
"""This machine was too busy for a verdict; try again later (EX_TEMPFAIL in sysexits.h)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`out` holds the records of runs on this machine, `deployment` is the folder where Terraform
    ran, and `zone` the user's time zone."""

    environ: Mapping[str, str]
    terminal: Terminal
    out: Path
    now: Callable[[], datetime.datetime]
    zone: datetime.tzinfo = datetime.UTC
    deployment: Path = Path("terraform")


class CannotGoOn(Exception):
    """The command ends with BROKEN; the message says what is wrong and what to do."""


def given_text(file: str, terminal: Terminal) -> str:
    """Return the text in `file`, or from standard input for `-`. Raises CannotGoOn."""
    try:
        return terminal.answers.read() if file == "-" else Path(file).read_text("utf-8")
    except OSError as error:
        raise CannotGoOn(f"Can't read {file}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CannotGoOn(f"{file} isn't UTF-8 text.") from None


def count(text: str) -> int:
    """Parse an argument that must be 1 or more."""
    if not re.fullmatch("0*[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} isn't a whole number of at least 1")
    return int(text)


def make_folder(path: Path) -> Path:
    """Make a folder to write to, if it doesn't exist. Raises CannotGoOn."""
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
"""Runs a command. Returns the exit status."""


_UNKNOWN_COMMAND = re.compile(r"argument command: invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """Suggests the command that the user may have meant."""

    def error(self, message: str) -> NoReturn:
        if unknown := _UNKNOWN_COMMAND.fullmatch(message):
            known = re.findall(r"[a-z]+", unknown[2])
            meant = did_you_mean(unknown[1], known)
            message = f"unknown command {unknown[1]!r}.{meant} Commands: {', '.join(known)}"
        super().error(message)


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Group:
    """A group of commands, such as `ringdown agents …`."""

    def __init__(self, groups: "Commands", name: str, help: str) -> None:
        group = groups.add_parser(name, help=help, description=_sentence(help))
        self._commands = group.add_subparsers(metavar="command", required=True)

    def add(
        self, name: str, command: Command, help: str, *, examples: tuple[str, ...] = ()
    ) -> argparse.ArgumentParser:
        """`examples` are complete lines, without `ringdown`."""
        return add_command(self._commands, name, command, help, examples=examples)


def add_command(
    commands: Commands, name: str, command: Command, help: str, *, examples: tuple[str, ...]
) -> argparse.ArgumentParser:
    """Add a command that works on a store."""
    parser = commands.add_parser(
        name,
        help=help,
        description=_sentence(help),
        epilog="\n".join(("examples:", *(f"  ringdown {line}" for line in examples))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_store_argument(parser, default=argparse.SUPPRESS)
    parser.set_defaults(run=command)
    return parser


def add_store_argument(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    """Use SUPPRESS as the default to keep a --store given before the command."""
    parser.add_argument(
        "--store",
        metavar="URL",
        default=default,
        help="firestore:PROJECT or sqlite:PATH (default: STORE_URL, or else the line running on"
        " this machine, or the one Terraform deployed)",
    )


def _sentence(help: str) -> str:
    return f"{help[0].upper()}{help[1:]}."
