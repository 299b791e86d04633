"""The stand-in for a platform that has scaled to zero, with a process that starts quickly."""

import asyncio
import sys
from pathlib import Path

import httpx2
import pytest

from benchmarks.first_word import Door
from devtools.processes import Command, ProcessFailed, free_port


async def test_the_first_request_starts_the_process_and_waits_for_it(tmp_path: Path) -> None:
    port = free_port()
    argv = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
    door = Door(Command("pages", argv, {}, f"http://127.0.0.1:{port}"), tmp_path / "log")

    async with door.open(), httpx2.AsyncClient(trust_env=False) as http:
        with pytest.raises(ProcessFailed, match="pages was never requested"):
            await door.listens()
        both = await asyncio.gather(*(http.get(f"http://127.0.0.1:{port}") for _ in range(2)))
        await door.listens()

    assert [answer.status_code for answer in both] == [200, 200]
    assert 0 < door.asked_s < door.up_s
