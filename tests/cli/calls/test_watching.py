"""`calls watch`, during a live call in the same store."""

import subprocess
import sys
import threading

from ringdown_cli.calls.watching import LOOK_EVERY_S
from tests.cli.calls.stored_calls import begin_call, end_call, good_call, sid
from tests.cli.command_line import CommandLine


def started(command_line: CommandLine, *argv: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ringdown_cli",
            "calls",
            "watch",
            *argv,
            "--store",
            command_line.store_url,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_call_that_is_over_is_shown_whole(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    ran = command_line.run("calls", "watch", "last")
    assert ran.status == 0
    assert ran.said == (
        f"{sid(1)}: …0123 calls default\n"
        "   0.3 s  agent   Hello.\n"
        "   2.0 s  caller  When do you open?\n"
        "   4.2 s  agent   At nine.   (reply after 800 ms)\n"
        "over: agent hung up\n"
    )


def test_a_call_is_followed_until_it_ends(command_line: CommandLine) -> None:
    call = begin_call(command_line, 1)
    with started(command_line, call.call_sid) as watching:
        assert watching.stdout is not None
        first = watching.stdout.readline()
        end_call(command_line, call)
        rest, complained = watching.communicate(timeout=10 * LOOK_EVERY_S)
    assert first == f"{sid(1)}: …0123 calls default\n"
    assert rest.splitlines()[-1] == "over: agent hung up"
    assert "When do you open?" in rest
    assert (watching.returncode, complained) == (0, "")


def test_every_call_that_goes_on_is_followed(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    calls = [begin_call(command_line, n) for n in (2, 3)]
    with started(command_line) as watching:
        assert watching.stdout is not None
        guard = threading.Timer(20 * LOOK_EVERY_S, watching.kill)
        guard.start()
        begun = {watching.stdout.readline() for _ in calls}
        calls.append(begin_call(command_line, 4))
        next_line = watching.stdout.readline()
        for call in calls:
            end_call(command_line, call)
        lines = [watching.stdout.readline() for _ in range(4 * len(calls))]
        guard.cancel()
        watching.terminate()
        watching.communicate(timeout=10)
    assert begun == {f"{sid(n)[-6:]}  {sid(n)}: …0123 calls default\n" for n in (2, 3)}
    assert next_line.startswith(sid(4)[-6:]), "of the others nothing is printed twice"
    for n in (2, 3, 4):
        assert f"{sid(n)[-6:]}  over: agent hung up\n" in lines
