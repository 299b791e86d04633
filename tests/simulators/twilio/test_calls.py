"""Whole calls: what the caller does and notices, and what the network does with them."""

import base64
import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from simulators.speech import mulaw
from simulators.speech.pcm import read_wav
from simulators.speech.synthesis import Voice, synthesize
from simulators.twilio import (
    AlertCode,
    Answers,
    Call,
    CallEvent,
    CallOver,
    CannotBeReached,
    DialledParty,
    EndReason,
    IsBusy,
    NoticeTimeout,
    ScriptFailed,
    TwilioNetwork,
    event_record,
    run_script,
)
from simulators.twilio.events import DigitPressed, Party, SpeechStarted
from simulators.twilio.script_file import parse_script
from tests.simulators.twilio.peers import (
    FROM,
    TO,
    MediaServer,
    Reply,
    Stream,
    WebhookServer,
    media_server,
    twiml,
    webhook_server,
)

TOKEN = "token"
GREETING = mulaw.encode(synthesize("Hello, how can I help you?", rate_hz=8000))
STORY = mulaw.encode(synthesize("Once upon a time there was " * 5, rate_hz=8000))
OTHER = "+15550199"


def fast(other: DialledParty | None = None) -> TwilioNetwork:
    parties = {} if other is None else {OTHER: other}
    return TwilioNetwork(auth_token=TOKEN, dialled=parties)


async def say(stream: Stream, audio: bytes) -> None:
    await stream.send("media", media={"payload": base64.b64encode(audio).decode()})


async def hear_speech(stream: Stream) -> None:
    """Wait for a frame that isn't silent, and then for half a second of silence."""
    quiet = -1
    while quiet < 25:
        media = (await stream.next("media"))["media"]
        assert isinstance(media, dict)
        silent = base64.b64decode(media["payload"]) == b"\xff" * 160
        quiet = 0 if not silent else quiet + (quiet >= 0)


async def greet_and_answer(stream: Stream) -> None:
    """Greet; when the caller speaks, clear what plays and tell a story; the next time, close."""
    await say(stream, GREETING)
    await hear_speech(stream)
    await stream.send("clear")
    await say(stream, STORY)
    await hear_speech(stream)
    await stream.send("clear")


def script(*steps: str) -> str:
    listed = "".join(f"\n    - {step}" for step in steps)
    return f'caller:\n  to: "{TO}"\n  from: "{FROM}"\n  steps:{listed}\n'


async def test_a_script_is_played_against_an_agent_and_interrupts_it() -> None:
    text = script(
        "{say: Tell me a story., when: {agent_silent_s: 0.6}}",
        "{say: Stop it please., press: w1, when: {agent_speaking_s: 1.5}}",
        "{wait: hangup}",
    )
    seen: list[CallEvent] = []
    async with media_server(greet_and_answer) as agent, webhook_server() as server:
        url = server.on("/voice", twiml("<Say>Notice.</Say>", agent.verb()))
        network = TwilioNetwork(auth_token=TOKEN)
        async with network.place_call(
            to=TO, from_=FROM, voice_url=url, on_event=seen.append
        ) as call:
            result = await run_script(call, parse_script(text))
    first, second = result.sentences
    assert (first.text, second.text) == ("Tell me a story.", "Stop it please.")
    assert first.start_ms < first.end_ms < second.start_ms < second.end_ms
    assert not second.cut
    [pressed_ms] = [event.when.line_ms for event in seen if isinstance(event, DigitPressed)]
    assert pressed_ms is not None
    assert second.start_ms < pressed_ms < second.end_ms
    assert result.end_reason is EndReason.DOCUMENT_ENDED
    assert call.recording.caller[first.start_ms * 8 : first.end_ms * 8].any()
    assert not call.recording.caller[first.end_ms * 8 : second.start_ms * 8].any()
    assert seen == list(call.events), "the live display must get the same events as the record"
    who = [event.who for event in seen if isinstance(event, SpeechStarted)]
    assert who[0] is Party.AGENT
    assert who.count(Party.CALLER) == 2
    assert json.dumps([event_record(event) for event in seen])


async def test_a_cough_is_heard_but_not_as_a_word() -> None:
    async with media_server(greet_and_answer) as agent, webhook_server() as server:
        url = server.on("/voice", twiml(agent.verb()))
        network = TwilioNetwork(auth_token=TOKEN)
        async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
            steps = ("{make: cough, when: {agent_silent_s: 0.6}}", "{hang_up: true}")
            result = await run_script(call, parse_script(script(*steps)))
    [cough] = result.sentences
    assert cough.text == "(cough)"
    assert np.abs(call.recording.caller[cough.start_ms * 8 : cough.end_ms * 8]).max() > 3_000


async def test_a_notice_before_the_stream_is_not_yet_the_agents_answer() -> None:
    async def greet_late(stream: Stream) -> None:
        for _ in range(60):
            await stream.next("media")
        await say(stream, GREETING)
        await hear_speech(stream)

    text = script("{say: Hello., when: {agent_silent_s: 0.5}}", "{wait: hangup}")
    async with media_server(greet_late) as agent, webhook_server() as server:
        url = server.on("/voice", twiml("<Say>This is a notice.</Say>", agent.verb()))
        network = TwilioNetwork(auth_token=TOKEN)
        async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
            result = await run_script(call, parse_script(text))
    greeting_ms = len(GREETING) // 8
    assert result.sentences[0].start_ms > 1200 + greeting_ms + 400


async def test_a_timeout_says_what_was_expected_and_what_was_heard() -> None:
    async def greet_only(stream: Stream) -> None:
        await say(stream, GREETING)
        await stream.drain()

    text = script(
        "{say: 'Hello?', when: {agent_silent_s: 0.4}}",
        "{say: 'Anybody?', when: {agent_silent_s: 0.4}, timeout_s: 3}",
    )
    async with media_server(greet_only) as agent, webhook_server() as server:
        url = server.on("/voice", twiml(agent.verb()))
        async with fast().place_call(to=TO, from_=FROM, voice_url=url) as call:
            with pytest.raises(ScriptFailed) as failed:
                await run_script(call, parse_script(text))
    message = str(failed.value)
    assert message.startswith("step 2 (say 'Anybody?'): waited 3 s for the agent to reply")
    assert "the agent spoke at 0." in message
    assert [s.text for s in failed.value.result.sentences] == ["Hello?"]


async def test_an_agent_that_hangs_up_early_ends_the_script_with_the_reason() -> None:
    text = script("{say: 'Hello?', when: {agent_silent_s: 0.4}}")
    async with webhook_server() as server:
        url = server.on("/voice", twiml("<Hangup/>"))
        async with fast().place_call(to=TO, from_=FROM, voice_url=url) as call:
            with pytest.raises(ScriptFailed, match=r"the call ended \(hung up by <Hangup>\)"):
                await run_script(call, parse_script(text))


async def test_errors_of_the_body_come_out_as_they_are() -> None:
    async with webhook_server() as server:
        url = server.on("/voice", twiml('<Pause length="60"/>'))
        with pytest.raises(NoticeTimeout, match=r"waited 0.1 s for the agent to speak"):
            async with fast().place_call(to=TO, from_=FROM, voice_url=url) as call:
                await call.agent_started_speaking(timeout_s=0.1)
    assert call.end_reason is EndReason.CALLER_HUNG_UP, "leaving the body hangs up"


async def test_hanging_up_while_it_rings_leaves_the_call_unanswered() -> None:
    async with webhook_server() as server:
        url = server.on("/voice", Reply(hang=True))
        async with fast().place_call(to=TO, from_=FROM, voice_url=url) as call:
            async with server.arrived:
                await server.arrived.wait_for(lambda: server.requests)
            await call.hang_up()
            with pytest.raises(CallOver, match="never answered"):
                await call.say("Hello?")
    assert call.recording.duration_ms == 0


async def run_to_end(server: WebhookServer, network: TwilioNetwork, *verbs: str) -> Call:
    url = server.on("/voice", twiml(*verbs))
    async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
        await call.ended(timeout_s=300)
    return call


async def test_say_takes_the_time_of_its_words_as_often_as_asked() -> None:
    words_ms = len(synthesize("Good morning.", rate_hz=8000, voice=Voice("en-us"))) / 8
    network = TwilioNetwork(auth_token=TOKEN)
    async with webhook_server() as server:
        call = await run_to_end(server, network, '<Say loop="2">Good morning.</Say>')
    assert 2 * words_ms <= call.recording.duration_ms <= 2 * words_ms + 300
    assert call.recording.agent.any()
    assert not call.recording.caller.any()


async def test_pause_is_silence_and_digits_are_tones() -> None:
    async with webhook_server() as server:
        call = await run_to_end(server, fast(), '<Pause length="1"/><Play digits="1w2"/>')
    assert not call.recording.agent[: 8 * 960].any()
    tones = np.trim_zeros(call.recording.agent)
    assert abs(len(tones) / 8 - 800) < 10, "100 ms on, 100 ms off, half a second, 100 ms on"
    spectrum = np.abs(np.fft.rfft(tones[:800].astype(np.float64)))
    loudest = {round(int(bin_) * 10, -1) for bin_ in np.argsort(spectrum)[-2:]}
    assert loudest <= {690, 700, 1200, 1210, 1220}, loudest


def wav(samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]], rate_hz: int) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return target.getvalue()


async def test_play_fetches_a_wav_and_resamples_it() -> None:
    tone = (8000 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)).astype(np.int16)
    async with webhook_server() as server:
        sound = server.on("/a.wav", Reply(wav(tone, 16_000), content_type="audio/wav"))
        call = await run_to_end(server, fast(), f"<Play>{sound}</Play>")
    heard = np.trim_zeros(call.recording.agent)
    assert abs(len(heard) - 8000) <= 8
    spectrum = np.abs(np.fft.rfft(heard[:7200].astype(np.float64)))
    assert int(np.argmax(spectrum)) == 900


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=404), AlertCode.HTTP_RETRIEVAL_FAILURE),
        (Reply(b"<html/>", content_type="text/html"), AlertCode.PLAY_INVALID_CONTENT_TYPE),
        (Reply(b"\xff", content_type="audio/basic"), AlertCode.PLAY_INVALID_CONTENT_TYPE),
        (Reply(b"RIFF", content_type="audio/wav"), AlertCode.HTTP_RETRIEVAL_FAILURE),
    ],
)
async def test_for_a_sound_that_cannot_be_played_the_fallback_is_asked(
    reply: Reply, code: AlertCode
) -> None:
    async with webhook_server() as server:
        sound = server.on("/a.wav", reply)
        url = server.on("/voice", twiml(f"<Play>{sound}</Play><Hangup/>"))
        fallback = server.on("/fallback", twiml("<Hangup/>"))
        async with fast().place_call(
            to=TO, from_=FROM, voice_url=url, fallback_url=fallback
        ) as call:
            await call.ended()
        (request,) = server.seen("/fallback")
    assert [alert.code for alert in call.alerts] == [code]
    assert (request.param("ErrorCode"), request.param("ErrorUrl")) == (str(int(code)), sound)


async def test_without_a_fallback_the_caller_hears_that_the_application_failed() -> None:
    async with webhook_server() as server:
        sound = server.on("/a.wav", Reply(status=404))
        call = await run_to_end(server, fast(), f"<Play>{sound}</Play><Hangup/>")
    assert call.end_reason is EndReason.APPLICATION_ERROR


async def test_a_network_may_skip_a_sound_or_not_reach_it() -> None:
    network = TwilioNetwork(auth_token=TOKEN, fetches_sounds=False, after_unplayable="next")
    async with webhook_server() as server:
        sound = server.on(
            "/a.wav", Reply(wav(np.ones(8, np.int16), 8_000), content_type="audio/wav")
        )
        call = await run_to_end(server, network, f"<Play>{sound}</Play><Hangup/>")
        assert not server.seen("/a.wav")
    assert [alert.code for alert in call.alerts] == [AlertCode.HTTP_CONNECTION_FAILURE]
    assert call.end_reason is EndReason.AGENT_HUNG_UP


@pytest.mark.parametrize(
    ("party", "status", "bridged"),
    [
        (Answers("Hello, this is Kim.", after_s=1), "completed", "true"),
        (IsBusy(), "busy", "false"),
        (CannotBeReached(), "failed", "false"),
        (Answers("Too late.", after_s=9), "no-answer", "false"),
    ],
)
async def test_dial_tells_its_action_how_it_went(
    party: DialledParty, status: str, bridged: str
) -> None:
    async with webhook_server() as server:
        server.on("/dialled", twiml("<Hangup/>"))
        dial = f'<Dial action="/dialled" timeout="3">{OTHER}</Dial><Say>never</Say>'
        call = await run_to_end(server, fast(other=party), dial)
        (request,) = server.seen("/dialled")
    assert request.param("DialCallStatus") == status
    assert request.param("DialBridged") == bridged
    assert (request.param("DialCallDuration") is not None) == (status == "completed")
    assert (request.param("DialCallSid") or "").startswith("CA")
    assert call.end_reason is EndReason.AGENT_HUNG_UP


async def test_the_caller_hears_ringing_and_then_who_answers() -> None:
    async with webhook_server() as server:
        answers = fast(other=Answers("Hello, this is Kim speaking.", after_s=2))
        url = server.on("/voice", twiml(f"<Dial>{OTHER}</Dial>"))
        async with answers.place_call(to=TO, from_=FROM, voice_url=url) as call:
            began_ms = await call.agent_started_speaking()
            await call.ended()
    assert 2000 <= began_ms <= 4000, "ringing must not count as speech"
    assert call.recording.agent[:8000].any()


@pytest.mark.parametrize(
    ("dial", "code"),
    [
        ("<Dial>555</Dial>", AlertCode.DIAL_INVALID_NUMBER),
        (f'<Dial callerId="+15550000">{OTHER}</Dial>', AlertCode.DIAL_INVALID_CALLER_ID),
    ],
)
async def test_a_number_that_twilio_would_refuse_is_not_dialled(dial: str, code: AlertCode) -> None:
    async with webhook_server() as server:
        call = await run_to_end(server, fast(other=Answers("Hello.")), dial)
    assert [alert.code for alert in call.alerts] == [code]


@pytest.mark.parametrize(
    "caller", ["sip:alice@example.sip.twilio.com", "client:bob", "+266696687", "anonymous"]
)
@pytest.mark.parametrize(
    ("caller_id", "refused"),
    [("", True), (TO, False), ("+15550000", True), ("{caller}", True)],
    ids=["none", "the number that was called", "somebody else's", "the caller's own"],
)
async def test_a_caller_without_a_number_needs_a_caller_id_to_be_dialled_for(
    caller: str, caller_id: str, refused: bool
) -> None:
    attribute = f'callerId="{caller_id.format(caller=caller)}"' if caller_id else ""
    dial = f'<Dial action="/dialled" {attribute}>{OTHER}</Dial>'
    async with webhook_server() as server:
        server.on("/dialled", twiml("<Hangup/>"))
        url = server.on("/voice", twiml(dial))
        network = fast(other=Answers("Hello."))
        async with network.place_call(to=TO, from_=caller, voice_url=url) as call:
            await call.ended()
        (request,) = server.seen("/dialled")
    codes = [alert.code for alert in call.alerts]
    assert codes == ([AlertCode.DIAL_INVALID_CALLER_ID] if refused else [])
    assert request.param("DialCallStatus") == ("failed" if refused else "completed")


async def test_a_stream_reports_its_course_to_its_status_callback() -> None:
    async def close(stream: Stream) -> None:
        pass

    async def abort(stream: Stream) -> None:
        stream.connection.transport.abort()

    events = []
    for behaviour in (close, abort):
        async with media_server(behaviour) as agent, webhook_server() as server:
            status = server.on("/stream", Reply(status=204, content_type=None))
            verb = with_callback(agent, status)
            await run_to_end(server, fast(), verb)
            requests = server.seen("/stream")
        events.append([request.param("StreamEvent") for request in requests])
        assert {request.param("StreamName") for request in requests} == {"main"}
        assert len({request.param("StreamSid") for request in requests}) == 1
    assert events == [["stream-started", "stream-stopped"], ["stream-started", "stream-error"]]


def with_callback(agent: MediaServer, status: str) -> str:
    stream = f'<Stream name="main" url="{agent.url}" statusCallback="{status}"/>'
    return f"<Connect>{stream}</Connect>"


async def test_a_call_survives_its_stream_through_a_redirect() -> None:
    async def close(stream: Stream) -> None:
        await say(stream, GREETING[:1600])

    async with media_server(close) as agent, webhook_server() as server:
        url = server.on("/voice", twiml(agent.verb(), "<Redirect>/after-stream</Redirect>"))
        server.on("/after-stream", twiml(agent.verb(), "<Hangup/>"))
        async with fast().place_call(to=TO, from_=FROM, voice_url=url) as call:
            await call.ended()
        first, second = agent.streams
    assert first.sid != second.sid
    assert call.end_reason is EndReason.AGENT_HUNG_UP


async def test_the_recording_is_written_with_the_caller_left(tmp_path: Path) -> None:
    async with webhook_server() as server:
        url = server.on("/voice", twiml('<Pause length="9"/><Say>Hello.</Say>'))
        async with fast().place_call(to=TO, from_=FROM, voice_url=url) as call:
            await call.answered()
            await call.say("Anybody?")
            await call.ended()
    path = tmp_path / "call.wav"
    call.write_wav(path)
    rate_hz, (left, right) = read_wav(path)
    assert rate_hz == 8000
    assert left[: 9 * 8000].any()
    assert not left[9 * 8000 :].any()
    assert not right[: 9 * 7900].any()
    assert right[9 * 8000 :].any()
