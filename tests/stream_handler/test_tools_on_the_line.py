"""What Twilio, the model and the tool are sent during a call, over real sockets."""

import asyncio
import base64
import json
import ssl
import time
from pathlib import Path

import msgspec
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from ringdown.calls import EndReason
from ringdown.tools import Json, ToolDeclaration
from ringdown.tools.client import ToolClient
from ringdown.tools.identity_tokens import IdentityToken, IdentityTokens
from stream_handler.tones import waiting_tone
from tests.ringdown.samples import a_call
from tests.stream_handler.handler import (
    CONNECTED,
    Handler,
    call_sid,
    closed,
    running_handler,
    start,
    stop,
)
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send
from tests.stream_handler.tool_server import GOOD_BODY, ToolServer, response, tool_server

SPEECH: Json = {
    "serverContent": {
        "modelTurn": {
            "parts": [
                {
                    "inlineData": {
                        "mimeType": "audio/pcm;rate=24000",
                        "data": base64.b64encode(b"\x00\x20" * 4_800).decode(),
                    }
                }
            ]
        },
    }
}
TURN_COMPLETE: Json = {"serverContent": {"generationComplete": True, "turnComplete": True}}
CALL: Json = {"toolCall": {"functionCalls": [{"id": "t1", "name": "lookup_account", "args": {}}]}}


async def greet_and_ask(gemini: LittleGemini, socket: ServerConnection) -> None:
    await send(socket, {"setupComplete": {}}, SPEECH, TURN_COMPLETE, CALL)
    async for message in socket:
        gemini.take(json.loads(message))


def token(audience: str) -> IdentityToken:
    return IdentityToken(f"for {audience}", time.time() + 3_600)


async def begin(handler: Handler, socket: ClientConnection, url: str) -> None:
    tool = ToolDeclaration(name="lookup_account", description="Looks up.", url=url)
    call = msgspec.structs.replace(a_call(call_sid=call_sid(1)), tools=(tool,))
    await handler.store.open_call(call)
    await socket.send(CONNECTED)
    await socket.send(start(1))


async def next_media(socket: ClientConnection, *, until: str = "") -> bytes:
    """Return the next audio, or all audio before the event `until`. Echoes marks meanwhile."""
    heard = b""
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await socket.recv())
            if message["event"] == "mark":
                await socket.send(json.dumps(message))
            if message["event"] == until:
                return heard
            if message["event"] == "media":
                heard += base64.b64decode(message["media"]["payload"])
                if not until:
                    return heard


async def test_a_tone_covers_a_slow_tool_and_is_cleared_when_it_answers(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    release = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await response(GOOD_BODY)(writer)

    async with (
        little_gemini(certificates, greet_and_ask) as gemini,
        tool_server(slow) as tool,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.socket() as socket,
    ):
        await begin(handler, socket, tool.url)
        while await next_media(socket) != waiting_tone():
            pass
        release.set()
        assert await next_media(socket, until="clear") == b""
        answer = await gemini.heard(lambda message: "tool_response" in message)

    [given] = answer["tool_response"]["functionResponses"]
    assert given["response"] == {"output": {"status": "active"}}


async def test_a_calls_tools_are_warm_before_the_model_needs_them(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificates.issue_cert("127.0.0.1").configure_cert(tls)
    asked = asyncio.Event()

    async def warmed(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await response(b"", status="405 Method Not Allowed")(writer)

    async with (
        little_gemini(certificates) as gemini,
        tool_server(warmed, tls) as tool,
        running_handler(
            gemini, trusting, tmp_path, tools=ToolClient(IdentityTokens(token), tls=trusting)
        ) as handler,
        handler.socket() as socket,
    ):
        await begin(handler, socket, tool.url)
        async with asyncio.timeout(5):
            await asked.wait()

    _was_warmed(tool)


def _was_warmed(tool: ToolServer) -> None:
    [(head, _)] = tool.requests
    assert head.startswith("GET ")
    assert f"Bearer for {tool.url.removesuffix('/lookup')}" in head


async def test_odd_arguments_and_results_go_both_ways_as_they_are(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """Try half an emoji, and a number of more than 64 bits."""
    call = r"""{"toolCall": {"functionCalls": [{"id": "t1", "name": "lookup_account",
        "args": {"name": "Ada \ud83d", "parcel": 9400111899223197428490}}]}}"""

    async def ask(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, {"setupComplete": {}}, SPEECH, TURN_COMPLETE, call)
        async for message in socket:
            gemini.take(json.loads(message))

    async with (
        little_gemini(certificates, ask) as gemini,
        tool_server(response(b'{"output":{"parcel":9400111899223197428490}}')) as tool,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.socket() as socket,
    ):
        await begin(handler, socket, tool.url)
        answer = await gemini.heard(lambda message: "tool_response" in message)
        await socket.send(stop(1))
        await closed(socket)
        record = await handler.record(1)

    [given] = answer["tool_response"]["functionResponses"]
    assert given["response"] == {"output": {"parcel": 9400111899223197428490}}
    asked = json.loads(tool.requests[-1][1])["args"]
    assert asked == {"name": "Ada �", "parcel": 9400111899223197428490}
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP
    [kept] = record.tool_calls
    assert kept.args == {"name": "Ada �", "parcel": "9400111899223197428490"}
    assert kept.output == {"parcel": "9400111899223197428490"}
