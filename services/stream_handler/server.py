"""The WebSocket server: health, limits, one task per call; hands calls over when it must stop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from ringdown.calls import EndReason
from ringdown.log import Log, call_bound
from ringdown.twilio_signature import signature_is_valid
from stream_handler.admission import Admission, Admitted
from stream_handler.bridge import Bridge, Services
from stream_handler.loop_watch import LoopWatch
from stream_handler.media_stream import MediaStream, Refused
from stream_handler.settings import Settings
from stream_handler.twilio.stream import open_stream

MEDIA_PATH = "/media"
READY_PATH = "/ready"

_MAX_MESSAGE_BYTES = 64 * 1024  # Twilio's own are under 1 KiB
_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_PING_INTERVAL_S = 2.0  # notices a half-dead socket, or a peer that isn't reading, in 6 s
_PING_TIMEOUT_S = 4.0  # longer than a process may freeze harmlessly
_MOST_WAITING = 64  # connections without a `start`, which Twilio sends within milliseconds
_MORE_WHEN_TAKEN_OVER = 2  # times MAX_CALLS, for calls taken over from another handler

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server waits. Cloud Run gives 10 s from SIGTERM to SIGKILL."""

    for_start_s: float = 5.0
    for_turns_to_end_s: float = 8.0
    for_calls_to_be_saved_s: float = 1.2


class StreamServer:
    """Serves calls until asked to stop."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        patience: Patience | None = None,
        loop_watch: LoopWatch | None = None,
    ) -> None:
        self._settings = settings
        self._patience = patience or Patience()
        self._services = services
        self._admission = Admission(
            services.store,
            services.clips,
            services.uploads,
            token_secrets=settings.stream_token_secrets,
            handler=settings.handler,
        )
        self._loop_watch = loop_watch or LoopWatch()
        self._bridges: set[Bridge] = set()
        """Calls that are live or still waiting for tools; each has its own task."""
        self._waiting: dict[ServerConnection, None] = {}
        """Connections that haven't sent `start`, oldest first."""
        self._connections = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def serve(self, stop: asyncio.Event) -> None:
        """Listen until `stop`; then hand the calls over, within Cloud Run's ten seconds."""
        async with (
            self._loop_watch.watching(),
            serve(
                self._connection,
                self._settings.host,
                self._settings.port,
                process_request=self._process_request,
                compression=None,
                max_size=_MAX_MESSAGE_BYTES,
                open_timeout=_OPEN_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=_PING_INTERVAL_S,
                ping_timeout=_PING_TIMEOUT_S,
                server_header=None,
            ) as server,
        ):
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
            auth_tokens=self._settings.twilio_auth_tokens,
            shared_key_secret=self._settings.twilio_shared_key_secret,
            url=self._settings.stream_url + MEDIA_PATH,
        ):
            _log.warning("upgrade refused: the signature is missing or wrong")
            return connection.respond(HTTPStatus.FORBIDDEN, "The signature is missing or wrong.\n")
        return None

    async def _connection(self, socket: ServerConnection) -> None:
        self._connections += 1
        self._idle.clear()
        try:
            await self._admit_and_carry(socket)
        finally:
            self._connections -= 1
            if self._connections == 0:
                # This should always be the same number: if it grows, tasks outlive their calls.
                _log.info("no open streams", tasks=len(asyncio.all_tasks()))
                self._idle.set()

    async def _admit_and_carry(self, socket: ServerConnection) -> None:
        try:
            stream = await self._open(socket)
            admitted = await self._admission.admit(stream)
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
            if self._is_overloaded(admitted):
                _log.error(
                    "call refused: too many calls at once",
                    calls=self._live_calls,
                    end_reason=EndReason.HANDLER_BUSY,
                )
                await self._admission.turn_away(admitted)
                await stream.close(CloseCode.TRY_AGAIN_LATER, "too many calls at once")
                return
            bridge = Bridge(stream, admitted, self._services)
            self._bridges.add(bridge)
            await asyncio.wait((asyncio.create_task(self._carry(bridge, stream)),))

    async def _carry(self, bridge: Bridge, stream: MediaStream) -> None:
        """Run one call. An error in it ends that call and no other."""
        try:
            try:
                await bridge.run()
            finally:
                self._bridges.discard(bridge)  # its socket may take seconds to close
        except* Exception:  # noqa: BLE001 - the call's boundary
            _log.exception("call failed")
            await stream.close(CloseCode.INTERNAL_ERROR, "internal error")

    async def _open(self, socket: ServerConnection) -> MediaStream:
        """Wait for the stream's `start`. Raises Refused.

        If too many connections are waiting already, the oldest is closed.
        """
        if len(self._waiting) >= _MOST_WAITING:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]  # so that the next newcomer evicts another
            oldest.transport.abort()
        self._waiting[socket] = None
        try:
            return await open_stream(socket, self._patience.for_start_s)
        finally:
            self._waiting.pop(socket, None)

    @property
    def _live_calls(self) -> int:
        return sum(not bridge.is_closed for bridge in self._bridges)

    def _is_overloaded(self, admitted: Admitted) -> bool:
        """Whether this call would harm the live ones.

        A call that is taken over counts as live already, so it is refused later.
        """
        calls, most = self._live_calls, self._settings.max_calls
        if admitted.call.attempt > 1:
            return calls >= most * _MORE_WHEN_TAKEN_OVER
        return calls >= most or (calls > 0 and self._loop_watch.is_late)

    async def _drain(self, server: Server) -> None:
        _log.info("stopping", calls=len(self._bridges))
        server.close(close_connections=False)
        self._ask_each_call(lambda call: call.drain(self._patience.for_turns_to_end_s))
        waits_s = self._patience.for_turns_to_end_s + self._patience.for_calls_to_be_saved_s
        if not await self._all_over(waits_s):
            _log.error("stopped with calls still open", calls=self._connections)
            self._ask_each_call(Bridge.give_up)
            for connection in tuple(server.connections):
                connection.transport.abort()

    def _ask_each_call(self, ask: Callable[[Bridge], None]) -> None:
        """Call `ask` with every live call, even if it fails for one of them."""
        for bridge in tuple(self._bridges):
            with call_bound(bridge.call_sid):
                try:
                    ask(bridge)
                except Exception:  # noqa: BLE001 - the call's boundary
                    _log.exception("call could not be handed over")

    async def _all_over(self, within_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        return self._idle.is_set()


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])
