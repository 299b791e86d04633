"""What the caller does around a fault, and what must be true of the call afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from benchmarks.faults.fault import Seen
from benchmarks.faults.silence import longest_silence_ms
from benchmarks.faults.world import World
from ringdown.calls import CallRecord, Speaker
from simulators.speech.recognition import normalise
from simulators.twilio import Call, CallError
from simulators.twilio.events import StreamAudioStarted, StreamEnded

NUMBER = "My number is one two three four five six."
QUESTION = "What is my number?"
KNOWN = "five six"
BACK_WITHIN_S = 25.0
_LOOK_S = 0.05

Break = Callable[[Sequence[Call]], Awaitable[None]]


async def tell_number(call: Call) -> None:
    """Tell it, and ask for more, until the agent is in the middle of a longer answer."""
    await call.agent_silent_for(0.5)
    await call.say(NUMBER)
    await call.agent_silent_for(0.6)
    await call.say("When are you open, please?")
    await call.agent_speaking_for(1.0)


def streams_heard(call: Call) -> list[int]:
    """When each stream of the call was first heard, on the recording."""
    return [e.when.line_ms or 0 for e in call.events if isinstance(e, StreamAudioStarted)]


async def heard_again(call: Call, streams: int) -> None:
    """Wait until so many streams have been heard, and the agent has had its say."""
    left_s = BACK_WITHIN_S
    while len(streams_heard(call)) < streams:
        if left_s <= 0:
            raise CallError(f"the agent was not heard again within {BACK_WITHIN_S:g} s")
        await call.wait(_LOOK_S)
        left_s -= _LOOK_S
    await call.agent_speaking_for(0.5)
    await call.agent_silent_for(0.6)


def told(record: CallRecord, speaker: Speaker) -> str:
    """All that one side has said, as it is compared."""
    return normalise(" ".join(turn.text for turn in record.turns if turn.speaker is speaker))


def _last_words(record: CallRecord) -> str:
    said = [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]
    return normalise(said[-1]) if said else ""


async def taken_up(
    world: World, count: int, break_it: Break, *, hit_within_s: float = 2.0
) -> list[Seen]:
    """`count` calls at once, broken in the middle of an answer. Those whose stream ends within so
    long must go on in another one, and know the number; the others must go on as they are."""
    async with AsyncExitStack() as open_calls:
        calls = [await open_calls.enter_async_context(world.call()) for _ in range(count)]
        await asyncio.gather(*(tell_number(call) for call in calls))
        broken_ms = [call.now_ms for call in calls]
        await break_it(calls)
        goings_on = (_go_on(call, hit_within_s) for call in calls)
        endings = await asyncio.gather(*goings_on, return_exceptions=True)
    records = await asyncio.gather(*map(world.record, calls))
    return [
        _seen(call, record, at_ms, ending)
        for call, record, at_ms, ending in zip(calls, records, broken_ms, endings, strict=True)
    ]


async def asks_for_number(
    world: World, count: int, meanwhile: Callable[[Call], Awaitable[None]]
) -> list[Seen]:
    """`count` calls, one after the other, with something going on in the middle of an answer; the
    same stream goes on, and the agent knows the number."""
    return [await _asks_for_number(world, meanwhile) for _ in range(count)]


async def _asks_for_number(world: World, meanwhile: Callable[[Call], Awaitable[None]]) -> Seen:
    try:
        async with world.call() as call:
            await tell_number(call)
            at_ms = call.now_ms
            await meanwhile(call)
            await call.agent_silent_for(0.6)
            quiet_ms = longest_silence_ms(call.recording.agent, at_ms, call.now_ms - 600)
            await call.say(QUESTION)
            await call.agent_silent_for(0.6)
            await call.hang_up()
    except (CallError, AssertionError) as error:
        return Seen(problem=str(error))
    record = await world.record(call)
    said = told(record, Speaker.AGENT)
    if len(streams_heard(call)) != 1 or KNOWN not in _last_words(record):
        return Seen(problem=f"{len(streams_heard(call))} streams; the agent said: {said}")
    return Seen(silence_ms=quiet_ms)


def seen_if(as_decided: bool, otherwise: str) -> Seen:
    return Seen(problem=None if as_decided else otherwise)


async def _go_on(call: Call, hit_within_s: float) -> bool:
    """Whether the call was hit."""
    left_s = hit_within_s
    while not _stream_ended(call) and left_s > 0:
        await call.wait(_LOOK_S)
        left_s -= _LOOK_S
    hit = _stream_ended(call)
    if hit:
        await heard_again(call, streams=2)
        await call.say(QUESTION)
        await call.agent_silent_for(0.6)
    await call.hang_up()
    return hit


def _stream_ended(call: Call) -> bool:
    return any(isinstance(event, StreamEnded) for event in call.events)


def _seen(call: Call, record: CallRecord, broken_ms: int, ending: object) -> Seen:
    if isinstance(ending, BaseException):
        return Seen(problem=str(ending))
    if not ending:
        return Seen()
    heard = streams_heard(call)
    if KNOWN not in _last_words(record):
        return Seen(problem=f"the number is not known any more: {told(record, Speaker.AGENT)}")
    return Seen(silence_ms=longest_silence_ms(call.recording.agent, broken_ms, heard[1]))
