"""The real SDK asks the stand-in to say a sentence, which can fail in many ways."""

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from ringdown.agents import Agent
from ringdown.audio.telephone import MODEL_OUTPUT_HZ, PHONE_HZ
from ringdown.calls import Speaker
from ringdown.clip_making.saying import INSTRUCTIONS, NotSaid, say
from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.events import GenerationCompleted, ModelEvent, ModelSpeech, TranscriptReceived
from ringdown.gemini.model_session import SessionConfig
from ringdown.gemini.session import GeminiLive
from simulators.gemini_live.faults import (
    AbortConnection,
    After,
    ChangeSpeed,
    EndEmptyTurns,
    Fault,
    Misbehaviour,
    Moment,
    PhantomInterruption,
    ReciteBadly,
    RefuseSetup,
    RefuseUpgrade,
    ReplaceVoice,
    Stall,
    TrailAgentTranscripts,
    WithholdSetup,
)
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.messages import OutputTranscript
from simulators.gemini_live.record import SessionRecord
from simulators.gemini_live.scenario import Reply, Scenario
from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.synthesis import synthesize
from tests.ringdown.samples import an_agent

SCENARIO = Scenario(greeting=Reply(say="Another greeting."), unknown=Reply(say="Pardon?"))
TEXT = 'Hello, this is the line of "Anna\'s". How can I help you?'


def model_at(server: GeminiLiveServer) -> GeminiLive:
    tls = ssl.create_default_context(cafile=server.ca_file)
    return GeminiLive(DeveloperApi("stand-in-key", server.base_url), tls=tls)


async def said(
    start: GeminiLiveServerFactory,
    *faults: Misbehaviour | Fault,
    agent: Agent | None = None,
    text: str = TEXT,
) -> tuple[bytes, SessionRecord]:
    plan = [fault if isinstance(fault, Fault) else Fault(fault) for fault in faults]
    server = await start(SCENARIO, plan)
    mulaw = await say(model_at(server), agent or an_agent(), text)
    return mulaw, await server.session(1)


async def test_it_is_said_whatever_the_model_would_say_in_a_call(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    mulaw, session = await said(gemini_live_server)

    spoken = synthesize(TEXT, rate_hz=PHONE_HZ, voice=SCENARIO.voice, edge_silence_ms=0)
    assert len(mulaw) == pytest.approx(len(spoken), abs=0.1 * PHONE_HZ)
    words = "".join(m.text for m in session.sent if m.kind == OutputTranscript.__name__)
    assert words == TEXT


async def test_the_session_has_the_agents_voice_and_nothing_of_its_instructions(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    agent = msgspec.structs.replace(
        an_agent(language="de-DE", tools=("lookup_account",)), voice="Puck", google_search=True
    )
    _, session = await said(gemini_live_server, agent=agent, text="Guten Tag.")

    assert session.setup is not None
    assert session.setup.voice == "Puck"
    assert session.setup.tools == ()
    assert session.setup.system_instruction == INSTRUCTIONS
    speech = session.setup_message["generationConfig"]["speechConfig"]
    assert speech["language_code"] == "de-DE", session.setup_message
    assert "tools" not in session.setup_message


async def test_a_model_that_thinks_does_so_as_little_as_it_can(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    agent = msgspec.structs.replace(an_agent(), model="gemini-3.8-live-extended-thinking")

    mulaw, _ = await said(gemini_live_server, agent=agent)

    assert mulaw


@pytest.mark.parametrize("fault", [TrailAgentTranscripts(1.5), ChangeSpeed(0.9)])
async def test_a_slow_model_is_waited_for(
    gemini_live_server: GeminiLiveServerFactory, fault: Misbehaviour
) -> None:
    mulaw, _ = await said(gemini_live_server, fault)

    assert mulaw


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (ReciteBadly("other_words"), r'the model said "Sure\. Hello, this is the line'),
        (ReciteBadly("cut_off"), r'the model said "Hello, this is the line of'),
        (EndEmptyTurns(), "the model said nothing"),
        (ReplaceVoice("silence"), "the model sent silence"),
        (ReplaceVoice("noise"), "the model sent silence"),
        (ReplaceVoice("tone"), "the model said nothing"),
        (TrailAgentTranscripts(5), "the model said nothing"),
        (ChangeSpeed(0.1), "the model did not finish within 18 s"),
        (Stall(), "the model did not finish within 18 s"),
        (Fault(Stall(), After(Moment.AUDIO_CHUNKS, 9)), "the model did not finish within 18 s"),
        (Fault(PhantomInterruption(), After(Moment.AUDIO_CHUNKS, 9)), "interrupted itself"),
        (Fault(AbortConnection(), After(Moment.AUDIO_CHUNKS, 9)), r"side failed: .*\(code 1006\)"),
        (RefuseSetup("wrong_key"), r"the model's side failed: API key not valid.* \(code 1007\)"),
        (RefuseSetup("denied_location"), r"failed: User location .* \(code 1007\)"),
        (RefuseUpgrade(503), r"the model's side failed: refused \(code 503\)"),
        (WithholdSetup(), "the model's side failed: not ready within 8 s"),
    ],
    ids=repr,
)
async def test_without_it_the_reason_is_given(
    gemini_live_server: GeminiLiveServerFactory, fault: Misbehaviour | Fault, why: str
) -> None:
    with pytest.raises(NotSaid, match=why):
        await said(gemini_live_server, fault)


class Scripted:
    """A model that sends `events`, whatever it is asked to say."""

    endpoint = "scripted"

    def __init__(self, events: Sequence[ModelEvent]) -> None:
        self._events = events

    @asynccontextmanager
    async def connect(
        self, config: SessionConfig, clock_ms: Callable[[], float], within_s: float = 0.0
    ) -> AsyncIterator[Any]:
        yield self

    async def send_text(self, text: str) -> None:
        pass

    async def receive(self) -> AsyncIterator[ModelEvent]:
        for event in self._events:
            yield event


def seconds_of_sound(seconds: float) -> ModelSpeech:
    return ModelSpeech(b"\x00\x20" * round(seconds * MODEL_OUTPUT_HZ))


WORDS = TranscriptReceived(0, Speaker.AGENT, TEXT)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([WORDS, seconds_of_sound(0.5), GenerationCompleted(0)], "the model's sound broke off"),
        ([WORDS, GenerationCompleted(0)], "the model sent silence"),
        ([WORDS, *[seconds_of_sound(10)] * 6], "it takes longer than 50 s to say"),
    ],
)
async def test_right_words_with_wrong_sound(events: Sequence[ModelEvent], why: str) -> None:
    with pytest.raises(NotSaid, match=why):
        await say(Scripted(events), an_agent(), TEXT)
