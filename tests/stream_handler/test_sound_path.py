"""The fast path beside the SDK itself: the same bytes go up, the same sound comes down."""

import asyncio
import base64
import json
import ssl
from typing import Any

import pytest
import trustme
from google import genai
from google.genai import live, types
from websockets.asyncio.server import ServerConnection

from stream_handler.sound_path import AUDIO_MIME_TYPE, audio_message, sound_in
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


ONLY_SOUND = [
    content(sound(EVERY_BYTE)),
    content(sound(EVERY_BYTE), sound(b"\x01\x02")),
    content(sound(EVERY_BYTE), role="model"),
    content(sound(b"")),
]
SOUND_AND_MORE = [
    content(sound(EVERY_BYTE, thought=True)),
    content(sound(EVERY_BYTE), {"text": "Hm."}),
    {"serverContent": {**content(sound(EVERY_BYTE))["serverContent"], "interrupted": True}},
    {"serverContent": {**content(sound(EVERY_BYTE))["serverContent"], "turnComplete": True}},
    {**content(sound(EVERY_BYTE)), "usageMetadata": {"totalTokenCount": 1}},
    {**content(sound(EVERY_BYTE)), "neverHeardOf": 1},
    {"serverContent": {"outputTranscription": {"text": 'say "inlineData"'}}},
]


async def as_the_sdk_hears(
    certificates: trustme.CA, trusting: ssl.SSLContext, message: dict[str, Any]
) -> types.LiveServerMessage:
    async def say(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY, message)
        await socket.wait_closed()

    async with (
        asyncio.timeout(10),
        little_gemini(certificates, say) as gemini,
        sdk(gemini, trusting).connect(model="gemini-3.8-live") as session,
    ):
        async for heard in session.receive():
            return heard
    pytest.fail("nothing came")


@pytest.mark.parametrize("message", ONLY_SOUND, ids=range(len(ONLY_SOUND)))
async def test_what_is_heard_is_all_that_the_sdk_hears(
    certificates: trustme.CA, trusting: ssl.SSLContext, message: dict[str, Any]
) -> None:
    heard = await as_the_sdk_hears(certificates, trusting, message)

    chunks = sound_in(json.dumps(message).encode())

    assert chunks is not None, "the fast path left it to the SDK"
    assert heard.server_content is not None
    assert heard.server_content.model_turn is not None
    parts = heard.server_content.model_turn.parts or []
    assert list(chunks) == [
        p.inline_data.data for p in parts if p.inline_data and p.inline_data.data
    ]
    # Nothing but the sound: what the SDK heard is rebuilt from the chunks alone.
    bare = types.LiveServerMessage.model_validate(
        content(*(sound(p.inline_data.data or b"") for p in parts if p.inline_data), role="model")
    )
    heard.server_content.model_turn.role = "model"
    assert heard.model_dump(exclude_none=True) == bare.model_dump(exclude_none=True)


@pytest.mark.parametrize("message", SOUND_AND_MORE, ids=range(len(SOUND_AND_MORE)))
def test_a_message_that_says_more_is_left_to_the_sdk(message: dict[str, Any]) -> None:
    assert sound_in(json.dumps(message).encode()) is None


@pytest.mark.parametrize(
    "message",
    [
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"***","mimeType":"a"}}]}}}',
        b'{"inlineData":',
        b'"inlineData"' + b"[" * 100_000,
        b"[" * 100_000 + b'"inlineData"',
        '{"inlineData": "text frame"}',
        b"",
    ],
    ids=["not base64", "cut", "junk", "deep", "text", "empty"],
)
def test_nonsense_is_left_to_the_sdk(message: str | bytes) -> None:
    assert sound_in(message) is None
