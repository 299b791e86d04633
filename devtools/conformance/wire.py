"""The raw WebSocket of a Gemini Live endpoint, real or stand-in, with everything kept."""

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
from simulators.speech.pcm import Pcm, silence, to_bytes

_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_CONNECT_WITHIN_S = 10.0
_SEND_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 2.0
_FRAME_MS = 20
SPEECH_HZ = 16_000

Condition = Callable[[Recording], bool]


class CannotConnect(Exception):
    """The endpoint is out of reach; the message says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a Gemini Live service is. `base_url` is as for the SDK: "https://HOST[:PORT]".

    `direct` goes past the proxies that the environment names: for an endpoint on this machine.
    """

    base_url: str
    api_key: str
    model: str
    tls: ssl.SSLContext
    direct: bool = False

    @property
    def uri(self) -> str:
        return f"wss://{self.base_url.removeprefix('https://').rstrip('/')}{_PATH}"


class Wire:
    """One session. After its end, sending does nothing: how it ended is in the recording."""

    def __init__(self, socket: ClientConnection | None, api_key: str) -> None:
        self._socket = socket
        self._api_key = api_key
        self._loop = asyncio.get_running_loop()
        self._opened_s = self._loop.time()
        self._messages: list[Message] = []
        self._changed = asyncio.Event()
        self._leaving = False

    @property
    def recording(self) -> Recording:
        return Recording(tuple(self._messages))

    async def send(self, body: Json) -> None:
        if self._socket is None or self.recording.ended:
            return
        self._add(body, is_ours=True)
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(_SEND_WITHIN_S):
                await self._socket.send(json.dumps(body))

    async def until(self, condition: Condition, within_s: float) -> bool:
        """Wait until the recording meets `condition`; False if the time or the session is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not condition(self.recording) and not self.recording.ended:
                    self._changed.clear()
                    await self._changed.wait()
        return condition(self.recording)

    async def play(self, pcm: Pcm) -> None:
        """Send audio in frames of 20 ms, in real time."""
        size = SPEECH_HZ * _FRAME_MS // 1000
        begun_s = self._loop.time()
        for number, at in enumerate(range(0, len(pcm), size)):
            await asyncio.sleep(begun_s + number * _FRAME_MS / 1000 - self._loop.time())
            data = base64.b64encode(to_bytes(pcm[at : at + size])).decode()
            blob = {"data": data, "mimeType": f"audio/pcm;rate={SPEECH_HZ}"}
            await self.send({"realtimeInput": {"audio": blob}})

    async def be_silent_until(self, condition: Condition, within_s: float) -> bool:
        """As `until`, while a quiet line is sent: a service hears an end of speech only so."""
        quiet = asyncio.create_task(self.play(silence(within_s * 1000, SPEECH_HZ)))
        try:
            return await self.until(condition, within_s)
        finally:
            quiet.cancel()
            with suppress(asyncio.CancelledError):
                await quiet

    async def listen(self) -> None:
        """Keep what comes, until the session ends."""
        if self._socket is None:
            return
        try:
            while True:
                frame = await self._socket.recv()
                self._add(_parse(frame), is_binary=isinstance(frame, bytes))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            if not self._leaving:
                self.end(f"closed with {code}", closed.rcvd.reason if closed.rcvd else "")

    async def leave(self) -> None:
        self._leaving = True
        if self._socket is not None:
            await self._socket.close()

    def end(self, how: str, reason: str) -> None:
        self._add({"ended": how, "reason": reason.replace(self._api_key, "…")})

    def _add(self, body: Json, *, is_ours: bool = False, is_binary: bool = False) -> None:
        at_ms = (self._loop.time() - self._opened_s) * 1000
        self._messages.append(Message(round(at_ms, 1), is_ours, body, is_binary))
        self._changed.set()


class Recorder:
    """Opens sessions for one script, and keeps what they saw in `recordings`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._wires: list[Wire] = []

    @property
    def model(self) -> str:
        return self._endpoint.model

    @property
    def recordings(self) -> list[Recording]:
        return [wire.recording for wire in self._wires]

    @asynccontextmanager
    async def session(self, *, api_key: str | None = None) -> AsyncIterator[Wire]:
        """A connection, and its end. `api_key` replaces the endpoint's; "" sends none.

        Raises CannotConnect. An HTTP refusal ends the session and is not an error.
        """
        wire = await self._open(self._endpoint.api_key if api_key is None else api_key)
        self._wires.append(wire)
        listening = asyncio.create_task(wire.listen())
        try:
            yield wire
        finally:
            await wire.leave()
            await listening

    async def _open(self, api_key: str) -> Wire:
        try:
            socket = await connect(
                self._endpoint.uri,
                ssl=self._endpoint.tls,
                proxy=None if self._endpoint.direct else True,
                additional_headers={"x-goog-api-key": api_key} if api_key else {},
                open_timeout=_CONNECT_WITHIN_S,
                close_timeout=_CLOSE_WITHIN_S,
                ping_interval=None,
                max_size=None,
            )
        except InvalidStatus as refusal:
            wire = Wire(None, self._endpoint.api_key)
            wire.end(f"HTTP {refusal.response.status_code}", "")
            return wire
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise CannotConnect(f"cannot connect: {type(error).__name__}: {error}") from error
        return Wire(socket, self._endpoint.api_key)


def _parse(frame: str | bytes) -> Json:
    try:
        body = json.loads(frame)
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"unreadable": repr(frame[:100])}
