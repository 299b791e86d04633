"""The operators' command line: `python -m ops`, or `ringdown`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.agents.commands import add_agent_commands
from ops.callers import add_caller_commands
from ops.calls.commands import add_call_commands
from ops.command import BROKEN, DONE, MISUSED, CannotGoOn, Surroundings
from ops.doctor.arguments import add_doctor_command
from ops.numbers import add_number_commands
from ops.terminal import Terminal, standard_terminal
from ringdown import clock
from ringdown.errors import ConfigurationError

OUT = Path("out")
_INTERRUPTED = 130  # as shells say it


def main(
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    terminal: Terminal | None = None,
    out: Path = OUT,
) -> int:
    """Run one command; without arguments those of the process. Returns the exit status."""
    arguments = _parser().parse_args(argv)
    environ = os.environ if environ is None else environ
    surroundings = Surroundings(environ, terminal or standard_terminal(environ), out, clock.now)
    try:
        status: int = asyncio.run(arguments.run(arguments, surroundings))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _INTERRUPTED
    except CannotGoOn as error:
        surroundings.terminal.complain(str(error))
        return BROKEN
    except ConfigurationError as error:
        surroundings.terminal.complain("\n".join(error.problems))
        return MISUSED
    return status


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

    _stop_by_sigterm_too()
    try:
        return await place_demonstration_call(surroundings.environ, surroundings.out)
    except ProcessFailed as error:
        return _failed(error, surroundings)


async def _talk(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from ops.processes import ProcessFailed
    from ops.talk.command import talk

    try:
        return await talk(surroundings, _stop_by_signal())
    except ProcessFailed as error:
        return _failed(error, surroundings)


async def _stack(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from ops.processes import ProcessFailed
    from ops.stack import serve_stack, settings_from_environ

    settings = settings_from_environ(surroundings.environ, surroundings.out)
    try:
        await serve_stack(settings, _stop_by_signal())
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

    _stop_by_sigterm_too()
    settings = settings_from_environ(surroundings.environ, surroundings.out, ROOT / "docs")
    try:
        return await check_conformance(settings, surroundings.now().date())
    except ConformanceStopped as error:
        return _failed(error, surroundings)


def _stop_by_signal() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _stop_by_sigterm_too() -> None:
    """An end by SIGTERM stops the parts just as Ctrl-C does."""
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _failed(error: Exception, surroundings: Surroundings) -> int:
    surroundings.terminal.complain(str(error))
    return MISUSED


if __name__ == "__main__":
    sys.exit(main())
