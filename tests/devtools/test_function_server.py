"""Silent connections must not keep callers out of the webhook on this machine."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import httpx2
import pytest
from starlette.types import Receive, Scope, Send
from twilio.request_validator import RequestValidator
from uvicorn.config import Config
from uvicorn.server import ServerState

from devtools.function_server import HEADER_WITHIN_S, MOST_WAITING, HeaderDeadline
from devtools.processes import free_port
from tests.functions.incoming_call.stand_ins import AUTH_TOKEN, a_form, a_handler, twiml
from tests.functions.loading import FUNCTIONS
from tests.jumping_loop import virtual_time

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ROOT = FUNCTIONS.parent
HALF_A_HEADER = b"POST / HTTP/1.1\r\nHost: x\r\nX-A: "
DESCRIPTORS = 128
HELD = 200
"""More connections than the process can have descriptors."""


@contextlib.contextmanager
def webhook(store: Path) -> Iterator[str]:
    """The webhook, served like `make stack` does, with few descriptors."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = (sys.executable, "-P", str(ROOT / "devtools" / "function_server.py"))
    source = str(FUNCTIONS / "incoming_call" / "main.py")
    options = ("--target", "incoming_call", "--source", source, "--port", str(port))
    limited = ("bash", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "bash")
    with (
        a_handler() as handler,
        subprocess.Popen(
            (*limited, *server, *options, "--host", "127.0.0.1"),
            env={
                "PYTHONPATH": str(ROOT / "shared"),
                "PUBLIC_URL": url,
                "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
                "STREAM_TOKEN_SECRET": "stream token secret, 32 characters",
                "STREAM_URL": f"ws://127.0.0.1:{handler.port}",
                "STORE_URL": f"sqlite:{store / 'ringdown.db'}",
            },
        ) as process,
    ):
        try:
            yield url
        finally:
            process.terminate()


@contextlib.contextmanager
def holding(url: str, data: bytes) -> Iterator[None]:
    """Hold HELD connections that have sent `data` and won't send anything else."""
    host, _, port = url.removeprefix("http://").partition(":")
    with contextlib.ExitStack() as held:
        for _ in range(HELD):
            connection = held.enter_context(socket.create_connection((host, int(port))))
            if data:
                connection.sendall(data)
        yield


def test_callers_are_answered_past_connections_that_say_nothing(tmp_path: Path) -> None:
    patient = httpx2.HTTPTransport(retries=8)  # until it listens
    with webhook(tmp_path) as url, httpx2.Client(transport=patient) as client:
        signature = RequestValidator(AUTH_TOKEN).compute_signature(url, a_form())

        def call() -> None:
            headers = {"X-Twilio-Signature": signature, "Connection": "close"}
            twiml(client.post(url, data=a_form(), headers=headers))

        call()
        for data in (b"", HALF_A_HEADER):
            with holding(url, data):
                call()


# The deadline itself


async def slow_app(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(3 * HEADER_WITHIN_S)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def a_server() -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    """A server with slow responses. Yields a function that connects to it."""
    config, state = Config(slow_app, timeout_keep_alive=60), ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HeaderDeadline(config, state, {}), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connected: list[asyncio.StreamWriter] = []

    async def connect() -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connected.append(writer)
        return reader, writer

    async with server:
        yield connect
        for writer in connected:
            writer.transport.abort()
    await asyncio.sleep(1.0)
    assert HeaderDeadline.waiting == {}


async def closed_after_s(reader: asyncio.StreamReader) -> float:
    began_s = asyncio.get_running_loop().time()
    with contextlib.suppress(ConnectionResetError):
        await reader.read()
    return asyncio.get_running_loop().time() - began_s


@pytest.mark.parametrize("data", [b"", HALF_A_HEADER])
@virtual_time
async def test_a_header_that_does_not_come_closes_the_connection(data: bytes) -> None:
    async with a_server() as connect:
        reader, writer = await connect()
        writer.write(data)
        assert await closed_after_s(reader) == pytest.approx(HEADER_WITHIN_S, abs=0.1)


@virtual_time
async def test_a_header_that_drips_closes_it_too() -> None:
    async with a_server() as connect:
        reader, writer = await connect()
        closing = asyncio.create_task(closed_after_s(reader))
        for byte in HALF_A_HEADER[:8]:
            writer.write(bytes([byte]))
            await asyncio.sleep(1.0)
        assert await closing == pytest.approx(HEADER_WITHIN_S, abs=0.1)


@virtual_time
async def test_an_answer_may_take_longer_and_the_next_header_may_not() -> None:
    async with a_server() as connect:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        writer.write(HALF_A_HEADER)
        assert await closed_after_s(reader) == pytest.approx(HEADER_WITHIN_S, abs=0.1)


@virtual_time
async def test_the_oldest_makes_room() -> None:
    async with a_server() as connect:
        first, *_ = [await connect() for _ in range(MOST_WAITING + 1)]
        assert await closed_after_s(first[0]) < 1.0
        assert len(HeaderDeadline.waiting) == MOST_WAITING
