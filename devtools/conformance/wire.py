"""Records sessions with a Gemini Live endpoint, real or stand-in, on its raw WebSocket."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from devtools.conformance.recording import Json, Message, Recording
from devtools.ports import HOST
from simulators.speech.pcm import Pcm, silence, to_bytes

_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_CONNECT_WITHIN_S = 10.0
_SEND_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 2.0
_FRAME_MS = 20
SPEECH_HZ = 16_000


class CannotConnect(Exception):
    """Can't reach the endpoint; the message says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Gemini Live service. `base_url` has the SDK's format: "https://HOST[:PORT]"."""

    base_url: str
    api_key: str
    tls: ssl.SSLContext


class Wire:
    """One session. After its end, sending does nothing; the recording says how it ended."""

    def __init__(self, api_key: str) -> None:
        self.recording = Recording()
        self._api_key = api_key
        self._socket: ClientConnection | None = None
        self._loop = asyncio.get_running_loop()
        self._opened_s = self._loop.time()
        self._changed = asyncio.Event()

    async def send(self, body: Json) -> None:
        if self._socket is None or self.recording.ended:
            return
        self._add(body, is_ours=True)
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(_SEND_WITHIN_S):
                await self._socket.send(json.dumps(body))

    async def until(self, condition: Callable[[Recording], object], within_s: float) -> bool:
        """Wait until the recording meets `condition`; False if the time or the session is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not condition(self.recording) and not self.recording.ended:
                    self._changed.clear()
                    await self._changed.wait()
        return bool(condition(self.recording))

    async def play(self, pcm: Pcm) -> None:
        """Send audio in frames of 20 ms, in real time."""
        size = SPEECH_HZ * _FRAME_MS // 1000
        begun_s = self._loop.time()
        for number, at in enumerate(range(0, len(pcm), size)):
            await asyncio.sleep(begun_s + number * _FRAME_MS / 1000 - self._loop.time())
            data = base64.b64encode(to_bytes(pcm[at : at + size])).decode()
            blob = {"data": data, "mimeType": f"audio/pcm;rate={SPEECH_HZ}"}
            await self.send({"realtimeInput": {"audio": blob}})

    async def be_silent_until(
        self, condition: Callable[[Recording], object], within_s: float
    ) -> None:
        """Like `until`, but keep sending silence: without it, a service doesn't notice the end of
        speech."""
        async with asyncio.TaskGroup() as group:
            quiet = group.create_task(self.play(silence(within_s * 1000, SPEECH_HZ)))
            await self.until(condition, within_s)
            quiet.cancel()

    @asynccontextmanager
    async def connected(self, endpoint: Endpoint, api_key: str) -> AsyncIterator[None]:
        """Connect to `endpoint`. Raises CannotConnect; an HTTP refusal only ends the session."""
        host, _, _ = endpoint.base_url.removeprefix("https://").partition("/")
        try:
            self._socket = await connect(
                f"wss://{host}{_PATH}",
                ssl=endpoint.tls,
                proxy=None if host.startswith(HOST) else True,  # True: the environment's proxy
                additional_headers={"x-goog-api-key": api_key} if api_key else {},
                open_timeout=_CONNECT_WITHIN_S,
                close_timeout=_CLOSE_WITHIN_S,
                ping_interval=None,
                max_size=None,
            )
        except InvalidStatus as refusal:
            self._end(f"HTTP {refusal.response.status_code}", "")
            yield
            return
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise CannotConnect(f"cannot connect: {type(error).__name__}: {error}") from error
        listening = asyncio.create_task(self._listen(self._socket))
        try:
            yield
        finally:
            listening.cancel()
            await self._socket.close()

    async def _listen(self, socket: ClientConnection) -> None:
        """Record what arrives, until the session ends."""
        try:
            while True:
                frame = await socket.recv()
                self._add(_parse(frame), is_binary=isinstance(frame, bytes))
        except ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
            self._end(f"closed with {code}", reason)

    def _end(self, how: str, reason: str) -> None:
        self._add({"ended": how, "reason": reason.replace(self._api_key, "…")})

    def _add(self, body: Json, *, is_ours: bool = False, is_binary: bool = False) -> None:
        at_ms = (self._loop.time() - self._opened_s) * 1000
        self.recording.messages.append(Message(round(at_ms, 1), is_ours, body, is_binary))
        self._changed.set()


class Sessions:
    """Opens sessions for one script. `recordings` has what crossed the wire in each."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.recordings: list[Recording] = []

    @asynccontextmanager
    async def opened(self, *, api_key: str | None = None) -> AsyncIterator[Wire]:
        """Open a session. `api_key` replaces the endpoint's; "" sends none. Raises
        CannotConnect."""
        wire = Wire(self._endpoint.api_key)
        self.recordings.append(wire.recording)
        key = self._endpoint.api_key if api_key is None else api_key
        async with wire.connected(self._endpoint, key):
            yield wire


def _parse(frame: str | bytes) -> Json:
    try:
        body = json.loads(frame)
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"unreadable": repr(frame[:100])}
