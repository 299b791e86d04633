"""Recorded calls on a whole line: the recording has what was said and heard."""

import io
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest

from devtools.judge import Heard, Sentence, judge
from devtools.stack import Stack
from ringdown.agents import Agent, packaged_agent
from ringdown.audio.telephone import PHONE_HZ, Pcm
from ringdown.calls import CallRecord, Speaker, timed_from_ring
from ringdown.calls.callers import Forgotten
from ringdown.calls.problems import problems
from ringdown.calls.recorded_sound import recorded_sound
from ringdown.stores import open_store
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import MODEL_VOICE, PlannedCall, Reply, Scenario, Turn
from simulators.speech import mulaw
from simulators.speech.recognition import normalise, recognizer_for
from simulators.speech.synthesis import Voice, synthesize
from simulators.twilio import Call
from simulators.twilio.tones import keypad
from tests.end_to_end.playing import Story, play, record_of
from tests.ringdown.seeding import write_agent
from tests.tool_server import Reply as ToolReply, serving_tool
from tests.whole_line import Parts, restartable_line, settings_with

LINE = "+14155550100"
RECORDED = msgspec.structs.replace(
    packaged_agent(),
    notice="I'm an AI. This call is recorded.",
    record=True,
    tools=("check_balance",),
)
GREETING = "Hello, this is the test line. What can I do for you today?"
PLAN, STORY = (
    "How does the family plan work?",
    "The family plan has three parts. First, you choose the things that you need every month.",
)
USE_NUMBER, TYPE_IT = "I want to use my number.", "Please type your number now."
THANK_YOU = "Thank you. What would you like to know?"
BALANCE, TEN = "What is my balance?", "It is ten dollars."
PIN, SPOKEN_PIN = "83172946", "My number is eight three one seven two nine four six."
SCENARIO = Scenario(
    greeting=Reply(say=GREETING),
    turns=(
        Turn("plan", Reply(say=STORY), heard=(PLAN,)),
        Turn(
            "pin",
            Reply(
                say=TYPE_IT,
                calls=(
                    PlannedCall("collect_digits", {"purpose": "pin", "length": 8, "secret": True}),
                ),
                then=THANK_YOU,
            ),
            heard=(USE_NUMBER,),
        ),
        Turn("balance", Reply(say=TEN), heard=(BALANCE,)),
    ),
    decoys=(SPOKEN_PIN,),
)
SAME_PLACE_MS = 30.0
"""How far a sentence may be from its place in the network's own recording: a frame and a half."""
pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True, slots=True)
class Kept:
    """A call's recording, and what its phone network heard."""

    call: Call
    record: CallRecord
    began_ms: int
    caller: Pcm
    agent: Pcm

    def caller_said(self, *texts: str) -> list[Heard]:
        return judge(_spoken(Voice(), texts), self.caller, rate_hz=PHONE_HZ)

    def agent_said(self, *texts: str) -> list[Heard]:
        return judge(_spoken(MODEL_VOICE, texts), self.agent, rate_hz=PHONE_HZ)

    def places_ms(self, caller: Sequence[str], agent: Sequence[str]) -> list[float]:
        """How late these sentences are, compared with the network's own recording. They must be
        intact in both."""
        said, heard = self.call.recording.caller, self.call.recording.agent
        kept = [*self.caller_said(*caller), *self.agent_said(*agent)]
        true = [
            *judge(_spoken(Voice(), caller), said, rate_hz=PHONE_HZ),
            *judge(_spoken(MODEL_VOICE, agent), heard, rate_hz=PHONE_HZ),
        ]
        assert [(each.recognised, each.why) for each in kept] == [
            (each.recognised, each.why) for each in true
        ]
        return [there.at_ms - here.at_ms for here, there in zip(kept, true, strict=True)]

    def turn(self, beginning: str) -> float:
        """Where a turn begins in the recording, according to the transcript."""
        turns = timed_from_ring(self.record).turns
        return next(turn.start_ms - self.began_ms for turn in turns if beginning in turn.text)


def _spoken(voice: Voice, texts: Sequence[str]) -> list[Sentence]:
    return [
        Sentence(text, synthesize(text, rate_hz=PHONE_HZ, voice=voice), PHONE_HZ) for text in texts
    ]


@dataclass(slots=True)
class Line:
    stack: Stack
    parts: Parts
    requests: list[ToolRequest] = field(default_factory=list)

    async def played(self, story: Story) -> Kept:
        call = await play(self.stack, LINE, story)
        return await self.kept(call)

    async def kept(self, call: Call) -> Kept:
        record = await record_of(self.stack, call)
        async with open_store(self.stack.store_url) as store:
            sound = await recorded_sound(store.recordings, record.call.call_sid)
            assert sound is not None, "nothing was recorded"
            caller, agent = await sound.sides()
            file = b"".join([piece async for piece in sound.wav()])
        _is_that_wav(file, caller, agent)
        return Kept(call, record, sound.began_ms, caller, agent)


def _is_that_wav(file: bytes, caller: Pcm, agent: Pcm) -> None:
    with wave.open(io.BytesIO(file)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (PHONE_HZ, 2, 2)
        both = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2)
    assert np.array_equal(both, np.stack((caller, agent), axis=1))


@asynccontextmanager
async def recorded_line(
    folder: Path, gemini_live: GeminiLiveServerFactory, agent: Agent = RECORDED
) -> AsyncIterator[Line]:
    gemini = await gemini_live(SCENARIO)
    requests: list[ToolRequest] = []

    async def balance(request: ToolRequest) -> ToolReply:
        requests.append(request)
        return 200, ToolAnswer(output={"balance": "ten"})

    async with (
        serving_tool(balance) as tool_url,
        restartable_line(settings_with(folder, gemini)) as (stack, parts),
    ):
        async with open_store(stack.store_url) as store:
            await store.write_tool(
                ToolDeclaration(
                    name="check_balance", description="Tells it.", url=tool_url, digits=("pin",)
                )
            )
            await write_agent(store, "default", agent)
        yield Line(stack, parts, requests)


async def ask_twice(call: Call) -> None:
    await call.agent_silent_for(0.6)
    for question in (BALANCE, PLAN):
        await call.say(question)
        await call.agent_silent_for(1.0)
    await call.hang_up()


async def test_both_sides_are_kept_intact_and_in_step(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with recorded_line(tmp_path, gemini_live_server) as line:
        kept = await line.played(ask_twice)
    asked, said = (BALANCE, PLAN), (GREETING, TEN, STORY)
    for heard in (*kept.caller_said(*asked), *kept.agent_said(*said)):
        assert heard.ok, heard
    places_ms = kept.places_ms(asked, said)
    assert max(places_ms) - min(places_ms) < SAME_PLACE_MS, "both sides must share one clock"
    assert len(kept.caller) == len(kept.agent)
    reply = next(heard for heard in kept.agent_said(*said) if heard.sentence == TEN)
    assert reply.at_ms == pytest.approx(kept.turn("ten dollars"), abs=60), (
        "must be in step with the turns"
    )
    assert problems(kept.record) == ()


async def interrupt(call: Call) -> None:
    await call.agent_silent_for(0.6)
    await call.say(PLAN)
    await call.agent_speaking_for(1.5)
    await call.say(BALANCE)
    await call.agent_silent_for(1.0)
    await call.hang_up()


async def test_an_interrupted_reply_is_recorded_as_far_as_it_was_heard(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with recorded_line(tmp_path, gemini_live_server) as line:
        kept = await line.played(interrupt)
    (story,) = [h for h in kept.agent_said(GREETING, STORY, TEN) if h.sentence == STORY]
    true = judge(
        _spoken(MODEL_VOICE, (GREETING, STORY, TEN)), kept.call.recording.agent, rate_hz=PHONE_HZ
    )[1]
    assert 1_000 < true.intact_ms < true.of_ms - 1_000, "the reply must be cut off"
    assert story.intact_ms == pytest.approx(true.intact_ms, abs=100)
    assert kept.caller_said(PLAN, BALANCE)[1].ok
    assert kept.agent_said(TEN)[0].ok
    turn = next(turn for turn in kept.record.turns if "family plan" in turn.text and turn.n > 2)
    assert turn.speaker is Speaker.AGENT
    assert turn.interrupted


async def type_and_say_a_secret(call: Call) -> None:
    await call.agent_silent_for(0.6)
    await call.say(USE_NUMBER)
    await call.agent_silent_for(0.6)
    await call.press(PIN[:4])
    await call.say(SPOKEN_PIN)
    await call.press(PIN[4:])
    await call.agent_silent_for(0.8)
    await call.say(BALANCE)
    await call.agent_silent_for(1.0)
    await call.hang_up()


async def test_no_secret_is_in_the_recorded_sound(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with recorded_line(tmp_path, gemini_live_server) as line:
        kept = await line.played(type_and_say_a_secret)
    secret = next(u for u in kept.call.utterances if u.text == SPOKEN_PIN)
    assert secret.start_ms is not None
    assert secret.end_ms is not None
    said, secret_ms = kept.call.recording.caller, (secret.start_ms, secret.end_ms)
    assert _between(said, *secret_ms).any(), "the network must have heard the secret"
    behind_ms = kept.places_ms((USE_NUMBER,), ())[0]
    hidden = _between(kept.caller, *(ms - behind_ms for ms in secret_ms))
    assert len(hidden) > PHONE_HZ
    assert not hidden.any(), "part of the secret is in the recording"
    words = (USE_NUMBER, SPOKEN_PIN, BALANCE)
    recognizer = recognizer_for(words, rate_hz=PHONE_HZ)
    assert recognizer.recognize(_between(said, *secret_ms)) == normalise(SPOKEN_PIN)
    heard = {heard.sentence: heard for heard in kept.caller_said(*words)}
    assert (heard[USE_NUMBER].ok, heard[SPOKEN_PIN].ok, heard[BALANCE].ok) == (True, False, True)
    assert not heard[SPOKEN_PIN].recognised


async def test_a_sentence_that_is_not_secret_would_be_found(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    """Otherwise the test above couldn't fail."""

    async def say_it(call: Call) -> None:
        await call.agent_silent_for(0.6)
        await call.say(SPOKEN_PIN)
        await call.wait(1.0)
        await call.hang_up()

    async with recorded_line(tmp_path, gemini_live_server) as line:
        kept = await line.played(say_it)
    assert kept.caller_said(USE_NUMBER, SPOKEN_PIN, BALANCE)[1].recognised


async def test_no_tone_of_a_key_is_in_the_recorded_sound(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    """A PIN may be typed before anyone asks for it, and networks may leave tones in the sound."""

    async def type_at_once(call: Call) -> None:
        await call.agent_silent_for(0.6)
        for key in PIN:
            tone = await call.start_saying(mulaw.decode(keypad(key)), text=f"the tone of {key}")
            await call.press(key)
            await call.spoken(tone)
        await call.wait(9.0)
        await call.hang_up()

    async with recorded_line(tmp_path, gemini_live_server) as line:
        kept = await line.played(type_at_once)
    assert kept.call.recording.caller.any(), "the network must have heard the tones"
    assert not kept.caller.any(), "the recording reveals a key"
    assert kept.agent_said(GREETING)[0].ok


def _between(pcm: Pcm, from_ms: float, to_ms: float) -> Pcm:
    return pcm[max(0, round(from_ms * 8)) : round(to_ms * 8)]


async def test_the_recording_continues_in_another_handler(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with recorded_line(tmp_path, gemini_live_server) as line:

        async def lose_the_handler(call: Call) -> None:
            await call.agent_silent_for(0.6)
            await call.say(BALANCE)
            await call.agent_silent_for(1.0)
            await line.parts.restart("stream_handler", {})
            await call.wait(4.0)
            await call.say(PLAN)
            await call.agent_silent_for(1.0)
            await call.hang_up()

        kept = await line.played(lose_the_handler)
        async with open_store(line.stack.store_url) as store:
            assert store.recordings is not None
            parts = await store.recordings.list_parts(kept.record.call.call_sid)
    later = [part for part in parts if part.attempt > 1]
    assert {part.attempt for part in later} == {kept.record.call.attempt}, (
        "the attempt that took the call over must be recorded"
    )
    assert later[0].number == 1
    asked, said = (BALANCE, PLAN), (GREETING, TEN, STORY)
    assert all(heard.recognised for heard in (*kept.caller_said(*asked), *kept.agent_said(*said)))
    places_ms = kept.places_ms(asked, said)
    assert max(places_ms) - min(places_ms) < 100, "both attempts must share one clock"


async def test_an_edit_in_the_middle_of_a_call_records_nothing_of_it(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    """The caller has not heard the new notice."""
    before = msgspec.structs.replace(RECORDED, record=False, apply_to_live_calls=True)
    async with recorded_line(tmp_path, gemini_live_server, before) as line:

        async def be_edited(call: Call) -> None:
            await call.agent_silent_for(0.6)
            async with open_store(line.stack.store_url) as store:
                after = msgspec.structs.replace(before, record=True, instructions="New ones.")
                await write_agent(store, "default", after)
            await call.wait(8.0)
            await call.say(BALANCE)
            await call.agent_silent_for(1.0)
            await call.hang_up()

        call = await play(line.stack, LINE, be_edited)
        record = await record_of(line.stack, call)
        async with open_store(line.stack.store_url) as store:
            assert await recorded_sound(store.recordings, record.call.call_sid) is None
    assert record.call.applied_revisions, "the edit must have reached the call"
    assert record.call.recording_problem is None


async def test_who_is_forgotten_in_the_middle_of_a_call_can_be_forgotten_after_it(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with recorded_line(tmp_path, gemini_live_server) as line:
        erased: list[Forgotten] = []

        async def be_forgotten(call: Call) -> None:
            await call.agent_silent_for(0.6)
            await call.say(PLAN)
            await call.agent_silent_for(1.0)
            async with open_store(line.stack.store_url) as store:
                erased.append(await store.forget_caller(call.identity.from_))
            await call.say(BALANCE)
            await call.agent_silent_for(1.0)
            await call.wait(8.0)
            await call.hang_up()

        kept = await line.played(be_forgotten)
        async with open_store(line.stack.store_url) as store:
            erased.append(await store.forget_caller(kept.record.call.caller))
    assert [it.in_progress for it in erased] == [1, 0]
    assert [it.calls for it in erased] == [1, 1]
    folder = Path(f"{line.stack.store_url.removeprefix('sqlite:')}.recordings")
    assert list(folder.rglob("*.wav")) == []  # noqa: ASYNC240


async def test_a_recording_whose_store_fails_harms_no_call(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with recorded_line(tmp_path, gemini_live_server) as line:
        folder = Path(f"{line.stack.store_url.removeprefix('sqlite:')}.recordings")
        folder.write_text("a file where the folder should be", "utf-8")  # noqa: ASYNC240
        call = await play(line.stack, LINE, ask_twice)
        record = await record_of(line.stack, call)
    agent = [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]
    assert agent == [GREETING, TEN, STORY]
    (problem,) = problems(record)
    assert problem.startswith("The recording is incomplete: ")
    assert "s of audio is missing: the file system refused" in problem
