import asyncio
from functools import partial

from ringdown.open_once import OpenOnce
from tests.functions.incoming_call.conftest import Environ
from tests.functions.incoming_call.stand_ins import DEADLINE_S, HandlerStandIn
from tests.jumping_loop import in_virtual_time
from tests.ringdown.samples import CALLED, an_agent
from tests.ringdown.seeding import write_agent
from voice_webhook.connections import Connections, open_connections
from voice_webhook.webhook_settings import read_settings


def test_all_requests_of_a_loop_share_them_and_each_loop_has_its_own(environ: Environ) -> None:
    shared = OpenOnce(partial(open_connections, read_settings(environ)))
    seen: list[Connections] = []

    async def several_requests() -> None:
        async with asyncio.TaskGroup() as requests:
            opened = [requests.create_task(shared.get()) for _ in range(5)]
        connections = {id(task.result()): task.result() for task in opened}
        assert len(connections) == 1, "the store was opened more than once"
        seen.extend(connections.values())
        await write_agent(seen[-1].store, "default", an_agent())
        assert (await seen[-1].store.read_line(CALLED)).agent is not None

    asyncio.run(several_requests())
    asyncio.run(several_requests())
    assert seen[0] is not seen[1]


def test_the_first_request_of_a_process_wakes_the_handler_before_anything_else(
    environ: Environ, handler: HandlerStandIn
) -> None:
    """Loading the store's library takes a third of the time that the handler takes to start."""
    shared = OpenOnce(partial(open_connections, read_settings(environ)))

    async def a_request() -> None:
        await shared.get()

    in_virtual_time(a_request())  # gives the request time to be sent, however busy the machine
    assert handler.requested.wait(DEADLINE_S)
