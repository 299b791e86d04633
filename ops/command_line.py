"""The operators' command line: every command, and how it ends."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ops.agents.commands import add_agent_commands
from ops.callers import add_caller_commands
from ops.calls.commands import add_call_commands
from ops.command import BROKEN, DONE, MISUSED, CannotGoOn, Surroundings
from ops.doctor.arguments import add_doctor_command
from ops.numbers import add_number_commands
from ops.stopping import stoppable
from ops.terminal import Terminal, prepared_streams, standard_terminal
from ringdown import clock
from ringdown.errors import ConfigurationError, StoreUnavailable

OUT = Path("out")


def main(
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str],
    terminal: Terminal | None = None,
    out: Path = OUT,
) -> int:
    """Run one command: this process's own unless `argv` is given. Returns the exit status."""
    if terminal is not None:
        return _run(argv, environ, terminal, out)
    with prepared_streams():
        return _run(argv, environ, standard_terminal(environ), out)


def _run(
    argv: Sequence[str] | None, environ: Mapping[str, str], terminal: Terminal, out: Path
) -> int:
    arguments = _parser().parse_args(argv)
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
        prog="ringdown",
        description="Run Ringdown on this machine, and operate it wherever it runs.",
    )
    commands = parser.add_subparsers(metavar="command", required=True)
    add_agent_commands(commands)
    add_number_commands(commands)
    add_call_commands(commands)
    add_caller_commands(commands)
    add_doctor_command(commands)
    for name, command, help in (
        ("call", _call, "place the demonstration call and show it as it happens"),
        ("talk", _talk, "talk to the line from a page in your browser"),
        ("stack", _stack, "run the deployables until Ctrl-C"),
        ("conformance", _conformance, "compare the stand-ins with the real services"),
    ):
        commands.add_parser(name, help=help).set_defaults(run=command)
    return parser


# Running the parts; what they need takes a second to import


async def _call(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from ops.demonstration import place_demonstration_call
    from ops.processes import ProcessFailed

    try:
        return await place_demonstration_call(surroundings.environ, surroundings.out)
    except ProcessFailed as error:
        return _failed(error, surroundings)


async def _talk(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from ops.processes import ProcessFailed
    from ops.talk.command import talk

    try:
        with suppress(asyncio.CancelledError):  # Ctrl-C is how it is meant to end
            await talk(surroundings)
    except ProcessFailed as error:
        return _failed(error, surroundings)
    return DONE


async def _stack(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from ops.processes import ProcessFailed
    from ops.stack import serve_stack, settings_from_environ

    settings = settings_from_environ(surroundings.environ, surroundings.out)
    try:
        with suppress(asyncio.CancelledError):  # Ctrl-C is how it is meant to end
            await serve_stack(settings)
    except ProcessFailed as error:
        return _failed(error, surroundings)
    return DONE


async def _conformance(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from ops.conformance.command import (
        ConformanceStopped,
        check_conformance,
        settings_from_environ,
    )
    from ops.stack import ROOT

    settings = settings_from_environ(surroundings.environ, surroundings.out, ROOT / "docs")
    try:
        return await check_conformance(settings, surroundings.now().date())
    except ConformanceStopped as error:
        return _failed(error, surroundings)


def _failed(error: Exception, surroundings: Surroundings) -> int:
    surroundings.terminal.complain(str(error))
    return MISUSED
