"""How long the stream handler holds audio and barge-ins: `python -m benchmarks.handler_delay`.

One call through the real process: a Twilio-like client on one side, a TLS endpoint speaking Gemini
Live's wire protocol on the other, both here, on one clock. Every frame goes up as one message, so
the n-th message at the model is the n-th frame of the caller. The filter's 1.2 ms are not in it.
"""

import asyncio
import base64
import datetime
import json
import os
import secrets
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import trustme
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ops.processes import Command, SupervisedProcess, free_port, python
from ringdown.agents import packaged_agent
from ringdown.calls import RETENTION, Call
from ringdown.stores import open_store
from ringdown.stream_token import mint

FRAMES = 1_000
FRAME_S = 0.020
CHUNK_S = 0.040
INTERRUPTIONS = 50
CALL_SID = "CA" + "0" * 32
STREAM_SID = "MZ" + "0" * 32


@dataclass(slots=True)
class Model:
    """A Gemini Live endpoint that notes when audio comes, and interrupts on command."""

    audio_at_s: list[float] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    socket: ServerConnection | None = None

    async def serve(self, socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"setupComplete":{}}')
        self.socket = socket
        with suppress(ConnectionClosed):
            async for message in socket:
                at_s = time.perf_counter()
                if b'"audio"' in (message if isinstance(message, bytes) else message.encode()):
                    self.audio_at_s.append(at_s)
                else:
                    self.connected.set()

    async def speak(self, seconds: float) -> None:
        data = base64.b64encode(bytes(round(CHUNK_S * 48_000))).decode()
        part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
        for _ in range(round(seconds / CHUNK_S)):
            await self._send({"serverContent": {"modelTurn": {"parts": [part]}}})

    async def interrupt(self) -> float:
        """When `interrupted` was sent."""
        at_s = time.perf_counter()
        await self._send({"serverContent": {"interrupted": True}})
        await self._send({"serverContent": {"turnComplete": True}})
        return at_s

    async def _send(self, message: dict[str, object]) -> None:
        assert self.socket is not None  # noqa: S101 - `connected` was awaited
        await self.socket.send(json.dumps(message))


async def measure() -> tuple[list[float], list[float]]:
    """Uplink delays and interrupted-to-clear times, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        async with _running(Path(folder)) as (model, twilio):
            await model.connected.wait()
            await model.speak(0.2)  # the greeting; a model that says nothing is given up
            uplink = await _uplink(model, twilio)
            return uplink, await _barge_ins(model, twilio)


async def _uplink(model: Model, twilio: ClientConnection) -> list[float]:
    model.audio_at_s.clear()
    sent_at_s: list[float] = []
    payload = base64.b64encode(bytes(range(160))).decode()
    media = {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": payload}
    message = json.dumps({"event": "media", "streamSid": STREAM_SID, "media": media})
    begin_s = time.perf_counter()
    for n in range(FRAMES):
        await asyncio.sleep(begin_s + n * FRAME_S - time.perf_counter())
        sent_at_s.append(time.perf_counter())
        await twilio.send(message)
    await asyncio.sleep(0.5)
    return [(came - went) * 1000 for went, came in zip(sent_at_s, model.audio_at_s, strict=True)]


async def _barge_ins(model: Model, twilio: ClientConnection) -> list[float]:
    delays: list[float] = []
    for _ in range(INTERRUPTIONS):
        await model.speak(1.0)
        await asyncio.sleep(0.2)  # it plays
        interrupted_s = await model.interrupt()
        delays.append((await _event(twilio, "clear") - interrupted_s) * 1000)
        await asyncio.sleep(0.05)
    return delays


async def _event(twilio: ClientConnection, name: str) -> float:
    """When the next message of that kind came."""
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await twilio.recv())
            if message["event"] == name:
                return time.perf_counter()


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[tuple[Model, ClientConnection]]:
    model = Model()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    token, secret, port = secrets.token_hex(16), secrets.token_hex(32), free_port()
    url, store_url = f"ws://127.0.0.1:{port}", f"sqlite:{folder / 'records.db'}"
    await _open_call(store_url)
    async with serve(model.serve, "127.0.0.1", 0, ssl=tls, compression=None) as endpoint:
        model_port = next(iter(endpoint.sockets)).getsockname()[1]
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(("shared", "services")),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "STREAM_URL": url,
            "TWILIO_AUTH_TOKEN": token,
            "STREAM_TOKEN_SECRET": secret,
            "STORE_URL": store_url,
            "GEMINI_API_KEY": "local-endpoint",
            "GEMINI_BASE_URL": f"https://127.0.0.1:{model_port}",
            "SSL_CERT_FILE": str(folder / "ca.pem"),
        }
        command = Command(
            "stream_handler",
            (python(), "-m", "stream_handler"),
            environ,
            f"http://127.0.0.1:{port}",
            "/ready",
        )
        process = SupervisedProcess(command, folder / "handler.log")
        try:
            await process.start()
            signature = RequestValidator(token).compute_signature(f"{url}/media", {})
            headers = {"x-twilio-signature": signature}
            async with connect(
                f"{url}/media", additional_headers=headers, compression=None
            ) as twilio:
                await twilio.send(_start(secret))
                yield model, twilio
        finally:
            await process.stop()


async def _open_call(store_url: str) -> None:
    now = datetime.datetime.now(datetime.UTC)
    agent = msgspec.structs.replace(packaged_agent(), protect_greeting=False)
    call = Call(
        call_sid=CALL_SID,
        caller="+14155550123",
        called="+14155550100",
        agent_id="default",
        agent=agent,
        agent_revision=agent.revision,
        tools=(),
        created_at=now,
        expires_at=now + RETENTION,
    )
    async with open_store(store_url) as store:
        await store.open_call(call)


def _start(secret: str) -> str:
    token = mint(secret, call_sid=CALL_SID, attempt=1, now_s=time.time())
    start = {
        "accountSid": "AC" + "0" * 32,
        "streamSid": STREAM_SID,
        "callSid": CALL_SID,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token},
    }
    return json.dumps({"event": "start", "start": start, "streamSid": STREAM_SID})


def _row(name: str, delays_ms: Sequence[float]) -> str:
    ordered = sorted(delays_ms)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"{name:<24} p50 {statistics.median(ordered):6.2f} ms   p99 {p99:6.2f} ms"


def main() -> None:
    uplink, barge_ins = asyncio.run(measure())
    sys.stdout.write(f"{_row('frame to model socket', uplink)}   ({len(uplink)} frames)\n")
    sys.stdout.write(f"{_row('interrupted to clear', barge_ins)}   ({len(barge_ins)} times)\n")


if __name__ == "__main__":
    main()
