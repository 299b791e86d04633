import asyncio

from stream_handler.send_watch import SendWatch
from tests.stream_handler.virtual_time import in_virtual_time


async def stuck_after(watch: SendWatch) -> float:
    """Seconds until the watch finds a send that does not return."""
    began_s = asyncio.get_running_loop().time()
    await watch.until_stuck()
    return asyncio.get_running_loop().time() - began_s


def test_a_send_that_does_not_return_is_found_within_a_second_after_its_deadline() -> None:
    async def send_for_ever() -> float:
        watch = SendWatch(5.0)
        with watch:
            return await stuck_after(watch)

    assert 5.0 <= in_virtual_time(send_for_ever()) <= 6.0


def test_sends_that_return_and_pauses_between_them_are_not_stuck() -> None:
    async def send_slowly() -> None:
        watch = SendWatch(5.0)
        looking = asyncio.create_task(stuck_after(watch))
        for _ in range(10):
            with watch:
                await asyncio.sleep(4.5)
            await asyncio.sleep(20.0)
        assert not looking.done(), "a send that returned in time was taken for a stuck one"
        looking.cancel()

    in_virtual_time(send_slowly())


def test_a_send_that_fails_is_not_stuck() -> None:
    async def fail() -> None:
        watch = SendWatch(5.0)
        looking = asyncio.create_task(stuck_after(watch))
        try:
            with watch:
                raise ConnectionError
        except ConnectionError:
            await asyncio.sleep(20.0)
        assert not looking.done()
        looking.cancel()

    in_virtual_time(fail())
