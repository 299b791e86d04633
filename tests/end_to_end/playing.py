"""A test's calls to a running stack, each a story that the caller plays."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from devtools.following import complete_record
from devtools.stack import Stack
from ringdown.calls import CallRecord, CallStatus
from ringdown.stores import open_store
from simulators.twilio import Call, DialledParty
from tests.whole_line import phone_network

CALLER = "+14155550123"

Story = Callable[[Call], Awaitable[None]]


async def play(
    stack: Stack,
    to: str,
    story: Story,
    dialled: Mapping[str, DialledParty] = {},
    from_: str = CALLER,
) -> Call:
    """Call `to`, and play the caller's part in `story`. `dialled` says who else answers."""
    network = phone_network(stack, dialled)
    async with network.place_call(
        to=to,
        from_=from_,
        voice_url=f"{stack.webhook_url}/",
        status_url=f"{stack.webhook_url}/status",
    ) as call:
        await story(call)
    return call


async def record_of(stack: Stack, call: Call) -> CallRecord:
    """The call's record, once Twilio's last word is in it."""
    async with open_store(stack.store_url) as store:
        record = await complete_record(store, call.identity.call_sid)
    assert record is not None, "the call left no record"
    assert record.call.status is CallStatus.ENDED, "the call's record is not complete"
    return record


@contextmanager
def store_away(store_url: str) -> Iterator[None]:
    """Make every request to the store fail until the body ends."""
    path = store_url.removeprefix("sqlite:")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE documents RENAME COLUMN body TO away")
        yield
        connection.execute("ALTER TABLE documents RENAME COLUMN away TO body")


async def hear_the_greeting_and_hang_up(call: Call) -> None:
    await call.agent_silent_for(0.8)
    await call.hang_up()


async def wait_for_the_end(call: Call) -> None:
    await call.ended(60)
