"""The operators' command line: every command, and how it ends."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from ringdown import clock
from ringdown.errors import ConfigurationError, StoreUnavailable
from ringdown_cli.agents.commands import add_agent_commands
from ringdown_cli.callers import add_caller_commands
from ringdown_cli.calls.commands import add_call_commands
from ringdown_cli.command import BROKEN, MISUSED, CannotGoOn, Surroundings
from ringdown_cli.console import add_console_command
from ringdown_cli.doctor.arguments import add_doctor_command
from ringdown_cli.numbers import add_number_commands
from ringdown_cli.stopping import stoppable
from ringdown_cli.terminal import Terminal, prepared_streams, standard_terminal

OUT = Path("out")


def main(
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str],
    terminal: Terminal | None = None,
    out: Path = OUT,
) -> int:
    """Run one command: this process's own unless `argv` is given. Returns the exit status."""
    return run_command(_parser(), argv, environ=environ, terminal=terminal, out=out)


def run_command(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str],
    terminal: Terminal | None = None,
    out: Path = OUT,
) -> int:
    """Run the command that `parser` finds. Its `run` takes the arguments and Surroundings."""
    if terminal is not None:
        return _run(parser, argv, environ, terminal, out)
    with prepared_streams():
        return _run(parser, argv, environ, standard_terminal(environ), out)


def _run(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    environ: Mapping[str, str],
    terminal: Terminal,
    out: Path,
) -> int:
    arguments = parser.parse_args(argv)
    surroundings = Surroundings(environ, terminal, out, clock.now)
    try:
        return asyncio.run(stoppable(arguments.run(arguments, surroundings)))
    except CannotGoOn as error:
        terminal.complain(str(error))
        return BROKEN
    except ConfigurationError as error:
        terminal.complain("\n".join(error.problems))
        return MISUSED
    except StoreUnavailable as error:
        terminal.complain(f"Can't use the store: {error}.")
        return BROKEN
    except OSError as error:
        if error.filename is None:
            raise  # not about a file: a fault of ours
        terminal.complain(f"Can't use {error.filename}: {error.strerror}.")
        return BROKEN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ringdown", description="Operate Ringdown, wherever it runs."
    )
    commands = parser.add_subparsers(metavar="command", required=True)
    add_agent_commands(commands)
    add_number_commands(commands)
    add_call_commands(commands)
    add_caller_commands(commands)
    add_console_command(commands)
    add_doctor_command(commands)
    return parser
