"""Whole streams through the real server: what a call leaves behind, however it ends."""

import asyncio
import base64
import contextlib
import datetime
import json
import ssl
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from ringdown.calls import CallChanges, CallStatus, EndReason, NextAction, Speaker
from ringdown.stores import open_store
from stream_handler.server import Patience
from tests.ringdown.samples import a_call
from tests.stream_handler.handler import (
    CONNECTED,
    Handler,
    call_sid,
    closed,
    listening_for,
    media,
    running_handler,
    start,
    stop,
    stream_sid,
    token,
)
from tests.stream_handler.little_gemini import (
    Json,
    LittleGemini,
    Script,
    is_audio,
    is_text,
    little_gemini,
    send,
    until_closed,
)
from tests.stream_handler.unsteady_store import UnsteadyStore

PCM_100_MS = b"\x00\x20" * 2_400


def says(text: str) -> Json:
    data = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(PCM_100_MS).decode()}
    return {
        "serverContent": {
            "modelTurn": {"parts": [{"inlineData": data}]},
            "outputTranscription": {"text": text},
        }
    }


def pcm_bytes(message: Json) -> int:
    return len(base64.urlsafe_b64decode(message["realtime_input"]["audio"]["data"]))


async def next_event(socket: ClientConnection, event: str) -> dict[str, Any]:
    """Return the next message of this kind sent to Twilio."""
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["event"] == event:
                return message


def echo(mark: dict[str, Any]) -> str:
    return json.dumps({"event": "mark", "streamSid": mark["streamSid"], "mark": mark["mark"]})


@pytest.fixture
async def handler(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> AsyncIterator[Handler]:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
    ):
        yield handler


# Without a call


async def test_it_says_when_it_is_ready(handler: Handler) -> None:
    answer = await handler.http(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith("HTTP/1.1 200 ")
    assert answer.endswith("\r\n\r\nready\n")
    assert "server:" not in answer.lower()


@pytest.mark.parametrize("path", ["/", "/healthz", "/ready/x"])
async def test_other_paths_are_not_found(handler: Handler, path: str) -> None:
    answer = await handler.http(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert answer.startswith("HTTP/1.1 404 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /media HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET /media HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=["POST", "TLS", "nonsense", "a huge header"],
)
async def test_a_stranger_at_the_port_does_no_harm(handler: Handler, request_bytes: bytes) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError):
        await handler.http(request_bytes)

    answer = await handler.http(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith("HTTP/1.1 200 ")


async def test_no_more_calls_are_taken_than_it_may(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path, max_calls=1) as handler,
        handler.call(1) as first,
        handler.socket() as second,
    ):
        await handler.store.open_call(a_call(call_sid=call_sid(2)))
        await second.send(start(2))
        code, _ = await closed(second)
        call = (await handler.record(2)).call

        await first.send(media(1))
        await gemini.heard(is_audio)
    assert code == 1013
    assert (call.status, call.next) == (CallStatus.ENDED, NextAction.BUSY)
    assert call.end_reason is EndReason.HANDLER_BUSY
    assert gemini.attempts == 1, "a model was dialled for a call that was refused"


async def test_a_call_that_another_handler_lost_is_taken_above_that(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path, max_calls=1) as handler,
        handler.call(1),
        handler.socket() as second,
    ):
        await handler.store.open_call(a_call(call_sid=call_sid(2)))
        await handler.store.take_up(call_sid(2), 1, datetime.datetime.now(datetime.UTC))
        await second.send(start(2, customParameters={"token": token(2, attempt=2)}))
        await gemini.heard(lambda _: sum(map(is_text, gemini.received)) == 2)
        await second.send(stop(2))
        await closed(second)
        assert (await handler.record(2)).call.end_reason is EndReason.CALLER_HUNG_UP


async def test_callers_get_in_past_a_hundred_who_say_nothing(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    patience = Patience(for_start_s=60.0, for_turns_to_end_s=0.2)
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path, patience=patience) as handler,
        contextlib.AsyncExitStack() as silent,
    ):
        sockets = [await silent.enter_async_context(handler.socket()) for _ in range(100)]
        async with handler.call(1) as socket:
            await socket.send(media(1))
            await gemini.heard(is_audio)
        oldest = [code for code, _ in await asyncio.gather(*map(closed, sockets[:36]))]
    assert oldest == [1006] * 36, "the oldest must make room"


async def test_of_a_hundred_who_come_at_once_and_say_nothing_only_as_many_stay_as_may(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    patience = Patience(for_start_s=60.0, for_turns_to_end_s=0.1, for_calls_to_be_saved_s=0.1)
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path, patience=patience) as handler,
        contextlib.AsyncExitStack() as silent,
    ):
        opening = [silent.enter_async_context(handler.socket()) for _ in range(100)]
        sockets = await asyncio.gather(*opening)
        stay = {asyncio.create_task(socket.wait_closed()) for socket in sockets}
        async with asyncio.timeout(10):
            while len(stay) > 64:
                _, stay = await asyncio.wait(stay, return_when=asyncio.FIRST_COMPLETED)
    assert len(stay) == 64


# A call


async def test_the_callers_frames_reach_the_model_and_the_models_voice_the_caller(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async def answering(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, {"setupComplete": {}})
        async for frame in socket:
            message = json.loads(frame)
            gemini.take(message)
            if is_text(message):
                await send(socket, says("Hello."))
                await send(socket, {"serverContent": {"generationComplete": True}})
                await send(socket, {"serverContent": {"turnComplete": True}})

    async with (
        little_gemini(certificates, answering) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.call(1) as socket,
    ):
        await socket.send(media(1))
        up = await gemini.heard(is_audio)
        played = 0
        while played < 840:
            message = await next_event(socket, "media")
            played += len(base64.b64decode(message["media"]["payload"]))
        await socket.send(echo(await next_event(socket, "mark")))
        await socket.send(stop(1))
        code, _ = await closed(socket)
        record = await handler.record(1)

    assert pcm_bytes(up) == 640
    assert played == 840, "expected 100 ms at 8 kHz, and a fade of 5 ms"
    assert message["streamSid"] == stream_sid(1)
    assert code == 1000
    assert record.call.status is CallStatus.ENDED
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP
    assert record.call.next is NextAction.HANG_UP
    assert record.call.ended_at is not None
    assert [(t.n, t.speaker, t.text, t.interrupted) for t in record.turns] == [
        (1, Speaker.AGENT, "Hello.", False)
    ]
    assert [claim.attempt for claim in record.claims] == [1]


async def test_a_barge_in_sends_clear_before_what_still_waits(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async def interrupted(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, {"setupComplete": {}})
        async for frame in socket:
            message = json.loads(frame)
            gemini.take(message)
            if is_text(message):
                await send(socket, *[says("and so on ")] * 20)
            if is_audio(message):
                await send(socket, {"serverContent": {"interrupted": True}})
                await send(socket, says("late"), {"serverContent": {"turnComplete": True}})
                await send(socket, says("Yes?"))

    async with (
        little_gemini(certificates, interrupted) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.call(1) as socket,
    ):
        await next_event(socket, "media")
        await asyncio.sleep(1.0)  # of the reply has been heard
        await socket.send(media(1))
        await next_event(socket, "clear")
        answer = await next_event(socket, "media")
        await asyncio.sleep(0.1)
        await socket.send(stop(1))
        await closed(socket)
        [cut, last] = (await handler.record(1)).turns

    assert len(base64.b64decode(answer["media"]["payload"])) > 0
    assert cut.interrupted
    assert len(cut.text.split()) < 60, "too much of the reply is recorded as heard"
    assert "late" not in f"{cut.text} {last.text}"


IN_CALL = {
    "binary": b"\x00" * 160,
    "not JSON": "hello",
    "cut-off JSON": '{"event":"nope", and then',
    "nested JSON": '{"x":' + "[" * 20_000,
    "unknown event": '{"event":"speech","streamSid":"MZ"}',
    "bad base64": '{"event":"media","streamSid":"MZ","media":{"payload":"***"}}',
    "an empty payload": media(1, b""),
    "one byte": media(1, b"\xff"),
    "a long frame": media(1, b"\xff" * 8_000),
    "media of another stream": media(2),
    "a mark of another stream": echo({"streamSid": stream_sid(2), "mark": {"name": "m1"}}),
    "a mark never sent": echo({"streamSid": stream_sid(1), "mark": {"name": "never"}}),
    "a second start": start(1),
    "a digit": json.dumps({"event": "dtmf", "streamSid": stream_sid(1), "dtmf": {"digit": "0"}}),
}


@pytest.mark.parametrize("frame", IN_CALL.values(), ids=IN_CALL.keys())
async def test_what_twilio_would_not_send_does_not_end_a_call(
    handler: Handler, frame: str | bytes
) -> None:
    async with handler.call(1) as socket:
        await socket.send(frame)
        await socket.send(media(1, bytes([0x55]) * 160))

        await handler.gemini.heard(lambda message: is_audio(message) and pcm_bytes(message) == 640)
        assert handler.gemini.attempts == 1


async def test_media_of_another_stream_is_not_heard(handler: Handler) -> None:
    async with handler.call(1) as socket:
        await socket.send(media(2))
        await socket.send(stop(1))
        await closed(socket)

    await handler.gemini.gone.wait()
    assert not [message for message in handler.gemini.received if is_audio(message)]


async def test_a_message_over_the_limit_ends_that_call_only(handler: Handler) -> None:
    async with handler.call(1) as beside, handler.call(2) as socket:
        await socket.send("x" * 70_000)
        code, _ = await closed(socket)

        await beside.send(media(1))
        await handler.gemini.heard(is_audio)

    assert code == 1009


# How calls end


async def test_a_lost_stream_leaves_the_call_open_for_another_attempt(handler: Handler) -> None:
    async with handler.call(1) as socket:
        socket.transport.abort()
        await handler.gemini.gone.wait()
        handler.stopping.set()
        await handler.stopped.wait()

    call = (await handler.record(1)).call
    assert call.end_reason is EndReason.STREAM_LOST
    assert (call.status, call.next, call.ended_at) == (CallStatus.IN_PROGRESS, None, None)


async def test_a_model_that_refuses_sends_the_caller_to_the_fallback(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with (
        little_gemini(certificates, refuse=HTTPStatus.FORBIDDEN) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.socket() as socket,
    ):
        await handler.store.open_call(a_call(call_sid=call_sid(1)))
        await socket.send(CONNECTED)
        await socket.send(start(1))
        code, _ = await closed(socket)
        call = (await handler.record(1)).call

    assert code == 1000
    assert call.end_reason is EndReason.MODEL_UNAVAILABLE
    assert call.next is NextAction.FALL_BACK


@pytest.mark.parametrize("code", [1000, 1006, 1007, 1011])
async def test_a_model_that_is_lost_again_and_again_sends_the_caller_to_the_fallback(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, code: int
) -> None:
    async def dying(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, {"setupComplete": {}})
        gemini.take(json.loads(await socket.recv()))
        if code == 1006:
            socket.transport.abort()
        else:
            await socket.close(code, "Because.")

    async with (
        little_gemini(certificates, dying) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.call(1) as socket,
    ):
        await socket.send(media(1))
        await closed(socket)
        call = (await handler.record(1)).call

    assert call.end_reason is EndReason.MODEL_LOST
    assert call.next is NextAction.FALL_BACK


def ending_the_call(*, goodbye_first: bool) -> Script:
    end_call: Json = {"toolCall": {"functionCalls": [{"id": "e1", "name": "end_call"}]}}
    goodbye = says("Goodbye.")
    messages = (goodbye, end_call) if goodbye_first else (end_call, goodbye)

    async def script(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, {"setupComplete": {}})
        gemini.take(json.loads(await socket.recv()))
        await send(socket, *messages)
        await send(socket, {"serverContent": {"generationComplete": True}})
        async for frame in socket:
            gemini.take(json.loads(frame))

    return script


@pytest.mark.parametrize("goodbye_first", [True, False])
async def test_end_call_hangs_up_when_twilio_says_the_goodbye_was_heard(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, goodbye_first: bool
) -> None:
    script = ending_the_call(goodbye_first=goodbye_first)
    async with (
        little_gemini(certificates, script) as gemini,
        running_handler(gemini, trusting, tmp_path) as handler,
        handler.call(1) as socket,
    ):
        mark = await next_event(socket, "mark")
        answer = await gemini.heard(lambda message: "realtime_input" not in message)
        assert (await handler.record(1)).call.next is None
        await socket.send(echo(mark))
        code, _ = await closed(socket)
        record = await handler.record(1)

    assert code == 1000
    assert "e1" in json.dumps(answer)
    assert record.call.end_reason is EndReason.AGENT_HUNG_UP
    assert record.call.next is NextAction.HANG_UP
    assert [call.name for call in record.tool_calls] == ["end_call"]
    assert [turn.text for turn in record.turns] == ["Goodbye."]


# Stopping


async def test_it_stops_at_once_when_nobody_calls(handler: Handler) -> None:
    handler.stopping.set()

    async with asyncio.timeout(2):
        await handler.stopped.wait()


async def test_a_call_in_hand_is_left_to_others_and_saved_before_it_stops(handler: Handler) -> None:
    async with handler.call(1) as socket:
        handler.stopping.set()
        code, _ = await closed(socket)
        async with asyncio.timeout(5):
            await handler.stopped.wait()

    call = (await handler.record(1)).call
    assert code == 1000
    assert call.end_reason is EndReason.HANDLER_STOPPED
    assert (call.status, call.next) == (CallStatus.IN_PROGRESS, None)


class _StoreWithABug(UnsteadyStore):
    """Fails for call number 2 with an unexpected exception."""

    async def save(self, sid: str, attempt: int, changes: CallChanges) -> None:
        if sid == call_sid(2):
            raise ZeroDivisionError
        await super().save(sid, attempt, changes)


async def test_a_call_that_has_just_failed_does_not_keep_others_from_being_handed_over(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """Its peer never answers our close frame, so it is still open when the server stops."""

    async def asking(gemini: LittleGemini, socket: ServerConnection) -> None:
        call = {"id": "f1", "name": "no_such_tool"}
        await send(socket, {"setupComplete": {}}, {"toolCall": {"functionCalls": [call]}})
        async for frame in socket:
            gemini.take(json.loads(frame))

    async with (
        open_store(f"sqlite:{tmp_path / 'records.db'}") as store,
        little_gemini(certificates, asking) as gemini,
        running_handler(gemini, trusting, tmp_path, claims=_StoreWithABug(store)) as handler,
        handler.call(1) as first,
        handler.call(3) as third,
    ):
        with listening_for("call failed", "stream_handler.server") as failed:
            async with handler.call(2) as failing:
                failing.transport.pause_reading()
                async with asyncio.timeout(5):
                    await failed.wait()
                handler.stopping.set()
                codes = [code for code, _ in await asyncio.gather(closed(first), closed(third))]
        records = [await handler.record(number) for number in (1, 3)]

    assert codes == [1000, 1000]
    assert [record.call.end_reason for record in records] == [EndReason.HANDLER_STOPPED] * 2


async def test_a_call_that_ends_by_itself_meanwhile_ends_as_any_other(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    patience = Patience(for_turns_to_end_s=20.0)
    async with (
        little_gemini(certificates, until_closed) as gemini,
        running_handler(gemini, trusting, tmp_path, patience=patience) as handler,
        handler.call(1) as socket,
    ):
        for _ in range(10):
            await socket.send(media(1))
        await gemini.heard(lambda _: sum(map(is_audio, gemini.received)) == 10)
        handler.stopping.set()
        await socket.send(media(1))
        await gemini.heard(lambda _: sum(map(is_audio, gemini.received)) == 11)
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await handler.http(b"GET /ready HTTP/1.1\r\n\r\n")
        await socket.send(stop(1))
        await closed(socket)
        async with asyncio.timeout(5):
            await handler.stopped.wait()

        assert (await handler.record(1)).call.end_reason is EndReason.CALLER_HUNG_UP


async def test_a_connection_that_never_started_does_not_hold_up_the_stop(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    patience = Patience(for_start_s=60.0, for_turns_to_end_s=0.1, for_calls_to_be_saved_s=0.1)
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, tmp_path, patience=patience) as handler,
        handler.socket() as socket,
    ):
        await socket.send(CONNECTED)
        handler.stopping.set()
        async with asyncio.timeout(5):
            await handler.stopped.wait()
