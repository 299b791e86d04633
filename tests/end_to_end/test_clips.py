"""Notice and greeting in the agent's own voice, on a whole line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from devtools.gemini_stand_in import read_sessions
from devtools.stack import Stack
from ringdown.agents import Agent, packaged_agent
from ringdown.agents.phrases import phrases_for
from ringdown.calls import CallRecord, EndReason, Speaker
from ringdown.stores import open_store
from simulators.speech import mulaw
from simulators.speech.synthesis import Voice, synthesize
from simulators.twilio import Call, TwilioNetwork
from simulators.twilio.alerts import AlertCode
from simulators.twilio.events import StreamStarted, VerbStarted, WebhookSent
from simulators.twilio.runner import run_script
from simulators.twilio.script_file import load_script
from simulators.twilio.twiml import Play, Say
from tests.ringdown.kept_clips import write_clip, write_greeting
from tests.ringdown.seeding import write_agent
from tests.whole_line import phone_network, running_gemini, running_line, settings_with

SCENARIO = Path(__file__).with_name("short_call.yaml")
NEGATIVE_ZERO = b"\x7f"
GREETING = "Hello, this is the bakery. How can I help you?"
NOTICE = "You are speaking with a machine. This call is transcribed."


def spoken(text: str) -> bytes:
    sound = mulaw.encode(synthesize(text, rate_hz=8_000, voice=Voice("en-us+f3")))
    return sound.replace(NEGATIVE_ZERO, mulaw.SILENCE)


CLIPS = {text: spoken(text) for text in (NOTICE, GREETING)}
AGENT = msgspec.structs.replace(packaged_agent(), greeting=GREETING, notice=NOTICE, tools=())


@asynccontextmanager
async def line(folder: Path, agent: Agent = AGENT) -> AsyncIterator[Stack]:
    async with (
        running_gemini(SCENARIO, folder / "model") as gemini,
        running_line(settings_with(folder, gemini)) as stack,
    ):
        async with open_store(stack.store_url) as store:
            await write_agent(store, "default", agent)
            await write_greeting(store, "default", AGENT, CLIPS[GREETING])
            await write_clip(store, "default", AGENT, NOTICE, CLIPS[NOTICE])
        yield stack


async def call_through(stack: Stack, network: TwilioNetwork) -> tuple[Call, CallRecord]:
    script = load_script(SCENARIO)
    async with network.place_call(
        to=script.to,
        from_=script.from_,
        voice_url=f"{stack.webhook_url}/",
        fallback_url=f"{stack.webhook_url}/fallback",
        status_url=f"{stack.webhook_url}/status",
        voice=script.voice,
    ) as call:
        await run_script(call, script)
    async with open_store(stack.store_url) as store:
        record = await store.read_record(call.identity.call_sid)
    assert record is not None
    return call, record


def heard(call: Call) -> bytes:
    sound = mulaw.encode(call.recording.agent)
    return sound.replace(NEGATIVE_ZERO, mulaw.SILENCE)


def said_by_agent(record: CallRecord) -> list[str]:
    return [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]


@pytest.mark.timeout(120)
async def test_both_are_heard_whole_and_once_and_the_model_is_not_asked_to_greet(
    tmp_path: Path,
) -> None:
    async with line(tmp_path) as stack:
        call, record = await call_through(stack, phone_network(stack))
    (session,) = read_sessions(tmp_path / "model")

    assert [alert.code for alert in call.alerts] == [AlertCode.STREAM_CLOSED_BY_SERVER]
    sound = heard(call)
    assert [sound.count(CLIPS[text]) for text in (NOTICE, GREETING)] == [1, 1]
    assert sound.index(CLIPS[NOTICE]) < sound.index(CLIPS[GREETING])
    told = [event.verb for event in call.events if isinstance(event, VerbStarted)]
    assert [type(verb) for verb in told if isinstance(verb, Play | Say)] == [Play]
    assert said_by_agent(record)[0] == GREETING
    assert said_by_agent(record).count(GREETING) == 1
    assert GREETING not in [turn.text for turn in session.turns]
    assert record.call.usage.reports == len(session.turns), (
        "the greeting must not count as one of the model's turns"
    )
    assert record.call.end_reason is EndReason.AGENT_HUNG_UP


@pytest.mark.timeout(120)
async def test_if_twilio_cannot_get_the_notice_it_is_said_and_the_call_continues(
    tmp_path: Path,
) -> None:
    async with line(tmp_path) as stack:
        network = TwilioNetwork(auth_token=stack.twilio_auth_token, fetches_sounds=False)
        call, record = await call_through(stack, network)

    asked = [event.url for event in call.events if isinstance(event, WebhookSent)]
    assert sum(url.endswith("/fallback") for url in asked) == 1
    says = [e.verb for e in call.events if isinstance(e, VerbStarted) and isinstance(e.verb, Say)]
    assert [say.text for say in says] == [NOTICE]
    assert [sum(isinstance(event, StreamStarted) for event in call.events)] == [1]
    assert heard(call).count(CLIPS[GREETING]) == 1
    assert record.call.end_reason is EndReason.AGENT_HUNG_UP


@pytest.mark.timeout(120)
async def test_without_clips_nothing_changes(tmp_path: Path) -> None:
    other = msgspec.structs.replace(AGENT, voice="Puck", notice=None)
    async with line(tmp_path, other) as stack:
        call, record = await call_through(stack, phone_network(stack))
    (session,) = read_sessions(tmp_path / "model")

    assert [heard(call).count(sound) for sound in CLIPS.values()] == [0, 0]
    says = [e.verb for e in call.events if isinstance(e, VerbStarted) and isinstance(e.verb, Say)]
    assert [say.text for say in says] == [phrases_for("en-US").notice]
    assert said_by_agent(record)[0] == session.turns[0].text
    assert record.call.usage.reports == len(session.turns) == 2
