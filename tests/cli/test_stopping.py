"""Signals stop a command cleanly and in time. Each command here runs as a process."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

PROGRAM = """
import asyncio, time
from ringdown_cli.stopping import stoppable

{command}

raise SystemExit(asyncio.run(stoppable(command())))
"""
ORDERLY = """
async def command():
    try:
        print("running", flush=True)
        await asyncio.Event().wait()
    finally:
        print("stopped", flush=True)
"""
STUBBORN = """
async def command():
    print("running", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("still running", flush=True)
"""
BUSY = """
async def command():
    print("running", flush=True)
    await asyncio.to_thread(time.sleep, 60)
"""
FAILING = """
async def command():
    try:
        print("running", flush=True)
        await asyncio.Event().wait()
    finally:
        raise RuntimeError("while it was stopped")
"""


@contextmanager
def running(*argv: str) -> Iterator["subprocess.Popen[str]"]:
    """A program that has announced that it is running."""
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        try:
            yield process
        finally:
            process.kill()


def command(source: str) -> tuple[str, ...]:
    return (sys.executable, "-c", PROGRAM.format(command=source))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_command_in_order(number: signal.Signals) -> None:
    with running(*command(ORDERLY)) as process:
        process.send_signal(number)
        rest, _ = process.communicate()
    assert (rest, process.returncode) == ("stopped\n", 128 + number)


@pytest.mark.parametrize("source", [BUSY, FAILING])
def test_neither_a_thread_nor_an_error_keeps_it_from_ending_quietly(source: str) -> None:
    with running(*command(source)) as process:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate()
    assert (rest, process.returncode) == ("", 128 + signal.SIGINT)


def test_a_second_signal_ends_it_immediately() -> None:
    with running(*command(STUBBORN)) as process:
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
    assert process.returncode == 128 + signal.SIGINT


def test_nohup_is_respected() -> None:
    with running("nohup", *command(ORDERLY)) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate()
    assert (rest, process.returncode) == ("stopped\n", 128 + signal.SIGTERM)
