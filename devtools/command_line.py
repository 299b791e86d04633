"""The commands of `python -m devtools`. Each one does its own imports, which take a second."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ringdown_cli.command import DONE, MISUSED, Surroundings
from ringdown_cli.command_line import OUT, run_command
from ringdown_cli.terminal import Terminal


def main(
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str],
    terminal: Terminal | None = None,
    out: Path = OUT,
) -> int:
    """Run one command, from `argv` or this process's arguments. Returns the exit status."""
    return run_command(_parser(), argv, environ=environ, terminal=terminal, out=out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devtools", description="Run Ringdown on this machine."
    )
    commands = parser.add_subparsers(metavar="command", required=True)
    for name, command, help in (
        ("call", _call, "place the demonstration call and show it as it happens"),
        ("talk", _talk, "talk to the line from a page in your browser"),
        ("stack", _stack, "run the deployables until Ctrl-C"),
        ("conformance", _conformance, "compare the stand-ins with the real services"),
    ):
        commands.add_parser(name, help=help).set_defaults(run=command)
    return parser


async def _call(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from devtools.demonstration import place_demonstration_call
    from devtools.processes import ProcessFailed

    try:
        return await place_demonstration_call(surroundings.environ, surroundings.out)
    except ProcessFailed as error:
        return _failed(error, surroundings)


async def _talk(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from devtools.processes import ProcessFailed
    from devtools.talk.command import talk

    try:
        with suppress(asyncio.CancelledError):  # Ctrl-C is the normal way to end it
            await talk(surroundings)
    except ProcessFailed as error:
        return _failed(error, surroundings)
    return DONE


async def _stack(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from devtools.processes import ProcessFailed
    from devtools.stack import serve_stack
    from devtools.stack_settings import settings_from_environ

    settings = settings_from_environ(surroundings.environ, surroundings.out)
    try:
        with suppress(asyncio.CancelledError):  # Ctrl-C is the normal way to end it
            await serve_stack(settings)
    except ProcessFailed as error:
        return _failed(error, surroundings)
    return DONE


async def _conformance(_: argparse.Namespace, surroundings: Surroundings) -> int:
    from devtools.conformance.command import check_conformance
    from devtools.processes import ProcessFailed

    out = surroundings.out / "conformance"
    try:
        return await check_conformance(surroundings.environ, out, surroundings.now().date())
    except ProcessFailed as error:
        return _failed(error, surroundings)


def _failed(error: Exception, surroundings: Surroundings) -> int:
    surroundings.terminal.complain(str(error))
    return MISUSED
