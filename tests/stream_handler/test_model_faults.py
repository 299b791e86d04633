"""The real SDK loses its sessions, and the stream handler opens new ones.

`call/test_model_sessions.py` tests what the core decides; these test that the sockets do it.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from ringdown.audio.telephone import decode_mulaw
from ringdown.calls import EndReason
from tests.stream_handler.handler import Handler, closed, media, running_handler, stop
from tests.stream_handler.little_gemini import Json, LittleGemini, little_gemini, send

READY: Json = {"setupComplete": {"sessionId": "s"}}
HANDLE: Json = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}
GREETING: Json = {
    "serverContent": {
        "modelTurn": {
            "parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "ACAAIAAg" * 320}}]
        },
        "outputTranscription": {"text": "Hello."},
    }
}
TURN_COMPLETE: Json = {"serverContent": {"generationComplete": True, "turnComplete": True}}

Session: TypeAlias = Callable[[LittleGemini, ServerConnection], Awaitable[None]]


async def greet(gemini: LittleGemini, socket: ServerConnection) -> None:
    gemini.take(json.loads(await socket.recv()))
    await send(socket, GREETING, TURN_COMPLETE, HANDLE)


async def listen(gemini: LittleGemini, socket: ServerConnection) -> None:
    async for frame in socket:
        gemini.take({**json.loads(frame), "session": len(gemini.setups)})


@asynccontextmanager
async def a_call(
    certificates: trustme.CA, trusting: ssl.SSLContext, folder: Path, *sessions: Session
) -> AsyncIterator[tuple[Handler, ClientConnection]]:
    """A call whose first session greets. Then each session runs its function."""

    async def script(gemini: LittleGemini, socket: ServerConnection) -> None:
        number = len(gemini.setups) - 1
        await send(socket, READY)
        if number == 0:
            await greet(gemini, socket)
        await sessions[number](gemini, socket)

    async with (
        little_gemini(certificates, script) as gemini,
        running_handler(gemini, trusting, folder) as handler,
        handler.call(1) as socket,
    ):
        yield handler, socket


async def setup(gemini: LittleGemini, number: int) -> Json:
    async with asyncio.timeout(5):
        while len(gemini.setups) < number:
            gemini.set_up.clear()
            await gemini.set_up.wait()
    message: Json = gemini.setups[number - 1]["setup"]
    return message


def handle_in(message: Json) -> str | None:
    handle: str | None = message["sessionResumption"].get("handle")
    return handle


async def close(gemini: LittleGemini, socket: ServerConnection) -> None:
    await socket.close(1011, "Internal error encountered.")


async def cut(gemini: LittleGemini, socket: ServerConnection) -> None:
    socket.transport.abort()


async def refuse_the_handle(gemini: LittleGemini, socket: ServerConnection) -> None:
    await socket.close(1007, "Request contains an invalid argument.")


async def go_away(gemini: LittleGemini, socket: ServerConnection) -> None:
    await send(socket, {"goAway": {"timeLeft": "1s"}})
    await listen(gemini, socket)
    gemini.take({"closed": socket.close_code, "setups": len(gemini.setups)})


@pytest.mark.parametrize("end", [close, cut, go_away], ids=["1011", "cut", "go-away with 1 s"])
async def test_a_session_that_ends_is_resumed(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, end: Session
) -> None:
    async with a_call(certificates, trusting, tmp_path, end, listen) as (handler, socket):
        second = await setup(handler.gemini, 2)
        await socket.send(media(1))
        await handler.gemini.heard(lambda m: m.get("session") == 2 and "realtime_input" in m)
        await socket.send(stop(1))
        await closed(socket)
        [made] = (await handler.record(1)).call.reconnects

    assert handle_in(handler.gemini.setups[0]["setup"]) is None
    assert handle_in(second) == "h1"
    assert made.took_ms < 300


async def test_a_session_that_ends_in_the_middle_of_a_word_ends_without_a_click(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async def break_off(gemini: LittleGemini, socket: ServerConnection) -> None:
        word = base64.b64encode(b"\x00\x20" * 2_400).decode()
        audio = {"inlineData": {"mimeType": "audio/pcm", "data": word}}
        await send(socket, {"serverContent": {"modelTurn": {"parts": [audio]}}})
        await close(gemini, socket)

    heard = b""
    async with a_call(certificates, trusting, tmp_path, break_off, listen) as (_, socket):
        async with asyncio.timeout(5):
            while len(heard) < 320 + 840:  # the greeting, and the word with its 5 ms fade
                message = json.loads(await socket.recv())
                if message["event"] == "media":
                    heard += base64.b64decode(message["media"]["payload"])

    word = decode_mulaw(heard[320:])
    assert abs(word[-1]) < 100 < 8_000 < word[780], word[780:].tolist()


async def test_the_old_socket_is_closed_before_its_handle_is_used(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with a_call(certificates, trusting, tmp_path, go_away, listen) as (handler, _):
        left = await handler.gemini.heard(lambda message: "closed" in message)
        await setup(handler.gemini, 2)

    assert left == {"closed": 1000, "setups": 1}


async def test_a_session_without_a_handle_listens_until_the_next_one_does(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async def script(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY)
        if len(gemini.setups) > 1:
            await listen(gemini, socket)
            return
        gemini.take(json.loads(await socket.recv()))
        await send(socket, GREETING, TURN_COMPLETE, {"goAway": {"timeLeft": "50s"}})
        await listen(gemini, socket)
        gemini.take({"closed": socket.close_code, "setups": len(gemini.setups)})

    async with (
        little_gemini(certificates, script) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.call(1),
    ):
        left = await gemini.heard(lambda message: "closed" in message)

    assert left == {"closed": 1000, "setups": 2}
    assert "You: Hello." in str(gemini.setups[1]["setup"]["systemInstruction"])


async def test_a_refused_handle_is_followed_by_a_fresh_session(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async def script(gemini: LittleGemini, socket: ServerConnection) -> None:
        if len(gemini.setups) == 2:
            await refuse_the_handle(gemini, socket)
            return
        await send(socket, READY)
        if len(gemini.setups) == 1:
            await greet(gemini, socket)
            await close(gemini, socket)
        await listen(gemini, socket)

    async with (
        little_gemini(certificates, script) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.call(1),
    ):
        third = await setup(gemini, 3)

    assert handle_in(gemini.setups[1]["setup"]) == "h1"
    assert handle_in(third) is None


async def test_what_the_caller_says_while_no_session_listens_is_not_lost(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    spoken = asyncio.Event()

    async def script(gemini: LittleGemini, socket: ServerConnection) -> None:
        if len(gemini.setups) == 1:
            await send(socket, READY)
            await greet(gemini, socket)
            await close(gemini, socket)
            return
        await spoken.wait()
        await send(socket, READY)
        await listen(gemini, socket)

    async with (
        little_gemini(certificates, script) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.call(1) as socket,
    ):
        await setup(gemini, 2)
        for _ in range(20):
            await socket.send(media(1))
        await (await socket.ping())  # the pong comes when the frames before it have been handled
        spoken.set()
        audio = await gemini.heard(lambda m: "audio" in m.get("realtime_input", {}))

    data = audio["realtime_input"]["audio"]["data"]
    assert len(data) * 3 // 4 >= 20 * 640, "the twenty frames must arrive together"


@pytest.mark.parametrize(
    "messages",
    [
        [{"weatherReport": {"sunny": True}}],
        [{"serverContent": {"inputTranscription": {"text": "flood "}}}] * 2_000,
        [{"serverContent": {"interrupted": True}}],
        [{"serverContent": {"turnComplete": True}}] * 3,
    ],
    ids=["unknown keys", "flood", "phantom interruption", "turns without words"],
)
async def test_strange_messages_do_not_end_a_call(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, messages: list[Json]
) -> None:
    async def strange(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, *messages)
        await listen(gemini, socket)

    async with a_call(certificates, trusting, tmp_path, strange, listen) as (handler, socket):
        await socket.send(media(1))
        await handler.gemini.heard(lambda m: "audio" in m.get("realtime_input", {}))
        await socket.send(stop(1))
        await closed(socket)
        call = (await handler.record(1)).call

    assert call.end_reason is EndReason.CALLER_HUNG_UP
    assert len(handler.gemini.setups) == 1
