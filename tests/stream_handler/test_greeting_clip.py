"""The greeting clip, over sockets: it is read from the store and played while the model opens."""

import asyncio
import base64
import json
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import trustme

from ringdown.agents import Agent
from ringdown.audio.telephone import Downsampler, decode_mulaw, encode_mulaw
from ringdown.calls import EndReason, Speaker
from ringdown.calls.travelling_call import pack
from stream_handler.call.events import StreamStarted
from tests.ringdown.kept_clips import write_greeting
from tests.ringdown.samples import NOW, a_call, an_agent
from tests.stream_handler.conversing import Converse, Model, speech
from tests.stream_handler.handler import (
    CONNECTED,
    TOKEN_SECRET,
    Handler,
    call_sid,
    running_handler,
    start,
    token,
)
from tests.stream_handler.little_gemini import LittleGemini, little_gemini
from tests.stream_handler.record.test_flights_of_calls import flights_in

AGENT = an_agent(greeting="Hello, this is Anvil and Sons.")
UNPROTECTED = msgspec.structs.replace(AGENT, protect_greeting=False)
CLIP_S = 2.0


def as_made(pcm: bytes) -> bytes:
    """Make a clip from the model's speech, PCM16 at 24 kHz."""
    down = Downsampler()
    return down.convert(pcm) + down.flush()


CLIP = as_made(speech(CLIP_S))


class Late(Model):
    """Takes 0.6 s to open, then replies to the caller."""

    async def run(self) -> None:
        await asyncio.sleep(0.6)
        await super().run()

    async def caller_spoke(self) -> None:
        await self.say("From nine to five.", 1.0)


async def test_it_is_heard_from_the_first_moment_and_the_model_waits(converse: Converse) -> None:
    async with converse(Late, agent=AGENT, clip=CLIP) as talk:
        began_s = asyncio.get_running_loop().time()
        await talk.phone.listen(4.0)
        first_s = talk.phone.first_heard_s(0)
        assert first_s is not None
        assert first_s - began_s <= 0.1
        assert talk.phone.heard_s() == pytest.approx(CLIP_S, abs=0.1)
        await talk.phone.speak(1.0)
        await talk.phone.listen(2.5)
        assert talk.phone.heard_s() == pytest.approx(CLIP_S + 1.0, abs=0.2)
        assert talk.texts == []
        record = await talk.ended()

    [setup] = talk.gemini.setups
    assert f'just greeted them: "{AGENT.greeting}"' in str(setup)
    assert [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT] == [
        AGENT.greeting,
        "From nine to five.",
    ]


async def test_an_unprotected_one_stops_for_the_caller_who_is_answered(converse: Converse) -> None:
    async with converse(Late, agent=UNPROTECTED, clip=CLIP) as talk:
        await talk.phone.listen(0.3)
        await talk.phone.speak(1.0)
        assert talk.phone.heard_s() <= 0.7
        await talk.phone.listen(2.5)
        record = await talk.ended()

    assert talk.phone.clears == 1
    [greeting, reply] = [turn for turn in record.turns if turn.speaker is Speaker.AGENT]
    assert (greeting.interrupted, reply.text) == (True, "From nine to five.")


async def test_a_model_that_refuses_us_leaves_the_clip_to_be_heard(converse: Converse) -> None:
    async with converse(_Refusing, agent=AGENT, clip=CLIP) as talk:
        await talk.phone.listen(CLIP_S + 1.0)
        record = await talk.ended()

    assert record.call.end_reason is EndReason.MODEL_UNAVAILABLE
    assert talk.phone.heard_s() == pytest.approx(CLIP_S, abs=0.1)


class _Refusing(Model):
    async def run(self) -> None:
        await self.socket.close(1008, "the key is not valid")


@pytest.mark.parametrize(
    "now",
    [
        msgspec.structs.replace(AGENT, greeting="Good evening."),
        msgspec.structs.replace(AGENT, greeting="Hello, it is {local_time}."),
        msgspec.structs.replace(AGENT, voice="Puck"),
        msgspec.structs.replace(AGENT, model="gemini-live-2.5-flash-native-audio"),
        msgspec.structs.replace(AGENT, language="de-DE"),
    ],
    ids=["words", "template", "voice", "model", "language"],
)
async def test_one_of_an_earlier_agent_is_never_played(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, now: Agent
) -> None:
    async with handler_with_clip(certificates, trusting, tmp_path) as (handler, gemini):
        await handler.store.open_call(a_call(call_sid=call_sid(1), agent=now))
        async with handler.socket() as socket:
            await socket.send(CONNECTED)
            await socket.send(start(1))
            opening = await gemini.heard(lambda message: "text" in message["realtime_input"])

    assert "Greet them" in str(opening)


async def test_the_flight_record_has_its_length_and_leads_to_the_same_decisions(
    converse: Converse, tmp_path: Path
) -> None:
    async with converse(Late, agent=AGENT, clip=CLIP) as talk:
        await talk.phone.listen(3.0)
    [(flight, steps)] = await flights_in(f"sqlite:{tmp_path / 'records.db'}")

    began = flight.happened[0].event
    assert isinstance(began, StreamStarted)
    assert len(began.greeting) == len(CLIP)
    assert [step.event for step in steps if step.differs] == []


async def test_a_stream_that_is_lost_before_the_greeting_was_heard_begins_with_it_again(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async with handler_with_clip(certificates, trusting, tmp_path) as (handler, _):
        await handler.store.open_call(a_call(call_sid=call_sid(1), agent=AGENT))
        await handler.store.take_up(call_sid(1), 1, NOW)
        async with handler.socket() as socket:
            await socket.send(CONNECTED)
            await socket.send(start(1, customParameters={"token": token(1, attempt=2)}))
            first = json.loads(await socket.recv())

    assert base64.b64decode(first["media"]["payload"]) == CLIP[:1_600]


async def test_a_caller_whose_transfer_nobody_took_is_not_greeted_by_it(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    back = msgspec.structs.replace(
        a_call(call_sid=call_sid(1), agent=AGENT, attempt=2),
        resumed_from=EndReason.TRANSFERRED,
        failed_transfers=("service desk",),
    )
    async with handler_with_clip(certificates, trusting, tmp_path) as (handler, gemini):
        await handler.store.open_call(back)
        async with handler.socket() as socket:
            await socket.send(CONNECTED)
            await socket.send(start(1, customParameters={"token": token(1, attempt=2)}))
            told = await gemini.heard(lambda message: "text" in message["realtime_input"])

    assert "nobody took the call" in str(told)
    assert "just greeted" not in str(gemini.setups)


@pytest.mark.parametrize("known", [True, False])
async def test_when_the_store_is_away_a_clip_that_is_known_is_played(
    certificates: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, known: bool
) -> None:
    async with handler_with_clip(certificates, trusting, tmp_path) as (handler, gemini):
        if known:
            await handler.store.open_call(a_call(call_sid=call_sid(2), agent=AGENT))
            async with handler.socket() as socket:
                await socket.send(start(2))
                await socket.recv()
        travelling = pack((TOKEN_SECRET,), a_call(call_sid=call_sid(1), agent=AGENT))
        with closing(sqlite3.connect(tmp_path / "records.db")) as locked:
            locked.execute("BEGIN IMMEDIATE")
            async with handler.socket() as socket:
                await socket.send(start(1, customParameters={"token": token(1), **travelling}))
                if known:
                    first = json.loads(await socket.recv())
                    assert base64.b64decode(first["media"]["payload"]) == CLIP[:1_600]
                else:
                    await gemini.heard(lambda message: "text" in message["realtime_input"])


@asynccontextmanager
async def handler_with_clip(
    certificates: trustme.CA, trusting: ssl.SSLContext, folder: Path
) -> AsyncIterator[tuple[Handler, LittleGemini]]:
    async with (
        little_gemini(certificates) as gemini,
        running_handler(gemini, trusting, folder) as handler,
    ):
        await write_greeting(handler.store, "default", AGENT, CLIP)
        yield handler, gemini


# Where the model's speech follows the clip

A_CLICK = 1.5
"""The sharpest bend, relative to those before it, that isn't a click. See docs/sound.md."""


class _AtOnce(Model):
    """Speaks immediately, beginning at a loud sample."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(self.say("One more thing.", 0.5, pcm=speech(1.0)[12_002:]))


async def test_the_model_joins_it_without_a_click(converse: Converse) -> None:
    clip = as_made(speech(CLIP_S)[:-1_210])
    async with converse(_AtOnce, agent=UNPROTECTED, clip=clip) as talk:
        await talk.phone.listen(4.0)
        heard = b"".join(piece for _, piece in talk.phone.played)

    assert len(heard) > len(clip) + 4_000, "the model wasn't heard after the clip"
    assert bend(heard, len(clip)) <= A_CLICK


class _GreetsAgain(_AtOnce):
    async def caller_spoke(self) -> None:
        await self.say("From nine to five.", 1.0)


async def test_a_model_that_speaks_all_the_same_is_not_heard_and_answers_later(
    converse: Converse,
) -> None:
    async with converse(_GreetsAgain, agent=AGENT, clip=CLIP) as talk:
        await talk.phone.listen(CLIP_S + 1.0)
        assert talk.phone.heard_s() == pytest.approx(CLIP_S, abs=0.1)
        await talk.phone.speak(1.0)
        await talk.phone.listen(2.5)
        record = await talk.ended()

    said = [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]
    assert said == [AGENT.greeting, "From nine to five."]


def test_a_clip_that_breaks_off_would_click() -> None:
    samples = np.frombuffer(speech(CLIP_S)[:-1_210], "<i2")
    cut = encode_mulaw(samples[::3].astype(np.int16))

    assert bend(cut + b"\xff" * 640, len(cut)) > A_CLICK


def bend(mulaw: bytes, at: int) -> float:
    """Return the sharpest bend within 5 ms of a place, relative to the sharpest before it."""
    signal: npt.NDArray[np.float64] = decode_mulaw(mulaw).astype(np.float64)
    bends = np.abs(np.diff(signal, 2))
    return float(bends[at - 40 : at + 40].max() / bends[at - 500 : at - 100].max())
