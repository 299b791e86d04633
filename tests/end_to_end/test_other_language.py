"""An agent that speaks German: every word of the call is German, and every sentence arrives."""

from pathlib import Path

import msgspec
import pytest

from devtools.gemini_stand_in import ModelSession, read_sessions
from devtools.judge import Heard, Sentence, judge
from devtools.stack import Stack
from ringdown.agents import packaged_agent
from ringdown.agents.phrases import phrases_for
from ringdown.calls import CallRecord, EndReason, Speaker
from ringdown.stores import open_store
from simulators.speech.recognition import normalise
from simulators.speech.synthesis import synthesize
from simulators.twilio import Call
from simulators.twilio.events import VerbStarted
from simulators.twilio.runner import run_script
from simulators.twilio.script import SayStep, Script
from simulators.twilio.script_file import load_script
from simulators.twilio.twiml import Say
from tests.ringdown.seeding import write_agent
from tests.whole_line import phone_network, running_gemini, running_line, settings_with

SCENARIO = Path(__file__).with_name("german_call.yaml")
LINE_HZ = 8_000
NOTICE = phrases_for("de-DE").notice
SAID_BY_AGENT = [
    "Guten Tag, hier ist die Bäckerei am Markt. Was kann ich für Sie tun?",
    "Am Samstag haben wir von sieben bis dreizehn Uhr geöffnet.",
    "Gern geschehen. Auf Wiederhören.",
]


@pytest.mark.timeout(120)
async def test_a_call_in_german(tmp_path: Path) -> None:
    script = load_script(SCENARIO)
    async with (
        running_gemini(SCENARIO, tmp_path / "model") as gemini,
        running_line(settings_with(tmp_path, gemini)) as stack,
    ):
        await _write_the_agent(stack, script.to)
        call = await _play(stack, script)
        record = await _record(stack, call)
    (session,) = read_sessions(tmp_path / "model")

    said = [step.action.text for step in script.steps if isinstance(step.action, SayStep)]
    verbs = [event.verb for event in call.events if isinstance(event, VerbStarted)]
    says = [verb for verb in verbs if isinstance(verb, Say)]
    assert [(say.language, say.text) for say in says] == [("de-DE", NOTICE)]
    _all_arrived(_heard_by_model(said, script, session), said)
    _all_arrived(_heard_by_caller(call, session), SAID_BY_AGENT)
    assert _told(record, Speaker.CALLER) == [normalise(sentence) for sentence in said]
    assert _told(record, Speaker.AGENT) == [normalise(sentence) for sentence in SAID_BY_AGENT]
    assert record.call.end_reason is EndReason.AGENT_HUNG_UP
    assert record.call.agent.language == "de-DE"


async def _write_the_agent(stack: Stack, number: str) -> None:
    agent = msgspec.structs.replace(
        packaged_agent(),
        instructions="Sie sind am Telefon einer Bäckerei.",
        greeting=SAID_BY_AGENT[0],
        notice=NOTICE,
        language="de-DE",
        tools=(),
    )
    async with open_store(stack.store_url) as store:
        await write_agent(store, "bakery", agent)
        await store.write_number(number, "bakery")


async def _play(stack: Stack, script: Script) -> Call:
    network = phone_network(stack)
    async with network.place_call(
        to=script.to,
        from_=script.from_,
        voice_url=f"{stack.webhook_url}/",
        status_url=f"{stack.webhook_url}/status",
        voice=script.voice,
    ) as call:
        await run_script(call, script)
    return call


async def _record(stack: Stack, call: Call) -> CallRecord:
    async with open_store(stack.store_url) as store:
        record = await store.read_record(call.identity.call_sid)
    assert record is not None
    return record


def _heard_by_model(said: list[str], script: Script, session: ModelSession) -> list[Heard]:
    sentences = [
        Sentence(text, synthesize(text, rate_hz=LINE_HZ, voice=script.voice), LINE_HZ)
        for text in said
    ]
    return judge(sentences, session.heard, rate_hz=session.heard_hz, english=False)


def _heard_by_caller(call: Call, session: ModelSession) -> list[Heard]:
    sentences = [Sentence(turn.text, turn.pcm, session.said_hz) for turn in session.turns]
    return judge(sentences, call.recording.agent, rate_hz=LINE_HZ, english=False)


def _all_arrived(heard: list[Heard], sentences: list[str]) -> None:
    assert [item.sentence for item in heard] == sentences
    wrong = [(item.sentence, item.why) for item in heard if not (item.ok and item.recognised)]
    assert wrong == []


def _told(record: CallRecord, speaker: Speaker) -> list[str]:
    return [normalise(turn.text) for turn in record.turns if turn.speaker is speaker]
