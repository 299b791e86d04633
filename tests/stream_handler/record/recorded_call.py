"""A call over real sockets that leaves a flight record of speech, a tool call and a barge-in."""

import base64
import json
import ssl
from pathlib import Path

import trustme
from websockets.asyncio.server import ServerConnection

from tests.stream_handler.handler import closed, media, running_handler, stop
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send

PCM = base64.b64encode(b"\x00\x20" * 2_400).decode()
SPEECH = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": PCM}}
SAID = "My name is Ada Lovelace. Goodbye."
ASKED = {"customer": "Ada Lovelace", "account": 123456}


async def record_a_call(folder: Path) -> str:
    """Make call number 1, and return the URL of the store that holds its records."""
    certificates, trusting = trustme.CA(), ssl.create_default_context()
    certificates.configure_trust(trusting)
    async with (
        little_gemini(certificates, _speaks_asks_and_is_interrupted) as gemini,
        running_handler(gemini, trusting, folder) as handler,
        handler.call(1) as socket,
    ):
        for _ in range(20):
            await socket.send(media(1))
        await socket.send(stop(1))
        await closed(socket)
    return f"sqlite:{folder / 'records.db'}"


async def _speaks_asks_and_is_interrupted(gemini: LittleGemini, socket: ServerConnection) -> None:
    speaks = {"modelTurn": {"parts": [SPEECH]}, "outputTranscription": {"text": SAID}}
    asks = {"functionCalls": [{"id": "f1", "name": "no_such_tool", "args": ASKED}]}
    await send(
        socket,
        {"setupComplete": {"sessionId": "s1"}},
        *({"serverContent": speaks},) * 5,
        {"toolCall": asks},
        {"serverContent": {"interrupted": True}},
        {"serverContent": {"turnComplete": True}},
    )
    async for frame in socket:
        gemini.take(json.loads(frame))
