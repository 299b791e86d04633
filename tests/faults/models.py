"""Faults of model sessions, which the stand-in has on command."""

import asyncio
from collections.abc import Mapping, Sequence

from ringdown.calls import EndReason, Speaker
from simulators.speech.recognition import normalise
from simulators.twilio import Call
from simulators.twilio.events import DialledPartyEnded, PlaybackCleared
from tests.faults.fault import Fault, Inject, Seen
from tests.faults.story import (
    QUESTION,
    asks_for_number,
    at_once,
    last_sound_ms,
    longest_silence_ms,
    seen_if,
    seen_of,
    tell_number,
    told,
    when_all_are_there,
)
from tests.faults.world import PERSON, World

_PERSON = "ringing for 8 s, then the fallback number"
_CUT = "a new session restarts the interrupted sentence"
_REFUSED = "a new session gets the transcript"
_APART_S = 0.2
"""The pause between two sessions that break, so that each is replaced separately."""
_CLOSE_S = 0.05
"""The pause if all of them have to break within one word."""
_FLOOD_MS = 20_000
_GREETING = "Hello, this is the test line. What is your number?"
_LONG_QUESTION = "Tell me everything, please."
_SURELY_NOT_THE_CALLER_S = 3.5
_LONGER_THAN_A_TONE_S = 1.0
_RECONNECT_MS = 1_000
"""The longest reconnect on a busy machine; docs/reliability.md has the measured times."""


def _in_mid_answer(do: str, **how: str | float) -> Inject:
    async def inject(world: World, times: int) -> list[Seen]:
        async def cause(calls: Sequence[Call]) -> None:
            world.gemini.cause(do=do, apart_s=_APART_S, **how)
            await asyncio.sleep(len(calls) * _APART_S)
            await asyncio.gather(*(call.agent_silent_for(1.0) for call in calls))

        return await asks_for_number(world, times, cause)

    return inject


def _while_idle(do: str, **how: str | float) -> Inject:
    async def inject(world: World, times: int) -> list[Seen]:
        async def cause(calls: Sequence[Call]) -> None:
            await asyncio.gather(*(call.agent_silent_for(0.6) for call in calls))
            world.gemini.cause(do=do, apart_s=_APART_S, **how)
            await asyncio.sleep(len(calls) * _APART_S + 1.0)

        return await asks_for_number(world, times, cause)

    return inject


async def _phantom(world: World, times: int) -> list[Seen]:
    async def once() -> Seen:
        async with world.call() as call:
            await tell_number(call)
            await call.agent_silent_for(0.6)
            await call.say(_LONG_QUESTION)
            await call.agent_speaking_for(_SURELY_NOT_THE_CALLER_S)
            await when_all_are_there(
                all_listen, lambda: world.gemini.cause(do="phantom_interruption")
            )
            from_ms = call.now_ms
            await call.agent_silent_for(0.6)
            await call.agent_speaking_for(1.0)
            heard = call.recording.agent
            silence_ms = longest_silence_ms(heard, from_ms, last_sound_ms(heard, call.now_ms))
            await call.agent_silent_for(0.6)
            await call.say(QUESTION)
            await call.agent_silent_for(0.6)
            await call.hang_up()
        return seen_of(await world.record(call), call, silence_ms=silence_ms)

    all_listen = asyncio.Barrier(times)
    return await at_once(times, once)


def _handle_refused(code: int) -> Inject:
    broken = _while_idle("close")

    async def inject(world: World, times: int) -> list[Seen]:
        world.gemini.plan({"do": "refuse_resumption", "code": code})
        try:
            return await broken(world, times)
        finally:
            world.gemini.plan()

    return inject


async def _breaks_while_the_caller_speaks(world: World, times: int) -> list[Seen]:
    all_speak = asyncio.Barrier(times)

    async def once() -> Seen:
        async with world.call() as call:
            await tell_number(call)
            await call.agent_silent_for(0.6)
            await when_all_are_there(all_speak, lambda: None)
            question = await call.start_saying(QUESTION)
            await call.wait(0.4)
            await when_all_are_there(
                all_speak, lambda: world.gemini.cause(do="close", apart_s=_CLOSE_S)
            )
            await call.spoken(question)
            await call.agent_silent_for(0.6)
            await call.hang_up()
        record = await world.record(call)
        heard = told(record, Speaker.CALLER)
        if not heard.endswith(normalise(QUESTION)):
            return Seen(problem=f"the model heard: {heard}")
        return seen_of(record, call)

    return await at_once(times, once)


async def _stalls(world: World, times: int) -> list[Seen]:
    all_ask = asyncio.Barrier(times)

    async def once() -> Seen:
        async with world.call() as call:
            await tell_number(call)
            await call.agent_silent_for(0.6)
            place = await when_all_are_there(all_ask, lambda: world.gemini.cause(do="stall"))
            await call.wait(0.1 + place * _APART_S)
            await call.say(QUESTION)
            asked_ms = call.now_ms
            await call.agent_speaking_for(_LONGER_THAN_A_TONE_S)
            silence_ms = longest_silence_ms(call.recording.agent, asked_ms, call.now_ms)
            await call.agent_silent_for(0.6)
            await call.hang_up()
        return seen_of(await world.record(call), call, silence_ms=silence_ms)

    return await at_once(times, once)


async def _floods(world: World, times: int) -> list[Seen]:
    all_ask = asyncio.Barrier(times)

    async def once() -> Seen:
        async with world.call() as call:
            await tell_number(call)
            await call.agent_silent_for(0.6)
            await when_all_are_there(
                all_ask, lambda: world.gemini.cause(do="change_speed", speed=200)
            )
            await call.say(_LONG_QUESTION)
            await call.agent_speaking_for(2.0)
            await call.say(QUESTION)
            await call.agent_silent_for(0.6)
            await call.hang_up()
        seen = seen_of(await world.record(call), call)
        dropped_ms = [e.dropped_ms for e in call.events if isinstance(e, PlaybackCleared)]
        if seen.problem is not None or max(dropped_ms, default=0) > _FLOOD_MS:
            return seen
        return Seen(problem=f"of a minute of speech these ms were cleared: {dropped_ms}")

    return await at_once(times, once)


def _no_model(fault: Mapping[str, object]) -> Inject:
    async def once(world: World) -> Seen:
        async with world.call() as call:
            await call.ended(40)
        record = await world.record(call)
        dialled = [e.number for e in call.events if isinstance(e, DialledPartyEnded)]
        if dialled != [PERSON] or record.call.end_reason is not EndReason.MODEL_UNAVAILABLE:
            return Seen(problem=f"{record.call.end_reason}; dialled: {dialled}")
        return Seen()

    async def inject(world: World, times: int) -> list[Seen]:
        world.gemini.plan(fault)
        try:
            return await at_once(times, lambda: once(world))
        finally:
            world.gemini.plan()

    return inject


async def _slow(world: World, times: int) -> list[Seen]:
    async def once() -> Seen:
        async with world.call() as call:
            await call.agent_silent_for(0.6)
            await call.hang_up()
        record = await world.record(call)
        said = [turn.text for turn in record.turns]
        return seen_if(said[:1] == [_GREETING], f"{record.call.end_reason}; said: {said}")

    world.gemini.plan({"do": "delay_setup", "delay_s": 1.5})
    try:
        return await at_once(times, once)
    finally:
        world.gemini.plan()


STARTS = (
    Fault(
        "the model refuses every session",
        _PERSON,
        _no_model({"do": "refuse_upgrade", "status": 503}),
    ),
    Fault(
        "the model never completes the setup",
        _PERSON,
        _no_model({"do": "withhold_setup"}),
    ),
    Fault("the model takes 1.5 s for the setup", "ringing, then the greeting", _slow),
)
"""Sessions that don't begin as they should."""

BREAKS = (
    Fault(
        "1011 in mid-reply",
        _CUT,
        _in_mid_answer("close", code=1011),
        most_silence_ms=3_000,
        most_reconnect_ms=_RECONNECT_MS,
    ),
    Fault(
        "1011 while idle",
        "replaced",
        _while_idle("close"),
        most_reconnect_ms=_RECONNECT_MS,
    ),
    Fault(
        "1011 while the caller speaks",
        "the next session hears them from their first word",
        _breaks_while_the_caller_speaks,
        most_reconnect_ms=_RECONNECT_MS,
    ),
    Fault(
        "the model's connection is cut",
        _CUT,
        _in_mid_answer("abort"),
        most_silence_ms=3_000,
        most_reconnect_ms=_RECONNECT_MS,
    ),
    Fault(
        "go-away with 50 s left",
        "replaced between two turns",
        _in_mid_answer("go_away", time_left_s=50),
        most_silence_ms=2_000,
        most_reconnect_ms=_RECONNECT_MS,
    ),
    Fault(
        "go-away with 1 s left",
        "replaced immediately",
        _in_mid_answer("go_away", time_left_s=1),
        most_silence_ms=3_000,
        most_reconnect_ms=_RECONNECT_MS,
    ),
    Fault("the handle is refused as invalid (1007)", _REFUSED, _handle_refused(1007)),
    Fault("the handle has expired (1008)", _REFUSED, _handle_refused(1008)),
)
"""Sessions that end."""

TROUBLES = (
    Fault(
        "the model stalls after the caller has spoken",
        "asked to speak after 5 s, replaced 3 s later; the next session replies",
        _stalls,
        most_silence_ms=15_000,
    ),
    Fault(
        "a phantom interruption",
        "2.5 s later the model is asked to continue from what was heard",
        _phantom,
        most_silence_ms=5_000,
    ),
    Fault(
        "a minute of speech in one burst",
        "Twilio buffers it; a caller who speaks clears it",
        _floods,
    ),
    Fault("a flood of transcripts", "callers notice nothing", _while_idle("flood", count=2_000)),
    Fault("a message with unknown keys", "ignored", _in_mid_answer("send_message")),
)
"""Sessions that continue, but misbehave."""

FAULTS = (*STARTS, *BREAKS, *TROUBLES)
