"""The WebSocket server: health, limits, one task group per call, and a stop that lets calls end."""

import asyncio
import gc
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from ringdown.log import Log, call_bound
from stream_handler.admission import START_TIMEOUT_S, Admission, Refused, signature_is_valid
from stream_handler.bridge import Bridge, Services
from stream_handler.prompt_connection import PromptConnection
from stream_handler.settings import Settings

MEDIA_PATH = "/media"
READY_PATH = "/ready"

_MAX_MESSAGE_BYTES = 64 * 1024  # Twilio's own are under 1 KiB
_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_PING_INTERVAL_S = 20.0
_COLLECT = (2_000, 20, 1_000)  # seldom, and never so much that it is heard (measured: under 2 ms)

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server waits. Cloud Run gives 10 s from SIGTERM to SIGKILL."""

    for_start_s: float = START_TIMEOUT_S
    for_calls_to_end_s: float = 6.0
    for_calls_to_be_saved_s: float = 3.0


class StreamServer:
    """Serves calls until told to stop."""

    def __init__(
        self, settings: Settings, services: Services, patience: Patience | None = None
    ) -> None:
        self._settings = settings
        self._patience = patience or Patience()
        self._services = services
        self._admission = Admission(
            services.store,
            token_secret=settings.stream_token_secret,
            handler=settings.handler,
            start_timeout_s=self._patience.for_start_s,
        )
        self._bridges: set[Bridge] = set()
        self._connections = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def serve(self, stop: asyncio.Event) -> None:
        """Listen until `stop`; then let the calls in hand end, within Cloud Run's ten seconds."""
        async with serve(
            self._connection,
            self._settings.host,
            self._settings.port,
            process_request=self._process_request,
            create_connection=PromptConnection,
            compression=None,
            max_size=_MAX_MESSAGE_BYTES,
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            ping_interval=_PING_INTERVAL_S,
            server_header=None,
        ) as server:
            _log.info("ready", port=_port(server), max_calls=self._settings.max_calls)
            await stop.wait()
            await self._drain(server)

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path
        if path == READY_PATH:
            return connection.respond(HTTPStatus.OK, "ready\n")
        if path.rstrip("/") != MEDIA_PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found.\n")
        if not signature_is_valid(
            request.headers,
            auth_token=self._settings.twilio_auth_token,
            shared_key_secret=self._settings.twilio_shared_key_secret,
            url=self._settings.stream_url + MEDIA_PATH,
        ):
            _log.warning("upgrade refused: the signature is missing or wrong")
            return connection.respond(HTTPStatus.FORBIDDEN, "The signature is missing or wrong.\n")
        if self._connections >= self._settings.max_calls:
            _log.error("upgrade refused: too many calls at once")
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many calls.\n")
        return None

    async def _connection(self, socket: ServerConnection) -> None:
        self._connections += 1
        self._idle.clear()
        try:
            await self._admit_and_carry(socket)
        finally:
            settle_memory()
            self._connections -= 1
            if self._connections == 0:
                self._idle.set()

    async def _admit_and_carry(self, socket: ServerConnection) -> None:
        try:
            admitted = await self._admission.admit(socket)
        except Refused as refused:
            _log.warning("stream refused", reason=refused.reason, close_code=int(refused.code))
            await socket.close(refused.code, refused.reason)
            return
        with call_bound(admitted.call.call_sid):
            _log.info(
                "call admitted",
                attempt=admitted.call.attempt,
                agent=admitted.call.agent_id,
                claimed=admitted.claimed,
            )
            # `create_connection` made it one of ours; the library's types cannot say so.
            bridge = Bridge(cast("PromptConnection", socket), admitted, self._services)
            self._bridges.add(bridge)
            try:
                await bridge.run()
            except* Exception:  # noqa: BLE001 - the call's boundary: one call's bug ends that call only
                _log.exception("call failed")
                await socket.close(1011, "internal error")
            finally:
                self._bridges.discard(bridge)

    async def _drain(self, server: Server) -> None:
        _log.info("stopping", calls=len(self._bridges))
        server.close(close_connections=False)
        if await self._all_over(self._patience.for_calls_to_end_s):
            return
        for bridge in tuple(self._bridges):
            bridge.drain()
        if not await self._all_over(self._patience.for_calls_to_be_saved_s):
            _log.error("stopped with calls in hand", calls=self._connections)
            for bridge in tuple(self._bridges):
                bridge.give_up()
            for connection in tuple(server.connections):
                connection.transport.abort()

    async def _all_over(self, within_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        return self._idle.is_set()


def settle_memory() -> None:
    """After a call, keep what libraries have loaded for it out of all further collections.

    They load much at their first use (105,000 objects), and looking through these again and again
    stops every call for 55 ms each time.
    """
    if not gc.get_freeze_count():
        gc.set_threshold(*_COLLECT)
        gc.freeze()


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])
