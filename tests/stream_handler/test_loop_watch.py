"""A late event loop is noticed, both while it is blocked and afterwards."""

import asyncio
import io
import json
import time
from typing import Any

import pytest

from ringdown import log
from stream_handler.loop_watch import LoopWatch

STALL_S = 0.8


@pytest.fixture
def output(restored_logging: None) -> io.StringIO:
    stream = io.StringIO()
    log.configure(stream)
    return stream


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


async def late(watch: LoopWatch, is_late: bool) -> None:
    async with asyncio.timeout(10):
        while watch.is_late is not is_late:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


def do_not_yield() -> None:
    time.sleep(STALL_S)


@pytest.mark.real_time
async def test_a_loop_that_stands_still_is_reported_with_what_holds_it_up(
    output: io.StringIO,
) -> None:
    watch = LoopWatch(stalled_after_s=STALL_S / 4, looks_back_s=STALL_S / 2)
    async with watch.watching():
        await asyncio.sleep(0)
        do_not_yield()
        await late(watch, True)
        await late(watch, False)

    during, after = lines(output)[:2]
    assert during["message"] == "event loop stands still"
    assert "do_not_yield" in during["stack"]
    assert after["message"] == "event loop stood still"
    assert after["late_ms"] >= STALL_S * 1000 - 100
    assert len(lines(output)) == 2, "a stall is reported at its start and its end only"
