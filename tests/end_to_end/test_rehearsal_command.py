"""`ringdown agents rehearse` as a person runs it, with every part in a separate process."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringdown.agents import Agent, packaged_document
from ringdown.calls import CallQuery
from ringdown.documents import to_record
from ringdown.rehearsals import Line, Must, Persona
from ringdown.rehearsals.store import list_rehearsals, read_runs, write_persona
from ringdown.stores import open_store
from ringdown_cli.command import UNTRIED
from tests.end_to_end.test_demonstration_call import ENVIRON

pytestmark = pytest.mark.real_clock

PERSONA = Persona(
    name="hangs-up",
    who="Somebody with a wrong number.",
    wants="Nothing.",
    lines=(Line(hang_up=True),),
    must=Must(says=("line of tomorrow",)),
)
AGENT = {**dict(packaged_document()), "notice": "", "tools": []}
DRAFT = {**AGENT, "greeting": "Hello, this is the line of tomorrow."}


@pytest.fixture
async def store_url(tmp_path: Path) -> str:
    """A store with a persona who expects the draft's greeting, and hangs up after it."""
    url = f"sqlite:{tmp_path / 'ringdown.db'}"
    async with open_store(url) as store:
        await store.write_agent("default", AGENT, over=None)
        await store.write_agent("default", {**DRAFT, "testers": []}, over=None, draft=True)
        await write_persona(store.documents, PERSONA)
    return url


@asynccontextmanager
async def rehearsing(
    folder: Path, store_url: str, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringdown_cli", "agents", "rehearse", "default"),
        *("--draft", *arguments),
        cwd=folder,
        env={**ENVIRON, "STORE_URL": store_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.timeout(150)
async def test_a_rehearsal_leaves_a_report_recordings_and_a_record(
    tmp_path: Path, store_url: str
) -> None:
    async with rehearsing(tmp_path, store_url) as process:
        output, _ = await process.communicate()

    if process.returncode == UNTRIED:  # then the call proves nothing
        assert "This machine was too busy" in output.decode()
        return
    assert process.returncode == 0, output.decode()
    assert "1 persona, 1 call with a stand-in." in output.decode()
    assert "✓ hangs-up 1" in output.decode()
    [folder] = (tmp_path / "out" / "rehearsals").iterdir()
    assert (folder / "hangs-up-001.wav").stat().st_size > 10_000
    assert json.loads((folder / "report.json").read_text("utf-8"))["in_all"]["passed"] == 1
    async with open_store(store_url) as store:
        [rehearsal] = await list_rehearsals(store.documents, "default")
        [run] = await read_runs(store.documents, rehearsal.id)
        assert await store.list_calls(CallQuery()) == (), (
            "calls of a rehearsal belong in a separate store"
        )
    assert (rehearsal.id, rehearsal.is_stand_in, rehearsal.partial) == (folder.name, True, None)
    assert run.passed
    assert rehearsal.is_draft
    assert rehearsal.agent_revision == to_record(Agent, DRAFT, where="the draft").revision


@pytest.mark.timeout(150)
async def test_ctrl_c_keeps_the_calls_that_were_made(tmp_path: Path, store_url: str) -> None:
    arguments = ("--runs", "50", "--at-once", "1")
    async with rehearsing(tmp_path, store_url, *arguments) as process:
        assert process.stdout is not None
        said: list[str] = []
        while not (said and said[-1].startswith("✓")):
            said.append((await process.stdout.readline()).decode())
            assert said[-1], "".join(said)
        process.send_signal(signal.SIGINT)
        rest = (await process.stdout.read()).decode()
        status = await process.wait()

    assert status == UNTRIED, rest
    assert "This is a partial result: It was stopped before all calls were made." in rest
    async with open_store(store_url) as store:
        [rehearsal] = await list_rehearsals(store.documents, "default")
    assert rehearsal.planned == 50
    assert 0 < rehearsal.made < 50
    assert rehearsal.partial == "It was stopped before all calls were made."
