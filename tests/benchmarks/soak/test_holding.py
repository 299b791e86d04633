import os
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.soak.holding import Held, growths, held, tasks_told
from benchmarks.soak.page import page
from benchmarks.soak.running import Run

IDLE = '{"message":"no stream in hand","tasks":%d}'


def sample(n: int, *, memory_mb: float = 90.0, descriptors: int = 20, tasks: int = 3) -> Held:
    return Held(
        at_s=n * 6.0,
        calls=n * 10,
        process="stream_handler",
        pid=7,
        memory_mb=memory_mb,
        descriptors=descriptors,
        tasks=tasks,
    )


def test_what_only_warms_up_and_comes_and_goes_is_no_leak() -> None:
    samples = [sample(n, memory_mb=90 + 20 * min(n, 4) / 4, tasks=3 + n % 2) for n in range(16)]
    [growth] = growths(samples)
    assert (growth.calls, growth.memory_mb, growth.leaks) == (150, (110.0, 110.0), ())


def test_what_grows_is_a_leak() -> None:
    samples = [
        sample(n, memory_mb=90.0 + 2 * n, descriptors=20 + n, tasks=3 + n) for n in range(16)
    ]
    [growth] = growths(samples)
    assert growth.leaks == (
        "memory: 101.0 → 117.0 MB",
        "descriptors: 24 → 32",
        "tasks: 7 → 15",
    )


def test_a_process_that_was_started_again_is_another_one() -> None:
    before = [sample(n, memory_mb=200.0) for n in range(9)]
    assert len(growths([*before, sample(9)])) == 1


def test_a_process_tells_what_it_holds(tmp_path: Path) -> None:
    log = tmp_path / "handler.log"
    log.write_text(f"{IDLE % 4}\n{IDLE % 3}\nno stream in hand, cut off")
    seen = held(1.0, 10, "handler", os.getpid(), log)
    assert seen.tasks == 3
    assert seen.memory_mb > 10
    assert seen.descriptors > 2


def test_a_process_without_tasks_does_not_tell_of_any() -> None:
    assert tasks_told(['{"message":"ready"}', "no json: no stream in hand"]) is None


@pytest.mark.parametrize(
    ("grows", "verdict"), [(0, "nothing leaked |"), (1, "descriptors: 24 → 32 |")]
)
def test_the_page_says_what_leaked(grows: int, verdict: str) -> None:
    run = Run(
        samples=[sample(n, descriptors=20 + n * grows) for n in range(16)],
        calls=160,
        failures=["a short call: nobody spoke"],
        faults=Counter(kill=2),
    )
    text = page(run, run, {"cores": "2"}, "2026-11-23")
    assert "## 160 short calls" in text
    assert text.count(verdict) == 2
    assert "1 calls did not go as they should: a short call: nobody spoke." in text
