"""A minimal model server over TLS. The test chooses every message that it sends."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Json = dict[str, Any]
Script = Callable[["LittleGemini", ServerConnection], Awaitable[None]]


def is_audio(message: Json) -> bool:
    return "audio" in message.get("realtime_input", {})


def is_text(message: Json) -> bool:
    return "text" in message.get("realtime_input", {})


class LittleGemini:
    """Counts connections and keeps the messages it gets. Runs a script after setup."""

    def __init__(self, script: Script | None, refuse: HTTPStatus | None) -> None:
        self._script = script or until_closed
        self.refuse = refuse
        """The HTTP status with which the next connections are refused, if any."""
        self.url = ""
        self.attempts = 0
        self.setups: list[Json] = []
        self.received: list[Json] = []
        self.path = ""
        self.headers: dict[str, str] = {}
        self.set_up = asyncio.Event()
        self.gone = asyncio.Event()
        """Set when a connection has ended."""
        self._more = asyncio.Event()

    def take(self, message: Json) -> None:
        self.received.append(message)
        self._more.set()

    async def heard(self, wanted: Callable[[Json], bool]) -> Json:
        """Return the first message that matches. Waits up to 15 s, as machines may be busy."""
        async with asyncio.timeout(15):
            while True:
                for message in self.received:
                    if wanted(message):
                        return message
                self._more.clear()
                await self._more.wait()

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        self.path = request.path
        self.headers = {name.lower(): value for name, value in request.headers.raw_items()}
        return None if self.refuse is None else connection.respond(self.refuse, "no\n")

    async def converse(self, socket: ServerConnection) -> None:
        try:
            self.setups.append(json.loads(await socket.recv()))
            self.set_up.set()
            await self._script(self, socket)
        except ConnectionClosed:
            pass
        finally:
            self.gone.set()


async def until_closed(gemini: LittleGemini, socket: ServerConnection) -> None:
    """Report setup complete, then listen."""
    await send(socket, {"setupComplete": {"sessionId": "s1"}})
    async for frame in socket:
        gemini.take(json.loads(frame))


async def send(socket: ServerConnection, *messages: Json | str | bytes) -> None:
    """Send messages as the service does, as JSON in binary frames."""
    for message in messages:
        if isinstance(message, str):
            message = message.encode()
        await socket.send(message if isinstance(message, bytes) else json.dumps(message).encode())


@asynccontextmanager
async def little_gemini(
    certificates: trustme.CA, script: Script | None = None, *, refuse: HTTPStatus | None = None
) -> AsyncIterator[LittleGemini]:
    gemini = LittleGemini(script, refuse)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.issue_cert("127.0.0.1").configure_cert(tls)
    async with serve(
        gemini.converse,
        "127.0.0.1",
        0,
        ssl=tls,
        process_request=gemini.admit,
        close_timeout=1.0,
        max_size=None,
    ) as server:
        gemini.url = f"https://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield gemini
