"""A line with a store and a page, but without an agent to answer."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devtools.processes import free_port
from devtools.stack import Stack
from devtools.talk.line import Ear, TalkLine
from ringdown import clock
from ringdown.stores import open_store
from ringdown_cli.agents.releasing import seed_default_agent
from simulators.twilio import TwilioNetwork
from tests.jumping_loop import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[TalkLine]:
    """A line without running parts, so calls to it end with Twilio's apology."""
    token = secrets.token_hex(16)
    store_url = f"sqlite:{tmp_path / 'r.db'}"
    stack = Stack(f"http://127.0.0.1:{free_port()}", token, True, store_url, "unused")
    async with open_store(stack.store_url) as store:
        await seed_default_agent(store)
        network = TwilioNetwork(auth_token=token)
        yield TalkLine(
            stack=stack,
            store=store,
            network=network,
            stand_in=None,
            phrases=("when is my next delivery", "goodbye"),
            suggestions=("when is my next delivery",),
            clock=tmp_path / "clock",
            pages=tmp_path,
            now=clock.now,
            ear=Ear(),
        )
