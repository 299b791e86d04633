"""What stands in for a platform without instances, with a process that is quick to start."""

import asyncio
import sys
from pathlib import Path

import httpx2
import msgspec
import pytest

from benchmarks.first_word import Door
from benchmarks.report.first_word import first_words, start_goals
from benchmarks.results import ColdStart, FirstWord
from devtools.processes import Command, ProcessFailed, free_port
from tests.benchmarks.report.made_up import results


async def test_the_first_request_starts_the_process_and_waits_for_it(tmp_path: Path) -> None:
    port = free_port()
    argv = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
    door = Door(Command("pages", argv, {}, f"http://127.0.0.1:{port}"), tmp_path / "log")

    async with door.open(), httpx2.AsyncClient(trust_env=False) as http:
        with pytest.raises(ProcessFailed, match="Nobody has asked for pages"):
            await door.listens()
        both = await asyncio.gather(*(http.get(f"http://127.0.0.1:{port}") for _ in range(2)))
        await door.listens()

    assert [answer.status_code for answer in both] == [200, 200]
    assert 0 < door.asked_s < door.up_s


def word(*, cold: bool) -> FirstWord:
    start = 1_000.0 if cold else 0.0
    return FirstWord(
        run=1,
        cold=cold,
        webhook_up=start / 2,
        handler_asked=start / 2 + 10,
        answered=start / 2 + 20,
        handler_up=start,
        streaming=start + 30,
        admitted=start + 32,
        model_set_up=start + 40,
        model_asked=start + 42,
        heard=start + 60,
    )


def test_the_parts_add_up_to_the_first_word() -> None:
    table = first_words([word(cold=True), word(cold=False)])

    told = {row[0]: row[1] for row in table.rows}
    parts = [float(took) for name, took in told.items() if "first word" not in name]
    assert sum(parts) == float(told["**dial to first word**"]) == 1_060


def test_a_goal_that_is_missed_is_told() -> None:
    slow = ColdStart("incoming_call", 1, 1.2)
    found = start_goals(msgspec.structs.replace(results([]), cold=[slow]))

    reached = {row[0]: row[-1] for row in found.rows}
    assert reached["incoming_call ready"] == "NO"
