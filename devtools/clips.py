"""Makes clips on this machine, where edits don't raise events: polls the store every second."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from devtools.processes import say
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.store import AgentStore
from ringdown.clip_making import ClipMaker
from ringdown.errors import RingdownError
from ringdown.gemini.backend import GeminiBackend
from ringdown.gemini.session import GeminiLive
from ringdown.log import Log
from ringdown.stores import Store

_LOOK_EVERY_S = 1.0

_log = Log("clips")

_Versions = dict[str, tuple[str | None, str | None]]
"""The versions of each agent and its draft, by agent id."""


def clip_maker(backend: GeminiBackend, ca_file: Path | None) -> ClipMaker:
    """Return a maker of clips. `ca_file` is the stand-in's, or None for the real model."""

    def open_model() -> GeminiLive:
        tls = None if ca_file is None else ssl.create_default_context(cafile=ca_file)
        return GeminiLive(backend, tls=tls)

    return ClipMaker(open_model)


@asynccontextmanager
async def making_clips(
    maker: ClipMaker, store: Store, now: Callable[[], datetime.datetime]
) -> AsyncIterator[None]:
    """Make the clips of every agent now, and soon after each edit."""
    watching = asyncio.create_task(_watch(maker, store, now))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def tell_failures(maker: ClipMaker, agent_id: str) -> None:
    """If clips failed, say how to find out why."""
    if failed := len(maker.failed(agent_id)):
        say(
            f"Couldn't make {failed} of the clips of agents/{agent_id}. To see why:"
            f" ringdown agents show {agent_id}"
        )


async def _watch(maker: ClipMaker, store: Store, now: Callable[[], datetime.datetime]) -> None:
    made: _Versions = {}
    while True:
        try:
            for agent_id, version in (await _versions(store)).items():
                if made.get(agent_id) != version:
                    await maker.make(store, agent_id, now())
                    made[agent_id] = version
                    tell_failures(maker, agent_id)
        except RingdownError as error:
            _log.error("clips could not be made", reason=str(error))
        await asyncio.sleep(_LOOK_EVERY_S)


async def _versions(store: AgentStore) -> _Versions:
    agents = {agent.agent_id: agent.version for agent in await store.list_agents()}
    versions: _Versions = {}
    for agent_id in {DEFAULT_AGENT_ID, *agents}:
        draft = await store.read_agent(agent_id, draft=True)
        versions[agent_id] = (agents.get(agent_id), None if draft is None else draft.version)
    return versions
