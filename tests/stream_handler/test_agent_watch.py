"""Edits of an agent reach its live calls, if the agent allows it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from ringdown.agents import Agent
from ringdown.agents.store import StoredAgent
from ringdown.errors import StoreUnavailable
from ringdown.tools import Json
from stream_handler.agent_watch import LOOK_EVERY_S, AgentWatch
from tests.jumping_loop import in_virtual_time
from tests.ringdown.kept_agents import KeptAgents
from tests.ringdown.samples import an_agent
from tests.ringdown.seeding import write_agent
from tests.stream_handler.handler import Handler, closed, running_handler, stop
from tests.stream_handler.little_gemini import little_gemini

A_LITTLE_S = 0.1
LIVE = msgspec.structs.replace(an_agent(), apply_to_live_calls=True)
EDITED = msgspec.structs.replace(LIVE, instructions="Offer the winter discount.")
PATH = "agents/default"


def document(agent: Agent, **changes: Json) -> dict[str, Json]:
    return {**msgspec.to_builtins(agent), **changes}


class Store(KeptAgents):
    """An agent store that can be away, or never respond."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.silent = False
        self.edit(PATH, document(LIVE))

    async def read_agent(self, agent_id: str, *, draft: bool = False) -> StoredAgent | None:
        if self.silent:
            await asyncio.Event().wait()
        if self.away:
            raise StoreUnavailable("away")
        return await super().read_agent(agent_id, draft=draft)


class Followers:
    """Calls that follow an agent's edits, and the edits that each received."""

    def __init__(self, watch: AgentWatch, group: asyncio.TaskGroup) -> None:
        self._watch = watch
        self._group = group
        self._tasks: list[asyncio.Task[None]] = []
        self.told: list[list[Agent]] = []

    def follow(self, agent_id: str = "default", *, draft: bool = False) -> list[Agent]:
        told: list[Agent] = []
        self.told.append(told)
        self._tasks.append(self._group.create_task(self._listen(told, agent_id, draft)))
        return told

    def hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _listen(self, told: list[Agent], agent_id: str, draft: bool) -> None:
        async for agent in self._watch.edits(agent_id, draft=draft):
            told.append(agent)  # noqa: PERF401 - the loop never ends


@asynccontextmanager
async def followers_of(store: Store) -> AsyncIterator[Followers]:
    async with asyncio.TaskGroup() as group:
        followers = Followers(AgentWatch(store), group)
        yield followers
        followers.hang_up()


async def rounds(count: int) -> None:
    await asyncio.sleep(count * LOOK_EVERY_S + A_LITTLE_S)


def test_however_many_calls_follow_an_agent_it_is_read_once_a_round() -> None:
    async def story() -> None:
        store = Store()
        async with followers_of(store) as followers:
            for n in range(20):
                followers.follow()
                await asyncio.sleep(n / 10)
            reads = store.reads
            await rounds(10)
            assert store.reads - reads in (10, 11), "reads in ten rounds"
            store.edit(PATH, document(EDITED))
            await rounds(1)
        assert followers.told == [[LIVE, EDITED]] * 20

    in_virtual_time(story())


def test_the_next_look_tells_of_an_edit_and_only_once() -> None:
    async def story() -> None:
        store = Store()
        async with followers_of(store) as followers:
            told = followers.follow()
            await rounds(1)
            store.edit(PATH, document(EDITED))
            await rounds(5)
            assert told == [LIVE, EDITED]
            store.edit(PATH, document(LIVE))
            await rounds(1)
            assert told == [LIVE, EDITED, LIVE], "a rollback is also an edit"

    in_virtual_time(story())


@pytest.mark.parametrize("broken", [{"greeting": 7}, {"instructions": None}, {"voice": "Nobody"}])
def test_a_half_finished_edit_is_ignored_until_it_is_whole(broken: dict[str, Json]) -> None:
    async def story() -> None:
        store = Store()
        async with followers_of(store) as followers:
            told = followers.follow()
            await rounds(1)
            store.edit(PATH, document(EDITED, **broken))
            await rounds(2)
            assert told == [LIVE]
            store.edit(PATH, document(EDITED))
            await rounds(1)
            assert told == [LIVE, EDITED]

    in_virtual_time(story())


def test_an_agent_that_was_deleted_is_as_it_was() -> None:
    async def story() -> None:
        store = Store()
        async with followers_of(store) as followers:
            told = followers.follow()
            await rounds(1)
            store.remove(PATH)
            await rounds(2)
            assert told == [LIVE]

    in_virtual_time(story())


def test_an_agent_that_wants_no_edits_in_calls_any_more_gets_none() -> None:
    async def story() -> None:
        store = Store()
        async with followers_of(store) as followers:
            told = followers.follow()
            store.edit(PATH, document(EDITED, apply_to_live_calls=False))
            await rounds(2)
            assert told == []

    in_virtual_time(story())


def test_a_draft_is_followed_by_its_testers_call() -> None:
    async def story() -> None:
        store = Store()
        store.edit("drafts/default", document(EDITED, testers=["+14155550123"]))
        async with followers_of(store) as followers:
            agent, draft = followers.follow(), followers.follow(draft=True)
            await rounds(1)
            assert (agent, draft) == ([LIVE], [EDITED])

    in_virtual_time(story())


@pytest.mark.parametrize("trouble", ["away", "silent"])
def test_a_store_in_trouble_is_asked_again_until_it_answers(trouble: str) -> None:
    async def story() -> None:
        store = Store()
        async with followers_of(store) as followers:
            told = followers.follow()
            other = followers.follow("night")
            setattr(store, trouble, True)
            await rounds(4)
            assert (told, other) == ([], [])
            setattr(store, trouble, False)
            store.edit(PATH, document(EDITED))
            await rounds(2)
            assert told == [EDITED]

    in_virtual_time(story())


# In a whole call


@pytest.fixture
async def handler(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> AsyncIterator[Handler]:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
    ):
        yield handler


def new_instructions(message: dict[str, Any]) -> bool:
    return "winter discount" in json.dumps(message.get("contextUpdate", {}))


async def test_the_model_of_a_call_in_progress_gets_new_instructions(handler: Handler) -> None:
    await write_agent(handler.store, "default", LIVE)
    async with handler.call(1, LIVE) as socket:
        await write_agent(handler.store, "default", document(EDITED, greeting=7))
        await write_agent(handler.store, "default", EDITED)
        await handler.gemini.heard(new_instructions)
        await socket.send(stop(1))
        await closed(socket)
    record = await handler.record(1)
    assert record.call.applied_revisions == (EDITED.revision,)
    assert record.call.agent_revision == LIVE.revision


async def test_an_agent_that_does_not_want_it_is_not_even_read(handler: Handler) -> None:
    await write_agent(handler.store, "default", EDITED)
    async with handler.call(1, an_agent()) as follower, handler.call(2, LIVE) as socket:
        await handler.gemini.heard(new_instructions)
        for number, each in ((1, follower), (2, socket)):
            await each.send(stop(number))
            await closed(each)
    assert (await handler.record(1)).call.applied_revisions == ()
    assert (await handler.record(2)).call.applied_revisions == (EDITED.revision,)
