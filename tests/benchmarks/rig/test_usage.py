import os
import subprocess
import sys

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux: it reads /proc")


@linux
def test_a_process_that_has_ended_is_reported() -> None:
    from benchmarks.rig.usage import TargetDied, cpu_s, resident_mb

    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait(timeout=30)

    for figure in (cpu_s, resident_mb):
        with pytest.raises(TargetDied, match=f"process {process.pid} is not running"):
            figure((process.pid,))


@linux
def test_the_target_is_pinned_to_its_core() -> None:
    from benchmarks.rig.usage import Pins, find_pins, kept_to_rig_core

    pins = find_pins()
    if pins is None:
        pytest.skip("two processor cores")
    show = (sys.executable, "-c", "import os; print(os.sched_getaffinity(0))")

    before = os.sched_getaffinity(0)
    with kept_to_rig_core(pins):
        assert os.sched_getaffinity(0) == {pins.rig}
        shown = subprocess.run(pins.command(*show), capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str({pins.target})
    assert os.sched_getaffinity(0) == before
    assert isinstance(pins, Pins)


STAT = """cpu  10 20 30 400 50 6 7 8 9 0
cpu0 4 10 15 200 25 3 3 4 9 0
cpu1 6 10 15 200 25 3 4 4 0 0
intr 12345
"""


@linux
def test_idling_and_waiting_for_a_disk_is_not_work() -> None:
    from benchmarks.rig.usage import busy_in

    assert busy_in(STAT, {"cpu0"}) == 4 + 10 + 15 + 3 + 3 + 4
    assert busy_in(STAT, {"cpu0", "cpu1"}) == busy_in(STAT, None) == 81
