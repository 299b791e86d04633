"""scripts/run: what make and the person at the terminal see of a program that it runs."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parent.parent / "scripts" / "run"


@pytest.mark.parametrize("status", [0, 7])
def test_the_programs_status_is_its_own(status: int) -> None:
    ran = subprocess.run([RUN, "sh", "-c", f"exit {status}"], check=False)
    assert ran.returncode == status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_ends_it_and_make_has_nothing_to_report(number: signal.Signals) -> None:
    with subprocess.Popen(
        [RUN, "sh", "-c", "echo running; exec sleep 60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        os.killpg(process.pid, number)
        rest, _ = process.communicate()
    assert (rest, process.returncode) == ("", 0)


def test_the_program_has_time_to_stop_in_order() -> None:
    program = "trap 'echo stopped; exit 3' TERM; echo running; while :; do sleep 0.1; done"
    with subprocess.Popen([RUN, "sh", "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate()
    assert (rest, process.returncode) == ("stopped\n", 0)
