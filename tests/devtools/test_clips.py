"""Clips are made on this machine after an edit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devtools.clips import clip_maker, making_clips
from ringdown import clock
from ringdown.agents import Agent
from ringdown.agents.clips import clip_key, clip_texts
from ringdown.gemini.backend import DeveloperApi
from ringdown.stores import Store, open_store
from ringdown.tools import Json
from simulators.gemini_live.faults import Fault, RefuseSetup
from simulators.gemini_live.scenario import Pace, Scenario
from simulators.gemini_live.server import GeminiLiveServer
from tests.jumping_loop import virtual_time
from tests.ringdown.seeding import write_agent

GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Good."}
SOON_S = 15.0


def keys(*documents: dict[str, Json]) -> set[str]:
    agents = [Agent(**document) for document in documents]
    return {clip_key(agent, text) for agent in agents for text in clip_texts(agent)}


@asynccontextmanager
async def made_at(folder: Path, *faults: Fault) -> AsyncIterator[tuple[Store, GeminiLiveServer]]:
    scenario = Scenario(pace=Pace(thinking_ms=0, speed=100), faults=faults)
    async with (
        GeminiLiveServer(scenario) as server,
        open_store(f"sqlite:{folder / 'ringdown.db'}") as store,
    ):
        maker = clip_maker(DeveloperApi("stand-in-key", server.base_url), server.ca_file)
        async with making_clips(maker, store, clock.now):
            yield store, server


@virtual_time
async def test_each_edit_is_followed_by_its_clips(tmp_path: Path) -> None:
    better, draft = GOOD | {"greeting": "Better."}, GOOD | {"greeting": "Draft."}
    async with made_at(tmp_path) as (store, server):
        await write_agent(store, "default", GOOD)
        await write_agent(store, "night", GOOD)
        await asyncio.sleep(SOON_S)
        assert await store.list_clips("default") == keys(GOOD)
        assert await store.list_clips("night") == keys(GOOD)

        await write_agent(store, "default", better)
        await write_agent(store, "default", draft, draft=True)
        await asyncio.sleep(SOON_S)
        assert await store.list_clips("default") == keys(better, draft)
        made = len(server.sessions)
        await asyncio.sleep(SOON_S)
        assert len(server.sessions) == made


@virtual_time
async def test_a_model_that_refuses_is_told_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with made_at(tmp_path, Fault(RefuseSetup("wrong_key"))) as (store, server):
        await write_agent(store, "default", GOOD)
        await asyncio.sleep(SOON_S)
        server.faults = ()
        await write_agent(store, "default", GOOD | {"voice": "Puck"})
        await asyncio.sleep(SOON_S)
        assert await store.list_clips("default") == keys(GOOD | {"voice": "Puck"})

    assert "Couldn't make 8 of the clips of agents/default." in capsys.readouterr().out
