"""Carries out `<Connect><Stream>` from the upgrade to the end, with its callbacks and alerts."""

import asyncio

from websockets.asyncio.client import ClientConnection

from .alerts import Alert, AlertCode
from .call_flow import Done, Outcome, StreamDropped
from .callbacks import Callback, Postman
from .events import EventLog, StreamEnd, StreamEnded, StreamStarted
from .identity import CallIdentity, new_sid
from .line import Line
from .settings import NetworkSettings
from .stream_messages import StreamIdentity
from .stream_rules import check_stream
from .stream_socket import Ending, StreamSocket, open_stream
from .twiml import ConnectStream
from .webhooks import Webhook


class Streaming:
    """The streams of one call, one after another; `socket` is the open one."""

    def __init__(
        self,
        line: Line,
        log: EventLog,
        postman: Postman,
        identity: CallIdentity,
        settings: NetworkSettings,
    ) -> None:
        self.socket: StreamSocket | None = None
        self.streams = 0
        self._line = line
        self._log = log
        self._postman = postman
        self._identity = identity
        self._settings = settings

    async def connect(self, verb: ConnectStream) -> Outcome:
        """Stream until our side closes the socket; cancelled if the call is over or redirected."""
        stream_sid = new_sid("MZ")
        opened = await self._open(verb)
        if isinstance(opened, Alert):
            self._ended(verb, stream_sid, Ending(StreamEnd.NOT_CONNECTED, opened))
            return Done()
        socket = StreamSocket(opened, self._stream_identity(verb, stream_sid), self._log)
        try:
            ending = await self._carry(socket)
        except asyncio.CancelledError:
            stopped = Ending(StreamEnd.STOPPED, None)
            self._ended(verb, stream_sid, stopped, socket.playout.buffered_ms)
            raise
        self._ended(verb, stream_sid, ending, socket.playout.buffered_ms)
        return StreamDropped() if ending.how is StreamEnd.DROPPED else Done()

    async def _open(self, verb: ConnectStream) -> ClientConnection | Alert:
        alert = check_stream(verb)
        if alert is not None:
            return alert
        headers = self._settings.signer.headers(verb.url)
        timeout_s = self._settings.stream_connect_timeout_s
        return await open_stream(verb.url, headers, self._settings.tls, timeout_s)

    def _stream_identity(self, verb: ConnectStream, stream_sid: str) -> StreamIdentity:
        self._log.add(StreamStarted(self._log.now(), stream_sid, verb.url))
        self._post(verb, stream_sid, "stream-started", None)
        identity = self._identity
        return StreamIdentity(identity.account_sid, identity.call_sid, stream_sid, verb.parameters)

    async def _carry(self, socket: StreamSocket) -> Ending:
        if self.streams == 0:
            # An announcement before the first stream isn't the agent's reply.
            self._line.attention.expect_answer(self._line.position_ms or 0)
        self.streams += 1
        self.socket = socket
        self._line.connect(socket.playout, socket)
        try:
            return await socket.run()
        finally:
            self._line.disconnect()
            self.socket = None

    def _ended(
        self, verb: ConnectStream, stream_sid: str, ending: Ending, unplayed_ms: int = 0
    ) -> None:
        if ending.alert is not None:
            self._log.alert(ending.alert)
        event = StreamEnded(
            self._log.now(),
            stream_sid,
            ending.how,
            ending.close_code,
            ending.close_reason,
            unplayed_ms,
        )
        self._log.add(event)
        orderly = ending.how in (StreamEnd.CLOSED_BY_SERVER, StreamEnd.STOPPED)
        if orderly or ending.alert is None:
            self._post(verb, stream_sid, "stream-stopped", None)
        else:
            self._post(verb, stream_sid, "stream-error", str(ending.alert))

    def _post(self, verb: ConnectStream, stream_sid: str, event: str, error: str | None) -> None:
        if verb.status_callback is None:
            return
        at = self._settings.date()
        params = self._identity.stream(stream_sid, verb.name, event, at, error)
        webhook = Webhook(verb.status_callback, verb.status_callback_method)
        code = AlertCode.HTTP_RETRIEVAL_FAILURE
        self._postman.post(Callback(webhook, event, params, code))
