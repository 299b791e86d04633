import asyncio
import json

from stream_handler.outbox import Outbox

STREAM_SID = "MZ" + "0" * 32


async def taken(outbox: Outbox, count: int) -> list[str]:
    """The events of the next `count` messages."""
    async with asyncio.timeout(5):
        return [json.loads(await outbox.get())["event"] for _ in range(count)]


async def nothing_waits(outbox: Outbox) -> bool:
    outbox.put_mark("last")
    async with asyncio.timeout(5):
        return bool(json.loads(await outbox.get()).get("mark") == {"name": "last"})


async def test_messages_leave_in_the_order_they_came() -> None:
    outbox = Outbox(STREAM_SID)
    outbox.put_media(b"\xff" * 160)
    outbox.put_mark("m1")
    outbox.put_media(b"\xff" * 160)

    assert await taken(outbox, 3) == ["media", "mark", "media"]


async def test_get_waits_for_a_message() -> None:
    outbox = Outbox(STREAM_SID)
    waiting = asyncio.ensure_future(outbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()

    outbox.put_mark("m1")

    async with asyncio.timeout(5):
        assert json.loads(await waiting)["mark"] == {"name": "m1"}


async def test_clear_drops_what_waits_and_goes_next() -> None:
    outbox = Outbox(STREAM_SID)
    for _ in range(50):
        outbox.put_media(b"\xff" * 160)
        outbox.put_mark("m")

    outbox.clear()
    outbox.put_media(b"\x00")

    assert await taken(outbox, 2) == ["clear", "media"]
    assert await nothing_waits(outbox)


async def test_a_peer_that_does_not_read_is_told_of() -> None:
    outbox = Outbox(STREAM_SID)
    accepted = 0
    while outbox.put_media(b"\xff" * 320):
        accepted += 1
        assert accepted < 100_000, "the queue has no bound"

    assert not outbox.put_mark("m")
    seconds = accepted * 0.040
    assert 60 <= seconds <= 300, f"it gives up after {seconds} s of speech"


async def test_a_full_outbox_can_still_be_cleared() -> None:
    outbox = Outbox(STREAM_SID)
    while outbox.put_media(b"\xff" * 320):
        pass

    outbox.clear()

    assert await taken(outbox, 1) == ["clear"]
    assert outbox.put_media(b"\xff")


async def test_a_reader_that_was_cancelled_loses_no_message() -> None:
    outbox = Outbox(STREAM_SID)
    waiting = asyncio.ensure_future(outbox.get())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    outbox.put_mark("m1")

    assert await taken(outbox, 1) == ["mark"]
