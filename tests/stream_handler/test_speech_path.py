"""The fast path beside the SDK itself: the same bytes go up, the same sound comes down."""

import asyncio
import base64
import json
import ssl
from contextlib import suppress
from typing import Any

import pytest
import trustme
from google import genai
from google.genai import live, types
from websockets.asyncio.server import ServerConnection

from ringdown.gemini.backend import DeveloperApi
from stream_handler.call.model_config import session_config
from stream_handler.gemini_live import GeminiLive, ModelError, ModelEvent
from stream_handler.speech_path import AUDIO_MIME_TYPE, audio_message, spoken_in
from tests.ringdown.samples import a_call
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send

EVERY_BYTE = bytes(range(256)) * 2 + bytes(128)  # a frame: 640 bytes, both special letters
READY: dict[str, object] = {"setupComplete": {}}


def sdk(gemini: LittleGemini, trusting: ssl.SSLContext) -> live.AsyncLive:
    options = types.HttpOptions(base_url=gemini.url, async_client_args={"ssl": trusting})
    return genai.Client(api_key="key-0123456789", http_options=options).aio.live


@pytest.mark.parametrize("pcm", [EVERY_BYTE, b"\xff\xfe" * 320, b"", b"\x01"], ids=len)
async def test_what_goes_up_is_what_the_sdk_sends(
    certificates: trustme.CA, trusting: ssl.SSLContext, pcm: bytes
) -> None:
    frames: list[str | bytes] = []

    async def keep_the_frame(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY)
        frames.append(await socket.recv())

    async with asyncio.timeout(10), little_gemini(certificates, keep_the_frame) as gemini:
        async with sdk(gemini, trusting).connect(model="gemini-3.8-live") as session:
            await session.send_realtime_input(audio=types.Blob(data=pcm, mime_type=AUDIO_MIME_TYPE))
        await gemini.gone.wait()

    assert frames == [audio_message(pcm)]


def sound(pcm: bytes, **more: Any) -> dict[str, Any]:
    data = base64.b64encode(pcm).decode()
    return {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}, **more}


def content(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"serverContent": {"modelTurn": {"parts": list(parts), **more}}}


def transcribed(**texts: str) -> dict[str, Any]:
    return {"serverContent": {f"{who}Transcription": {"text": t} for who, t in texts.items()}}


SPOKEN = [
    content(sound(EVERY_BYTE)),
    content(sound(EVERY_BYTE), sound(b"\x01\x02")),
    content(sound(EVERY_BYTE), role="model"),
    content(sound(b"")),
    transcribed(output="Good morning. "),
    transcribed(input="Hello?"),
    transcribed(input="Grüß Gott 👋", output='"Hi"\n'),
    transcribed(output=""),
    {"serverContent": {**content(sound(EVERY_BYTE))["serverContent"], "modelTurn": {}}},
    {
        "serverContent": {
            **transcribed(input="a", output="b")["serverContent"],
            **content(sound(b"\x01\x02"))["serverContent"],
        }
    },
    {"serverContent": {}},
    {"serverContent": {"interrupted": True}},
    {"serverContent": {"generationComplete": True}},
    {"serverContent": {"turnComplete": True}},
    {"serverContent": {"turnComplete": False}},
    {
        "serverContent": {
            **transcribed(input="a", output="b")["serverContent"],
            **content(sound(EVERY_BYTE))["serverContent"],
            "interrupted": True,
            "generationComplete": True,
            "turnComplete": True,
        }
    },
    {**content(sound(EVERY_BYTE)), "usageMetadata": {"totalTokenCount": 1}},
    {"serverContent": {}, "usageMetadata": {}},
    {
        "serverContent": {"turnComplete": True},
        "usageMetadata": {
            "promptTokenCount": 900,
            "responseTokenCount": 60,
            "toolUsePromptTokenCount": 5,
            "thoughtsTokenCount": 7,
            "totalTokenCount": 972,
            "promptTokensDetails": [
                {"modality": "AUDIO", "tokenCount": 700},
                {"modality": "TEXT", "tokenCount": 150},
                {"modality": "TEXT", "tokenCount": 50},
            ],
            "responseTokensDetails": [
                {"modality": "AUDIO", "tokenCount": 60},
                {"modality": "TEXT"},
            ],
        },
    },
]
SPOKEN_AND_MORE = [
    content(sound(EVERY_BYTE, thought=True)),
    content(sound(EVERY_BYTE), {"text": "Hm."}),
    {"serverContent": {"inputTranscription": {"text": "a", "finished": True}}},
    {"serverContent": {"turnComplete": True, "interactionStatus": "IDLE"}},
    {"usageMetadata": {"totalTokenCount": 1}},
    {"serverContent": {"turnComplete": True}, "usageMetadata": {"candidatesTokenCount": 1}},
    {**content(sound(EVERY_BYTE)), "neverHeardOf": 1},
]


async def heard_of(
    certificates: trustme.CA, trusting: ssl.SSLContext, message: dict[str, Any]
) -> list[ModelEvent]:
    """The events of a session in which the model says `message`."""
    events: list[ModelEvent] = []

    async def say(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY, message)
        await socket.close()

    async with asyncio.timeout(10), little_gemini(certificates, say) as gemini:
        model = GeminiLive(DeveloperApi("key-0123456789", gemini.url), tls=trusting)
        async with model.connect(session_config(a_call()), lambda: 0.0) as session:
            with suppress(ModelError):
                async for event in session.receive(events.append):
                    events.append(event)  # noqa: PERF401 - what came before the error counts
    return events


@pytest.mark.parametrize("message", SPOKEN, ids=range(len(SPOKEN)))
async def test_what_is_heard_is_what_the_sdk_hears(
    certificates: trustme.CA, trusting: ssl.SSLContext, message: dict[str, Any]
) -> None:
    for_the_sdk = {**message, "neverHeardOf": 1}
    assert spoken_in(json.dumps(message).encode()) is not None, "the fast path left it to the SDK"
    assert spoken_in(json.dumps(for_the_sdk).encode()) is None

    heard = await heard_of(certificates, trusting, message)

    assert heard == await heard_of(certificates, trusting, for_the_sdk)


@pytest.mark.parametrize("message", SPOKEN_AND_MORE, ids=range(len(SPOKEN_AND_MORE)))
def test_a_message_that_says_more_is_left_to_the_sdk(message: dict[str, Any]) -> None:
    assert spoken_in(json.dumps(message).encode()) is None


@pytest.mark.parametrize(
    "message",
    [
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"***","mimeType":"a"}}]}}}',
        b'{"inlineData":',
        b'"inlineData"' + b"[" * 100_000,
        b"[" * 100_000 + b'"inlineData"',
        '{"inlineData": "text frame"}',
        b"",
        b'{"\xff": 1}',
    ],
    ids=["not base64", "cut", "junk", "deep", "text", "empty", "not UTF-8"],
)
def test_nonsense_is_left_to_the_sdk(message: str | bytes) -> None:
    assert spoken_in(message) is None
