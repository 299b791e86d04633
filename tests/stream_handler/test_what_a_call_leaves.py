import gc
import ssl
from pathlib import Path

import trustme

from stream_handler.bridge import Bridge
from stream_handler.call.session import StreamSession
from tests.stream_handler.handler import closed, media, running_handler, stop
from tests.stream_handler.little_gemini import little_gemini


async def test_a_call_leaves_nothing_in_memory(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
    ):
        for number in (1, 2):
            gemini.received.clear()
            async with handler.call(number) as socket:
                await socket.send(media(number))
                await socket.send(stop(number))
                await closed(socket)

    gc.collect()
    kinds = map(type, gc.get_objects())
    left = [kind.__name__ for kind in kinds if kind in (Bridge, StreamSession)]
    assert left == [], "ended calls are still in memory"
