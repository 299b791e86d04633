"""The floor for all figures: `python -m benchmarks.relay`, which only re-frames bytes.

It talks to the same two peers over the same sockets, event loop and JSON library as the stream
handler, and carries as many bytes. But it doesn't know about calls, changes no sample and remembers
nothing.
"""

import asyncio
import os
import signal
from contextlib import suppress
from http import HTTPStatus

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from benchmarks.rig.wires import RELAY_DOWN, RELAY_UP

_SETUP = '{"setup":{"model":"models/relay"}}'


class _Media(msgspec.Struct):
    payload: bytes


class _Start(msgspec.Struct, rename="camel"):
    stream_sid: str


class _FromTwilio(msgspec.Struct):
    event: str
    media: _Media | None = None
    start: _Start | None = None


class _InlineData(msgspec.Struct):
    data: bytes


class _Part(msgspec.Struct, rename="camel"):
    inline_data: _InlineData


class _ModelTurn(msgspec.Struct):
    parts: list[_Part]


class _ServerContent(msgspec.Struct, rename="camel"):
    model_turn: _ModelTurn | None = None
    interrupted: bool = False


class _FromModel(msgspec.Struct, rename="camel"):
    server_content: _ServerContent | None = None


_from_twilio = msgspec.json.Decoder(_FromTwilio)
_from_model = msgspec.json.Decoder(_FromModel)
_encode = msgspec.json.Encoder().encode


async def _up(twilio: ServerConnection, model: ClientConnection) -> None:
    async for frame in twilio:
        message = _from_twilio.decode(frame)
        if message.media is not None:
            audio = {"data": message.media.payload * RELAY_UP, "mime_type": "audio/pcm;rate=16000"}
            await model.send(_encode({"realtime_input": {"audio": audio}}), text=True)
        elif message.event == "stop":
            return


async def _down(model: ClientConnection, twilio: ServerConnection, stream_sid: str) -> None:
    async for frame in model:
        content = _from_model.decode(frame).server_content
        if content is None:
            continue
        if content.interrupted:
            await twilio.send(_encode({"event": "clear", "streamSid": stream_sid}), text=True)
        for part in content.model_turn.parts if content.model_turn is not None else ():
            media = {"payload": part.inline_data.data[::RELAY_DOWN]}
            message = {"event": "media", "streamSid": stream_sid, "media": media}
            await twilio.send(_encode(message), text=True)


async def _carry(twilio: ServerConnection, model_url: str) -> None:
    start = None
    while start is None:
        start = _from_twilio.decode(await twilio.recv()).start
    async with connect(model_url, compression=None, max_size=None, ping_interval=None) as model:
        await model.send(_SETUP)
        await model.recv()
        pumps = {
            asyncio.create_task(_up(twilio, model)),
            asyncio.create_task(_down(model, twilio, start.stream_sid)),
        }
        _, running = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in running:
            pump.cancel()
        await asyncio.wait(pumps)


def _ready(connection: ServerConnection, request: Request) -> Response | None:
    return connection.respond(HTTPStatus.OK, "ready\n") if request.path == "/ready" else None


async def run(port: int, model_url: str) -> None:
    """Relay every call on `port` to `model_url` until the process gets SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def carry(twilio: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await _carry(twilio, model_url)

    async with serve(carry, "127.0.0.1", port, process_request=_ready, compression=None):
        await stop.wait()


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        model_url = os.environ["GEMINI_BASE_URL"].replace("https:", "wss:", 1)
        runner.run(run(int(os.environ["PORT"]), model_url))


if __name__ == "__main__":
    main()
