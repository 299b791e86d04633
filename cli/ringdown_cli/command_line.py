"""The operators' command line: all commands, and their exit statuses."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from ringdown import clock
from ringdown.errors import ConfigurationError, StoreUnavailable
from ringdown_cli.agents.commands import add_agent_commands
from ringdown_cli.callers import add_caller_commands
from ringdown_cli.calls.commands import add_call_commands
from ringdown_cli.command import (
    BROKEN,
    MISUSED,
    CannotGoOn,
    Parser,
    Surroundings,
    add_store_argument,
)
from ringdown_cli.console import add_console_command
from ringdown_cli.costs import add_costs_command
from ringdown_cli.doctor.arguments import add_doctor_command
from ringdown_cli.limits import add_limit_commands
from ringdown_cli.line import say_line
from ringdown_cli.local_time import time_zone
from ringdown_cli.numbers import add_number_commands
from ringdown_cli.outcomes import add_outcomes_command
from ringdown_cli.rehearsals import add_rehearsal_commands
from ringdown_cli.stopping import stoppable
from ringdown_cli.terminal import Terminal, prepared_streams, standard_terminal
from ringdown_cli.tools import add_tool_commands
from ringdown_cli.version import ShowVersion
from ringdown_cli.voices import add_voices_command
from ringdown_cli.webhooks import add_webhook_commands

OUT = Path("out")
TERRAFORM = Path("terraform")


def main(
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str],
    terminal: Terminal | None = None,
    out: Path = OUT,
    deployment: Path = TERRAFORM,
) -> int:
    """Run one command, from `argv` or this process's arguments. Returns the exit status."""
    return run_command(
        command_parser(), argv, environ=environ, terminal=terminal, out=out, deployment=deployment
    )


def run_command(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str],
    terminal: Terminal | None = None,
    out: Path = OUT,
    deployment: Path = TERRAFORM,
) -> int:
    """Run the command that `parser` finds. Its `run` takes the arguments and Surroundings."""
    if terminal is not None:
        return _run(parser, argv, environ, terminal, out, deployment)
    with prepared_streams():
        return _run(parser, argv, environ, standard_terminal(environ), out, deployment)


def _run(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    environ: Mapping[str, str],
    terminal: Terminal,
    out: Path,
    deployment: Path,
) -> int:
    arguments = parser.parse_args(argv)
    surroundings = Surroundings(
        environ, terminal, out, clock.now, zone=time_zone(environ), deployment=deployment
    )
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
            raise  # not about a file, so it's a bug
        terminal.complain(f"Can't use {error.filename}: {error.strerror}.")
        return BROKEN


def command_parser() -> Parser:
    parser = Parser(
        prog="ringdown",
        description="Operate Ringdown, wherever it runs. Without a command, it shows the state of"
        " the line, and what to do next.",
        epilog="examples:\n"
        "  ringdown\n"
        "  ringdown calls list --since yesterday --problem\n"
        "  ringdown calls show last\n"
        "  ringdown agents edit default\n"
        "  ringdown costs --by agent\n"
        "For more: ringdown COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=ShowVersion, help="show the version and exit")
    add_store_argument(parser, default=None)
    parser.set_defaults(run=say_line)
    commands = parser.add_subparsers(metavar="command")
    add_agent_commands(commands)
    add_rehearsal_commands(commands)
    add_number_commands(commands)
    add_call_commands(commands)
    add_outcomes_command(commands)
    add_caller_commands(commands)
    add_console_command(commands)
    add_costs_command(commands)
    add_limit_commands(commands)
    add_tool_commands(commands)
    add_voices_command(commands)
    add_webhook_commands(commands)
    add_doctor_command(commands)
    return parser
