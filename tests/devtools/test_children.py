"""Children never outlive their parent. They keep its output open, so it closes when they end."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from devtools.children import child_ended, start_child

PARENT = """
import asyncio, sys
from devtools.children import start_child

async def main():
    await start_child((sys.executable, "-c", sys.argv[1]), stdout=sys.stdout, stderr=sys.stderr)
    print("watched", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
OBEDIENT = """
import signal
signal.signal(signal.SIGTERM, lambda *_: exit(print("stopped", flush=True)))
print("running", flush=True)
signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("running", flush=True)
signal.pause()
"""


def after_the_parent_was_killed(child: str) -> str:
    """Kill the parent, and return everything that the child prints until it has ended too."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, child], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert {parent.stdout.readline(), parent.stdout.readline()} == {"running\n", "watched\n"}
        parent.send_signal(signal.SIGKILL)
        return parent.stdout.read()


@pytest.mark.real_time  # the child gets a second to stop
def test_a_child_is_stopped_when_its_parent_is_killed() -> None:
    assert after_the_parent_was_killed(OBEDIENT) == "stopped\n"


def test_a_child_that_will_not_stop_is_killed() -> None:
    assert after_the_parent_was_killed(STUBBORN) == ""


async def test_what_a_child_has_left_running_is_killed() -> None:
    ours, theirs = os.pipe()
    child = await start_child(("sh", "-c", "sleep 60 &"), stdout=theirs, stderr=theirs)
    os.close(theirs)
    await child.wait()
    child_ended(child)
    with os.fdopen(ours, "rb") as output:
        assert await asyncio.to_thread(output.read) == b"", (
            "the output must close without anything printed"
        )
