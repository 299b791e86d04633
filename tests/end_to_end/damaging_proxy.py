"""A proxy between the phone network and the stream handler that damages audio on request."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

FRAME_BYTES = 160
_INTO_SPEECH_BYTES = 4_000  # half a second


class Damage(Protocol):
    """Damages one direction of one call."""

    def chunks(self, chunk: bytes) -> tuple[bytes, ...]:
        """Return the chunks to pass on instead of the next µ-law `chunk`."""


class Nothing:
    def chunks(self, chunk: bytes) -> tuple[bytes, ...]:
        return (chunk,)


class LostFrame:
    """Loses 20 ms, once, half a second into speech."""

    def __init__(self) -> None:
        self._moment = _Moment()

    def chunks(self, chunk: bytes) -> tuple[bytes, ...]:
        return (chunk[FRAME_BYTES:],) if self._moment.has_come(chunk) else (chunk,)


class LostSamples:
    """Loses the last sample of every 20 ms, like a resampler that rounds."""

    def chunks(self, chunk: bytes) -> tuple[bytes, ...]:
        frames = (chunk[i : i + FRAME_BYTES] for i in range(0, len(chunk), FRAME_BYTES))
        return (b"".join(frame[: FRAME_BYTES - 1] for frame in frames),)


class SwappedChunks:
    """Swaps two chunks, once, half a second into speech."""

    def __init__(self) -> None:
        self._moment = _Moment()
        self._held: bytes | None = None

    def chunks(self, chunk: bytes) -> tuple[bytes, ...]:
        if self._held is not None:
            held, self._held = self._held, None
            return (chunk, held)
        if self._moment.has_come(chunk):
            self._held = chunk
            return ()
        return (chunk,)


class _Moment:
    """The moment half a second into speech, which comes only once and never in a pause."""

    def __init__(self) -> None:
        self._spoken = 0
        self._gone = False

    def has_come(self, chunk: bytes) -> bool:
        if self._gone or not _is_speech(chunk):
            return False
        self._spoken += len(chunk)
        self._gone = self._spoken > _INTO_SPEECH_BYTES
        return self._gone


def _is_speech(chunk: bytes) -> bool:
    """The magnitude of a µ-law code is its lower seven bits, inverted."""
    return sum(0x7F - (code & 0x7F) for code in chunk) > 20 * len(chunk)


@dataclass(frozen=True, slots=True)
class CallDamage:
    from_caller: Damage = field(default_factory=Nothing)
    to_caller: Damage = field(default_factory=Nothing)


@dataclass(frozen=True, slots=True)
class DamagingProxy:
    """`by_call` maps the sid of a call to its damage; fill it before the call's stream starts."""

    url: str
    by_call: dict[str, CallDamage] = field(default_factory=dict)


@asynccontextmanager
async def damaging_proxy(port: int, target: str) -> AsyncIterator[DamagingProxy]:
    """Serve on `port`, and pass streams on to `target` (ws://host:port)."""
    proxy = DamagingProxy(f"ws://127.0.0.1:{port}")

    async def carry(socket: ServerConnection) -> None:
        assert socket.request is not None
        headers = {"x-twilio-signature": socket.request.headers["x-twilio-signature"]}
        url = target + socket.request.path
        async with connect(url, additional_headers=headers, compression=None) as onward:
            await _carry(socket, onward, proxy.by_call)

    async with serve(carry, "127.0.0.1", port, process_request=_answer_health, compression=None):
        yield proxy


def _answer_health(connection: ServerConnection, request: Request) -> Response | None:
    if request.path == "/media":
        return None
    return connection.respond(HTTPStatus.OK, "ready\n")


async def _carry(
    caller: ServerConnection, handler: ClientConnection, by_call: Mapping[str, CallDamage]
) -> None:
    with suppress(ConnectionClosed):
        await handler.send(await caller.recv())
        start = await caller.recv()
        await handler.send(start)
        damage = by_call.get(json.loads(start)["start"]["callSid"], CallDamage())
        pumps = {
            asyncio.create_task(_pump(caller, handler, damage.from_caller)),
            asyncio.create_task(_pump(handler, caller, damage.to_caller)),
        }
        _, running = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in running:
            pump.cancel()
        await asyncio.wait(pumps)
    await handler.close()
    await caller.close()


async def _pump(
    source: ServerConnection | ClientConnection,
    sink: ServerConnection | ClientConnection,
    damage: Damage,
) -> None:
    with suppress(ConnectionClosed):
        async for text in source:
            message = json.loads(text)
            if message["event"] != "media":
                await sink.send(text)
                continue
            for chunk in damage.chunks(base64.b64decode(message["media"]["payload"])):
                message["media"]["payload"] = base64.b64encode(chunk).decode()
                await sink.send(json.dumps(message))
