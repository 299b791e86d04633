"""Cold starts and the warm webhook, with the real parts; no time is judged."""

import sys
from pathlib import Path

import pytest

from benchmarks import cold_start, tool_call, webhook
from benchmarks.cold_start import BASELINE, FirstRequest, time_to_answer_s
from devtools.processes import Command, ProcessFailed, free_port


@pytest.mark.real_time
def test_every_part_starts_and_answers() -> None:
    starts = cold_start.measure(run=3)

    assert [start.name for start in starts] == [
        *(BASELINE, "stream_handler", "incoming_call", "lookup_account"),
    ]
    assert all(start.run == 3 and start.import_to_ready_s > 0 for start in starts)


def test_a_part_that_ends_shows_its_log(tmp_path: Path) -> None:
    command = Command(
        "broken",
        (sys.executable, "-c", "raise SystemExit('the store is not there')"),
        {},
        f"http://127.0.0.1:{free_port()}",
    )

    with pytest.raises(ProcessFailed, match="the store is not there"):
        time_to_answer_s(command, FirstRequest(), tmp_path / "log")


@pytest.mark.real_time
def test_the_webhook_answers_every_new_call() -> None:
    measured = webhook.measure(run=2, calls=10)

    assert measured.run == 2
    assert 0 < measured.p50_ms <= measured.p99_ms


@pytest.mark.real_time
def test_every_tool_call_arrives_with_a_token() -> None:
    measured = tool_call.measure(run=2, calls=10)

    assert measured.run == 2
    assert 0 < measured.p50_ms <= measured.p99_ms
