"""Carries one media stream over its WebSocket."""

import asyncio
import socket
import ssl
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from .alerts import Alert, AlertCode
from .events import (
    EventLog,
    MarkReached,
    PlaybackCleared,
    StreamAudioStarted,
    StreamEnd,
)
from .playout import PlayoutBuffer
from .stream_messages import (
    SILENT_FRAME,
    ClearSent,
    MarkSent,
    MediaSent,
    StreamEncoder,
    StreamIdentity,
    decode_message,
)

USER_AGENT = "Twilio.TmeWs/1.0"
MAX_WAITING_FRAMES = 250
"""Five seconds of the caller's audio; anything beyond that is discarded (31930)."""
_CLOSE_TIMEOUT_S = 1.0
_SEND_BUFFER_BYTES = 32 * 1024
_BROKEN_PROTOCOL = frozenset({1002, 1007, 1009})


@dataclass(frozen=True, slots=True)
class Ending:
    how: StreamEnd
    alert: Alert | None
    close_code: int | None = None
    close_reason: str = ""


async def open_stream(
    url: str, headers: dict[str, str], tls: ssl.SSLContext, timeout_s: float
) -> ClientConnection | Alert:
    """Connect as Twilio does, or return the alert that Twilio logs if it can't."""
    try:
        async with asyncio.timeout(timeout_s):
            connection = await connect(
                url,
                additional_headers=headers,
                user_agent_header=USER_AGENT,
                compression=None,
                proxy=None,
                ssl=tls if url.startswith("wss:") else None,
                open_timeout=None,
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=None,
            )
    except TimeoutError:
        detail = f"{url} did not respond within {timeout_s:g} s"
        return Alert(AlertCode.STREAM_CONNECT_TIMEOUT, detail)
    except ssl.SSLError as error:
        return Alert(AlertCode.STREAM_TLS_FAILURE, f"{url}: {error}")
    except (InvalidHandshake, InvalidURI, EOFError) as error:
        return Alert(AlertCode.STREAM_HANDSHAKE_FAILED, f"{url}: {error}")
    except ConnectionResetError as error:
        # A peer without TLS hangs up when the TLS handshake begins.
        no_tls = url.startswith("wss:")
        code = AlertCode.STREAM_TLS_FAILURE if no_tls else AlertCode.STREAM_CONNECTION_REFUSED
        return Alert(code, f"{url}: {error}")
    except OSError as error:
        return Alert(AlertCode.STREAM_CONNECTION_REFUSED, f"{url}: {error}")
    # With a small buffer, we notice within seconds, not minutes, that our side stopped reading.
    link: socket.socket = connection.transport.get_extra_info("socket")
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    return connection


class StreamSocket:
    """The far end of the line while a stream is open. `run()` returns when the stream has ended.

    The network ends it by cancelling `run()`, which sends `stop` and closes the socket.
    """

    def __init__(
        self, connection: ClientConnection, identity: StreamIdentity, log: EventLog
    ) -> None:
        self.playout = PlayoutBuffer()
        self._connection = connection
        self._stream_sid = identity.stream_sid
        self._encoder = StreamEncoder(identity)
        self._log = log
        self._outbox: asyncio.Queue[str] = asyncio.Queue(4 * MAX_WAITING_FRAMES)
        self._warned: set[AlertCode] = set()
        self._reading = asyncio.Event()
        self._reading.set()
        self._silenced = False
        self._audio_started = False
        self._post(self._encoder.connected())
        self._post(self._encoder.start())

    # -- the line's side

    def hear(self, frame: bytes | None) -> None:
        if frame is None or self._silenced:
            self._encoder.skip()
        elif self._outbox.qsize() >= MAX_WAITING_FRAMES:
            self._encoder.skip()
            self._warn(Alert(AlertCode.STREAM_CONGESTED, "our side isn't reading what is sent"))
        else:
            self._post(self._encoder.media(frame))

    def played(self, frame: bytes, marks: tuple[str, ...]) -> None:
        for name in marks:
            self._reach(name)
        if not self._audio_started and frame is not SILENT_FRAME:
            self._audio_started = True
            self._log.add(StreamAudioStarted(self._log.now(), self._stream_sid))

    def press(self, digit: str) -> None:
        self._post(self._encoder.dtmf(digit))

    # -- faults of the network, on demand

    def stall(self, *, reading: bool = True, sending: bool = True) -> None:
        """Become half dead: stop reading the socket (pings included), and stop sending audio."""
        if reading:
            self._reading.clear()
            self._connection.transport.pause_reading()
        self._silenced = self._silenced or sending

    def resume(self) -> None:
        self._silenced = False
        self._reading.set()
        self._connection.transport.resume_reading()

    def drop(self) -> None:
        """Drop the TCP connection without a close frame."""
        self._connection.transport.abort()

    # -- the socket's side

    async def run(self) -> Ending:
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._send())
                ending = await self._receive()
                sender.cancel()
        except asyncio.CancelledError:
            await self._hang_up()
            raise
        await self._connection.close()
        return ending

    async def _send(self) -> None:
        try:
            while True:
                await self._connection.send(await self._outbox.get())
        except ConnectionClosed:
            return  # `_receive` notices it too, and says how the stream ended

    async def _receive(self) -> Ending:
        try:
            while True:
                message = await self._connection.recv()
                # A message that was read just before the stall has to wait, too.
                await self._reading.wait()
                self._take(message)
        except ConnectionClosed as closed:
            return _ending(closed)

    def _take(self, message: str | bytes) -> None:
        decoded = decode_message(message, self._stream_sid)
        match decoded:
            case MediaSent(audio):
                if discarded := self.playout.append(audio):
                    detail = f"10 minutes are buffered: {discarded} bytes discarded"
                    self._warn(Alert(AlertCode.STREAM_BUFFER_FULL, detail))
            case MarkSent(name):
                if self.playout.mark(name):
                    self._reach(name)
            case ClearSent():
                cleared = self.playout.clear()
                event = PlaybackCleared(self._log.now(), cleared.dropped_ms, cleared.marks)
                self._log.add(event)
                for name in cleared.marks:
                    self._post(self._encoder.mark(name))
            case Alert():
                self._warn(decoded)

    def _reach(self, name: str) -> None:
        self._log.add(MarkReached(self._log.now(), name))
        self._post(self._encoder.mark(name))

    def _warn(self, alert: Alert) -> None:
        """Log a warning only once per stream, as Twilio does."""
        if alert.code not in self._warned:
            self._warned.add(alert.code)
            self._log.alert(alert)

    def _post(self, message: str) -> None:
        if self._outbox.full():
            self._warn(Alert(AlertCode.STREAM_CONGESTED, "our side isn't reading what is sent"))
        else:
            self._outbox.put_nowait(message)

    async def _hang_up(self) -> None:
        self._silenced = True
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                while not self._outbox.empty():
                    await self._connection.send(self._outbox.get_nowait())
                await self._connection.send(self._encoder.stop())
                await self._connection.close()
        except (TimeoutError, ConnectionClosed):
            self._connection.transport.abort()


def _ending(closed: ConnectionClosed) -> Ending:
    if closed.rcvd is not None:
        code, reason = closed.rcvd.code, closed.rcvd.reason
        alert = Alert(AlertCode.STREAM_CLOSED_BY_SERVER, f"close code {code} {reason}".rstrip())
        return Ending(StreamEnd.CLOSED_BY_SERVER, alert, code, reason)
    if closed.sent is not None and closed.sent.code in _BROKEN_PROTOCOL:
        detail = f"close code {closed.sent.code} {closed.sent.reason}".rstrip()
        alert = Alert(AlertCode.STREAM_WEBSOCKET_PROTOCOL, detail)
        return Ending(StreamEnd.PROTOCOL_ERROR, alert)
    alert = Alert(AlertCode.STREAM_BROKEN_PIPE, "the connection broke without a close frame")
    return Ending(StreamEnd.DROPPED, alert)
