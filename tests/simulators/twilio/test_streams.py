"""Media streams over real sockets, with servers that keep the rules and servers that break them."""

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
import trustme
from twilio.request_validator import RequestValidator

from simulators.speech import mulaw
from simulators.speech.synthesis import synthesize
from simulators.twilio import AlertCode, Call, EndReason, TwilioNetwork
from simulators.twilio.events import (
    MarkReached,
    PlaybackCleared,
    StreamAudioStarted,
    StreamEnd,
    StreamEnded,
)
from simulators.twilio.noises import Background
from tests.simulators.twilio.peers import (
    FROM,
    TO,
    Stream,
    WebhookServer,
    media_server,
    twiml,
    webhook_server,
)

TOKEN = "token"
SPEECH = mulaw.encode(synthesize("One two three four five six seven.", rate_hz=8000))


def payload(audio: bytes) -> dict[str, str]:
    return {"payload": base64.b64encode(audio).decode()}


def as_pcm(audio: bytes) -> bytes:
    """µ-law has two zeros; samples have one."""
    return mulaw.decode(audio).tobytes()


def media_fields(message: dict[str, object]) -> dict[str, str]:
    media = message["media"]
    assert isinstance(media, dict)
    return media


async def run_call(
    verb: str,
    *,
    network: TwilioNetwork | None = None,
    during: Callable[[Call], Awaitable[None]] | None = None,
    webhooks: WebhookServer | None = None,
) -> Call:
    """Run a call whose document has only `verb`, to its end."""
    async with webhook_server() as server:
        url = (webhooks or server).on("/voice", twiml(verb))
        network = network or TwilioNetwork(auth_token=TOKEN)
        async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
            if during is not None:
                await during(call)
            await call.ended(timeout_s=10)
    return call


def stream_end(call: Call) -> StreamEnded:
    (ended,) = [event for event in call.events if isinstance(event, StreamEnded)]
    return ended


async def close_at_once(stream: Stream) -> None:
    pass


async def test_the_upgrade_is_signed_and_start_tells_who_calls() -> None:
    async with media_server(close_at_once) as server:
        parameter = '<Parameter name="token" value="t&amp;1"/>'
        call = await run_call(server.verb(parameter))
        (upgrade,), (stream,) = server.upgrades, server.streams
    signature = upgrade.headers["x-twilio-signature"]
    assert RequestValidator(TOKEN).validate(server.url, {}, signature)
    start = stream.start["start"]
    assert isinstance(start, dict)
    assert start["callSid"] == call.identity.call_sid
    assert start["customParameters"] == {"token": "t&1"}
    assert stream.start["sequenceNumber"] == "1"


async def test_closing_the_socket_continues_with_the_document_and_logs_31921() -> None:
    async def close(stream: Stream) -> None:
        await stream.connection.close(1000, "done")

    async with media_server(close) as server:
        call = await run_call(server.verb() + "<Hangup/>")
    assert [alert.code for alert in call.alerts] == [AlertCode.STREAM_CLOSED_BY_SERVER]
    ended = stream_end(call)
    assert (ended.how, ended.close_code) == (StreamEnd.CLOSED_BY_SERVER, 1000)
    assert call.end_reason is EndReason.AGENT_HUNG_UP


async def test_frames_are_counted_and_paced_every_20_ms() -> None:
    times: list[float] = []

    async def listen(stream: Stream) -> None:
        for _ in range(25):
            await stream.next("media")
            times.append(asyncio.get_running_loop().time())

    async with media_server(listen) as server:
        await run_call(server.verb())
        (stream,) = server.streams
    media = [media_fields(message) for message in stream.messages]
    assert [m["chunk"] for m in media] == [str(n) for n in range(1, 26)]
    assert [m["timestamp"] for m in media] == [str(20 * n) for n in range(25)]
    assert [m["sequenceNumber"] for m in stream.messages] == [str(n) for n in range(2, 27)]
    assert {base64.b64decode(m["payload"]) for m in media} == {b"\xff" * 160}
    assert times == pytest.approx([times[0] + 0.02 * n for n in range(25)])


async def test_what_the_caller_says_arrives_sample_for_sample() -> None:
    heard = b""
    listening = asyncio.Event()

    async def listen(stream: Stream) -> None:
        nonlocal heard
        while len(heard.lstrip(b"\xff")) < len(SPEECH):
            heard += base64.b64decode(media_fields(await stream.next("media"))["payload"])
            listening.set()

    async def talk(call: Call) -> None:
        await listening.wait()  # speech before the stream opens is lost
        await call.start_saying(mulaw.decode(SPEECH), text="numbers")

    async with media_server(listen) as server:
        network = TwilioNetwork(auth_token=TOKEN)
        call = await run_call(server.verb(), network=network, during=talk)
    assert as_pcm(SPEECH.strip(b"\xff")) in as_pcm(heard)
    (said,) = call.utterances
    assert said.text == "numbers"
    assert said.start_ms is not None
    begins = said.start_ms * 8
    recorded = call.recording.caller[begins : begins + len(SPEECH)]
    assert recorded.tobytes() == as_pcm(SPEECH)


async def test_audio_is_played_in_real_time_and_its_mark_comes_back_afterwards() -> None:
    times: list[float] = []

    async def speak(stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        await stream.send("mark", mark={"name": "at once"})
        await stream.next("mark")
        times.append(loop.time())
        await stream.send("media", media=payload(SPEECH[:1600] + SPEECH[1600:4000]))
        await stream.send("mark", mark={"name": "later"})
        await stream.next("mark")
        times.append(loop.time())

    async with media_server(speak) as server:
        call = await run_call(server.verb())
    assert times[1] - times[0] == pytest.approx(0.5, abs=0.04), "500 ms of audio were sent"
    assert [e.name for e in call.events if isinstance(e, MarkReached)] == ["at once", "later"]
    assert as_pcm(SPEECH[:4000]) in call.recording.agent.tobytes()
    assert [type(e) for e in call.events].count(StreamAudioStarted) == 1


async def test_clear_stops_the_playback_and_returns_all_marks() -> None:
    names: list[object] = []

    async def speak_and_clear(stream: Stream) -> None:
        for name in ("a", "b"):
            await stream.send("media", media=payload(SPEECH))
            await stream.send("mark", mark={"name": name})
        for _ in range(5):
            await stream.next("media")
        await stream.send("clear")
        names.extend([(await stream.next("mark"))["mark"] for _ in range(2)])

    async with media_server(speak_and_clear) as server:
        call = await run_call(server.verb())
    assert names == [{"name": "a"}, {"name": "b"}]
    (cleared,) = [event for event in call.events if isinstance(event, PlaybackCleared)]
    assert cleared.marks == ("a", "b")
    assert 0 < cleared.dropped_ms < 2 * len(SPEECH) / 8
    assert not [event for event in call.events if isinstance(event, MarkReached)]


async def test_audio_still_buffered_when_our_side_closes_is_lost_and_reported() -> None:
    async def speak_and_leave(stream: Stream) -> None:
        await stream.send("media", media=payload(b"\x00" * 80_000))
        await stream.send("mark", mark={"name": "m"})

    async with media_server(speak_and_leave) as server:
        call = await run_call(server.verb())
    assert stream_end(call).unplayed_ms > 9000


async def test_keys_reach_the_stream_and_hanging_up_sends_stop() -> None:
    open_ = asyncio.Event()

    async def listen(stream: Stream) -> None:
        open_.set()
        await stream.drain()

    async def press_and_leave(call: Call) -> None:
        await open_.wait()
        await call.press("1#")
        await call.hang_up()

    async with media_server(listen) as server:
        network = TwilioNetwork(auth_token=TOKEN)
        call = await run_call(server.verb(), network=network, during=press_and_leave)
        (stream,) = server.streams
    digits = [message["dtmf"] for message in stream.messages if message["event"] == "dtmf"]
    tracks = {"track": "inbound_track"}
    assert digits == [tracks | {"digit": "1"}, tracks | {"digit": "#"}]
    assert stream.messages[-1]["event"] == "stop"
    assert stream.messages[-1]["stop"] == {
        "accountSid": call.identity.account_sid,
        "callSid": call.identity.call_sid,
    }
    assert stream.connection.close_code == 1000
    assert call.end_reason is EndReason.CALLER_HUNG_UP
    assert call.alerts == ()


async def send_binary(stream: Stream) -> None:
    await stream.connection.send(b"\xff" * 160)
    await stream.connection.send(b"\xff" * 160)


async def send_text(stream: Stream) -> None:
    await stream.connection.send("hello")


async def send_for_another_stream(stream: Stream) -> None:
    await stream.connection.send(json.dumps({"event": "clear", "streamSid": "MZ0"}))


async def send_extra_field(stream: Stream) -> None:
    await stream.send("media", media=payload(b"\x00") | {"track": "outbound"})


async def overfill(stream: Stream) -> None:
    for _ in range(11):
        await stream.send("media", media=payload(b"\x00" * 500_000))


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (send_binary, AlertCode.STREAM_BINARY_MESSAGE),
        (send_text, AlertCode.STREAM_INVALID_MESSAGE),
        (send_for_another_stream, AlertCode.STREAM_INVALID_MESSAGE),
        (send_extra_field, AlertCode.STREAM_INVALID_MESSAGE),
        (overfill, AlertCode.STREAM_BUFFER_FULL),
    ],
)
async def test_a_broken_rule_is_reported_once_and_the_stream_continues(
    behaviour: Callable[[Stream], Awaitable[None]], code: AlertCode
) -> None:
    async def misbehave(stream: Stream) -> None:
        await behaviour(stream)
        await stream.send("clear")
        await stream.send("mark", mark={"name": "still here"})
        await stream.next("mark")

    async with media_server(misbehave) as server:
        call = await run_call(server.verb())
    assert [alert.code for alert in call.alerts] == [code, AlertCode.STREAM_CLOSED_BY_SERVER]


async def abort(stream: Stream) -> None:
    stream.connection.transport.abort()


async def break_framing(stream: Stream) -> None:
    stream.connection.transport.write(b"\xff\xff\xff\xff")
    await stream.drain()


async def send_bad_utf8(stream: Stream) -> None:
    stream.connection.transport.write(b"\x81\x02\xff\xfe")
    await stream.drain()


@pytest.mark.parametrize(
    ("behaviour", "code", "how"),
    [
        (abort, AlertCode.STREAM_BROKEN_PIPE, StreamEnd.DROPPED),
        (break_framing, AlertCode.STREAM_WEBSOCKET_PROTOCOL, StreamEnd.PROTOCOL_ERROR),
        (send_bad_utf8, AlertCode.STREAM_WEBSOCKET_PROTOCOL, StreamEnd.PROTOCOL_ERROR),
    ],
)
async def test_a_stream_that_breaks_has_its_code(
    behaviour: Callable[[Stream], Awaitable[None]], code: AlertCode, how: StreamEnd
) -> None:
    async with media_server(behaviour) as server:
        call = await run_call(server.verb())
    assert [alert.code for alert in call.alerts] == [code]
    assert stream_end(call).how is how


@pytest.mark.parametrize(
    ("after_drop", "reason"),
    [("continue", EndReason.AGENT_HUNG_UP), ("end", EndReason.STREAM_DROPPED)],
)
async def test_a_setting_decides_whether_an_abrupt_drop_ends_the_call(
    after_drop: str, reason: EndReason
) -> None:
    network = TwilioNetwork(
        auth_token=TOKEN, after_drop="end" if after_drop == "end" else "continue"
    )
    async with media_server(abort) as server:
        call = await run_call(server.verb() + "<Hangup/>", network=network)
    assert call.end_reason is reason


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ('url="ws://example.com/media"', AlertCode.STREAM_URL_NOT_WSS),
        ('url="https://example.com/media"', AlertCode.STREAM_URL_NOT_WSS),
        ('url="wss://example.com/media?x=1"', AlertCode.STREAM_HANDSHAKE_FAILED),
        ('url="wss://x.test/" track="both_tracks"', AlertCode.STREAM_INVALID_TRACK),
    ],
)
async def test_a_stream_that_may_not_be_opened_has_its_code(
    attributes: str, code: AlertCode
) -> None:
    call = await run_call(f"<Connect><Stream {attributes}/></Connect><Hangup/>")
    assert [alert.code for alert in call.alerts] == [code]
    assert call.end_reason is EndReason.AGENT_HUNG_UP


def connect_to(port: int, scheme: str = "ws") -> str:
    return f'<Connect><Stream url="{scheme}://127.0.0.1:{port}/media"/></Connect>'


async def test_a_refused_connection_is_31902() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        call = await run_call(connect_to(unused.getsockname()[1]))
    assert [alert.code for alert in call.alerts] == [AlertCode.STREAM_CONNECTION_REFUSED]


async def test_a_server_that_never_answers_the_upgrade_is_31901() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        network = TwilioNetwork(auth_token=TOKEN, stream_connect_timeout_s=0.2)
        call = await run_call(connect_to(mute.getsockname()[1]), network=network)
    assert [alert.code for alert in call.alerts] == [AlertCode.STREAM_CONNECT_TIMEOUT]


async def test_a_server_without_tls_at_a_wss_url_is_31910() -> None:
    async with media_server(close_at_once) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        call = await run_call(connect_to(port, "wss"))
    assert [alert.code for alert in call.alerts] == [AlertCode.STREAM_TLS_FAILURE]


async def test_wss_is_verified_with_the_authorities_that_are_trusted() -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    for network, code in (
        (TwilioNetwork(auth_token=TOKEN, tls=trusting), AlertCode.STREAM_CLOSED_BY_SERVER),
        (TwilioNetwork(auth_token=TOKEN), AlertCode.STREAM_TLS_FAILURE),
    ):
        async with media_server(close_at_once, tls=tls) as server:
            call = await run_call(server.verb(), network=network)
        assert [alert.code for alert in call.alerts] == [code]


async def test_another_status_than_101_is_31920() -> None:
    async with media_server(close_at_once) as server:
        server.refuse_with = 403
        call = await run_call(server.verb())
    assert [alert.code for alert in call.alerts] == [AlertCode.STREAM_HANDSHAKE_FAILED]
    assert "403" in call.alerts[0].detail


async def test_a_half_dead_network_reads_nothing_and_answers_no_pings() -> None:
    before, stalled, judged = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def ping(stream: Stream) -> None:
        await (await stream.connection.ping())
        before.set()
        await stalled.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await (await stream.connection.ping())
        judged.set()
        await stream.drain()

    async def stall(call: Call) -> None:
        await before.wait()
        call.stall_stream(sending=False)
        stalled.set()
        await judged.wait()
        call.resume_stream()
        await call.hang_up()

    async with media_server(ping) as server:
        call = await run_call(server.verb(), during=stall)
        (stream,) = server.streams
    assert stream.messages[-1]["event"] == "stop", "the socket must work again after resuming"
    assert call.end_reason is EndReason.CALLER_HUNG_UP


async def test_a_server_that_does_not_read_gets_congestion_not_a_blocked_call() -> None:
    congested = asyncio.Event()

    async def sleep(stream: Stream) -> None:
        stream.connection.transport.pause_reading()
        await congested.wait()
        stream.connection.transport.abort()

    async def wait_for_congestion(call: Call) -> None:
        try:
            await call.wait(60)
        finally:
            congested.set()
        assert [alert.code for alert in call.alerts] == [AlertCode.STREAM_CONGESTED]

    network = TwilioNetwork(auth_token=TOKEN)
    async with media_server(sleep, receive_buffer_bytes=4096) as server:
        await run_call(server.verb(), network=network, during=wait_for_congestion)


async def frames_of_a_call(background: Background) -> list[tuple[int, bytes]]:
    """Timestamps and audio sent for a caller who says a word 0.4 s into the stream."""
    said = asyncio.Event()

    async def listen(stream: Stream) -> None:
        await said.wait()
        await stream.send("mark", mark={"name": "over"})
        await stream.next("mark")

    async def speak(call: Call) -> None:
        await call.answered()
        await call.wait(0.4)
        await call.say("Hello.")
        await call.wait(0.4)
        said.set()

    network = TwilioNetwork(auth_token=TOKEN, background=background)
    async with media_server(listen) as server:
        await run_call(server.verb(), network=network, during=speak)
        (stream,) = server.streams
    sent = [media_fields(m) for m in stream.messages if m["event"] == "media"]
    return [(int(media["timestamp"]), base64.b64decode(media["payload"])) for media in sent]


async def test_a_carrier_may_send_no_frames_in_silence() -> None:
    every, spoken = await frames_of_a_call("silence"), await frames_of_a_call("no_frames")
    assert 0 < len(spoken) < len(every) - 30
    assert spoken[0][0] >= 300, "audio must keep its place in time"


@pytest.mark.parametrize("background", ["television", "hold_music"])
async def test_background_sound_continues_under_the_callers_words(
    background: Background,
) -> None:
    sent = b"".join(audio for _, audio in await frames_of_a_call(background))
    before, word = mulaw.decode(sent[1_600:3_200]), mulaw.decode(sent[3_200:5_600])
    assert 100 < np.abs(before).max() < np.abs(word).max()


async def test_a_stream_can_be_dropped_by_the_network() -> None:
    open_, ended = asyncio.Event(), asyncio.Event()

    async def listen(stream: Stream) -> None:
        open_.set()
        await stream.drain()
        assert stream.connection.close_code == 1006
        ended.set()

    async def drop(call: Call) -> None:
        await open_.wait()
        call.drop_stream()
        await ended.wait()

    async with media_server(listen) as server:
        call = await run_call(server.verb(), during=drop)
    assert [alert.code for alert in call.alerts] == [AlertCode.STREAM_BROKEN_PIPE]
