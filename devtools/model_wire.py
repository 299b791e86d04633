"""A proxy between the handlers and the model, which passes everything on unchanged and reads the
words.

The page needs it to show words as they are spoken: the service sends transcripts during a turn, but
the record gets the turn only when it ends.
"""

import asyncio
import enum
import http
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import certifi
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.http11 import Request, Response
from websockets.protocol import State

from devtools.line_parts import LineModel
from ringdown.calls import Speaker
from ringdown.gemini.backend import DEVELOPER_URL
from simulators.gemini_live.local_tls import local_tls

_HOST = "127.0.0.1"
_REACH_WITHIN_S = 10.0
_SEND_WITHIN_S = 10.0
_MOST_MESSAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Words:
    """Part of what `who` says."""

    who: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The caller interrupted, so the agent won't say the rest."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A handler is suddenly gone, and what was being said is missing from the record."""


Heard: TypeAlias = Words | Cut | Lost
Hear: TypeAlias = Callable[[Heard], None]


class _Transcription(msgspec.Struct):
    text: str = ""


class _Content(msgspec.Struct, rename="camel"):
    input_transcription: _Transcription | None = None
    output_transcription: _Transcription | None = None
    interrupted: bool = False


class _Message(msgspec.Struct, rename="camel"):
    server_content: _Content | None = None


_messages = msgspec.json.Decoder(_Message)


@asynccontextmanager
async def overheard(model: LineModel, hear: Hear) -> AsyncIterator[LineModel]:
    """Run a proxy for `model`. Yields the model with the proxy's URL for handlers; `hear` gets the
    words of its sessions."""
    tls = ssl.create_default_context(cafile=model.ca_file)
    wire = _Wire(model.base_url or DEVELOPER_URL, tls, hear)
    with TemporaryDirectory(prefix="model-wire-") as folder:
        ca_file = Path(folder) / "ca.pem"
        async with serve(
            wire.carry,
            _HOST,
            0,
            ssl=_tls_with_usual_authorities(ca_file),
            process_request=wire.meet,
            compression=None,
            max_size=_MOST_MESSAGE_BYTES,
            ping_interval=None,
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield replace(model, live_base_url=f"https://{_HOST}:{port}", live_ca_file=ca_file)


def _tls_with_usual_authorities(ca_file: Path) -> ssl.SSLContext:
    """Make TLS settings for the proxy. `ca_file` gets its authority and the usual ones, because the
    handlers also call tools."""
    tls = local_tls(_HOST, ca_file)
    with ca_file.open("ab") as authorities:
        authorities.write(Path(certifi.where()).read_bytes())
    return tls


class _End(enum.Enum):
    BROKEN_OFF = enum.auto()
    """The source went away first, without a close frame."""
    OTHERWISE = enum.auto()


class _Wire:
    def __init__(self, base_url: str, tls: ssl.SSLContext, hear: Hear) -> None:
        self._url = f"wss://{base_url.removeprefix('https://').rstrip('/')}"
        self._tls = tls
        self._hear = hear
        self._services: dict[ServerConnection, ClientConnection] = {}

    async def meet(self, handler: ServerConnection, request: Request) -> Response | None:
        """Connect to the service first. If it refuses, refuse the handler with its response."""
        try:
            service = await connect(
                self._url + request.path,
                additional_headers=_passed_on(request.headers),
                user_agent_header=None,
                ssl=self._tls,
                open_timeout=_REACH_WITHIN_S,
                compression=None,
                max_size=_MOST_MESSAGE_BYTES,
                ping_interval=None,
                proxy=None,
            )
        except InvalidStatus as refused:
            return refused.response
        except (OSError, TimeoutError, InvalidHandshake) as error:
            return handler.respond(http.HTTPStatus.BAD_GATEWAY, f"{type(error).__name__}\n")
        if handler.transport.is_closing():  # `carry` won't run, so it can't close the service
            await service.close()
        else:
            self._services[handler] = service
        return None

    async def carry(self, handler: ServerConnection) -> None:
        service = self._services.pop(handler)
        async with asyncio.TaskGroup() as both_ways:
            upward = both_ways.create_task(_pass_on(handler, service))
            both_ways.create_task(_pass_on(service, handler, self._overhear))
        if upward.result() is _End.BROKEN_OFF:
            self._hear(Lost())

    def _overhear(self, message: bytes | str) -> None:
        try:
            content = _messages.decode(message).server_content
        except msgspec.DecodeError:
            return  # the handler will report that it can't read it
        if content is None:
            return
        if content.interrupted:
            self._hear(Cut())
        if content.input_transcription is not None:
            self._hear(Words(Speaker.CALLER, content.input_transcription.text))
        if content.output_transcription is not None:
            self._hear(Words(Speaker.AGENT, content.output_transcription.text))


def _passed_on(headers: Headers) -> Headers:
    """The client's headers, without those of the connection."""
    ours = ("host", "connection", "upgrade")
    return Headers(
        (name, value)
        for name, value in headers.raw_items()
        if name.lower() not in ours and not name.lower().startswith("sec-websocket-")
    )


async def _pass_on(
    source: Connection,
    sink: Connection,
    overhear: Callable[[bytes | str], None] = lambda _: None,
) -> _End:
    """Pass messages on until one side ends, and end the other in the same way."""
    try:
        while True:
            message = await source.recv()
            async with asyncio.timeout(_SEND_WITHIN_S):
                await sink.send(message)
            overhear(message)
    except TimeoutError:
        source.transport.abort()
        sink.transport.abort()
    except ConnectionClosed:
        said = source.protocol.close_rcvd
        if said is not None:
            await sink.close(said.code, said.reason)
        elif sink.state is State.OPEN:
            sink.transport.abort()
            return _End.BROKEN_OFF
    return _End.OTHERWISE
