"""What the caller does around a fault, and what must be true of the call afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from ringdown.calls import CallRecord, Speaker
from simulators.speech.pcm import Pcm
from simulators.speech.recognition import normalise
from simulators.twilio import Call, CallError
from simulators.twilio.events import StreamAudioStarted, StreamEnded, StreamStarted
from tests.faults.fault import Seen
from tests.faults.world import World

NUMBER = "My number is one two three four five six."
QUESTION = "What is my number?"
KNOWN = "five six"
BACK_WITHIN_S = 25.0
_LOOK_S = 0.05
_ALL_WITHIN_S = 10.0
_RATE_HZ = 8_000
_FRAME = _RATE_HZ // 50
_FRAME_MS = 20
_SOUND_RMS = 180.0  # the line is digital throughout, so a fixed level tells sound from silence
_PAUSE_MS = 600  # between two sentences

Meanwhile = Callable[[Sequence[Call]], Awaitable[None]]


async def at_once(times: int, once: Callable[[], Awaitable[Seen]]) -> list[Seen]:
    """Run several calls in parallel; a fault that isn't limited to one call hits all of them."""
    return list(await asyncio.gather(*(_told(once) for _ in range(times))))


async def when_all_are_there(barrier: asyncio.Barrier, cause: Callable[[], None]) -> int:
    """Cause a fault for all calls, once, when every call has reached this point.

    Returns the number of this call, from 0.
    """
    async with asyncio.timeout(_ALL_WITHIN_S):
        place = await barrier.wait()
    if place == 0:
        cause()
    return place


async def _told(once: Callable[[], Awaitable[Seen]]) -> Seen:
    try:
        return await once()
    except (CallError, AssertionError, TimeoutError) as error:
        return Seen(problem=str(error) or "it took too long")


async def tell_number(call: Call) -> None:
    """Tell the agent the number, then ask something, and wait until it is in the middle of a
    longer reply."""
    await call.agent_silent_for(0.5)
    await call.say(NUMBER)
    await call.agent_silent_for(0.6)
    await call.say("When are you open, please?")
    await call.agent_speaking_for(1.0)


def streams_heard(call: Call) -> list[int]:
    """When each stream of the call was first heard, in ms of the recording."""
    return [e.when.line_ms or 0 for e in call.events if isinstance(e, StreamAudioStarted)]


async def heard_again(call: Call, streams: int) -> None:
    """Wait until the call's stream number `streams` is heard and the agent has finished."""
    await _until(call, lambda: len(streams_heard(call)) >= streams)
    await call.agent_speaking_for(0.5)
    await call.agent_silent_for(0.6)


def told(record: CallRecord, speaker: Speaker) -> str:
    """Everything that one side said, normalised for comparison."""
    return normalise(" ".join(turn.text for turn in record.turns if turn.speaker is speaker))


def last_words(record: CallRecord) -> str:
    """The agent's last turn, normalised for comparison."""
    said = [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]
    return normalise(said[-1]) if said else ""


async def taken_over(
    world: World, count: int, break_it: Meanwhile, *, hit_within_s: float = 2.0
) -> list[Seen]:
    """Break `count` calls while the agent is speaking.

    Calls whose stream ends within `hit_within_s` must continue in another one, and the agent must
    still know the number. The others must continue in the same stream.
    """
    return await _in_mid_answer(
        world, count, break_it, lambda call: _hear_and_ask(call, hit_within_s)
    )


async def handed_over(
    world: World, count: int, break_it: Meanwhile, *, hit_within_s: float
) -> list[Seen]:
    """Like `taken_over`, for calls that are handed over after the agent's sentence.

    The caller, whose turn it is, asks the next question and gets a reply. Silence is the time
    without a stream.
    """
    return await _in_mid_answer(
        world, count, break_it, lambda call: _ask_on(call, hit_within_s), _seen_of_handed_over
    )


async def asks_for_number(world: World, count: int, meanwhile: Meanwhile) -> list[Seen]:
    """Make `count` calls and do `meanwhile` while the agent speaks.

    The same stream must continue, and the agent still know the number.
    """
    async with world.calls(count) as calls:
        await asyncio.gather(*map(tell_number, calls))
        from_ms = [call.now_ms for call in calls]
        try:
            await meanwhile(calls)
        except (CallError, AssertionError) as error:
            return [Seen(problem=str(error))] * count
        silences = await asyncio.gather(
            *map(_ask_for_number, calls, from_ms), return_exceptions=True
        )
    seen = (_went_on(world, *both) for both in zip(calls, silences, strict=True))
    return list(await asyncio.gather(*seen))


async def _ask_for_number(call: Call, from_ms: int) -> int:
    """Ask for the number and hang up; returns how long the caller heard nothing before that."""
    await call.agent_silent_for(0.6)
    heard = call.recording.agent
    silence_ms = longest_silence_ms(heard, from_ms, last_sound_ms(heard, call.now_ms))
    await call.say(QUESTION)
    await call.agent_silent_for(0.6)
    await call.hang_up()
    return silence_ms


async def _went_on(world: World, call: Call, silence_ms: int | BaseException) -> Seen:
    if isinstance(silence_ms, BaseException):
        return Seen(problem=str(silence_ms))
    return seen_of(await world.record(call), call, silence_ms=silence_ms)


def seen_of(record: CallRecord, call: Call, *, silence_ms: int | None = None) -> Seen:
    """Judge a call that should stay in its stream and end with the number."""
    streams = len(streams_heard(call))
    if streams != 1 or KNOWN not in last_words(record):
        said = told(record, Speaker.AGENT)
        return Seen(problem=f"{streams} streams; the agent said: {said}")
    took_ms = max((made.took_ms for made in record.call.reconnects), default=None)
    return Seen(silence_ms=silence_ms, reconnect_ms=took_ms)


def seen_if(as_decided: bool, otherwise: str) -> Seen:
    return Seen(problem=None if as_decided else otherwise)


async def _in_mid_answer(
    world: World,
    count: int,
    break_it: Meanwhile,
    go_on: Callable[[Call], Awaitable[bool]],
    seen_if_hit: Callable[[Call, int], Seen] | None = None,
) -> list[Seen]:
    """`go_on` plays the rest of a call, and returns whether the fault hit it."""
    async with world.calls(count) as calls:
        await asyncio.gather(*map(tell_number, calls))
        broken_ms = [call.now_ms for call in calls]
        await break_it(calls)
        endings = await asyncio.gather(*map(go_on, calls), return_exceptions=True)
    if not any(endings):
        return [Seen(problem="no call was hit")] * count
    records = await asyncio.gather(*map(world.record, calls))
    return [
        _seen(call, record, ending, at_ms, seen_if_hit or _seen_of_taken_over)
        for call, record, at_ms, ending in zip(calls, records, broken_ms, endings, strict=True)
    ]


async def _hear_and_ask(call: Call, hit_within_s: float) -> bool:
    hit = await _is_hit(call, hit_within_s)
    if hit:
        await heard_again(call, streams=2)
        await call.say(QUESTION)
        await call.agent_silent_for(0.6)
    await call.hang_up()
    return hit


async def _ask_on(call: Call, hit_within_s: float) -> bool:
    hit = await _is_hit(call, hit_within_s)
    if hit:
        await _until(call, lambda: len(_streams_started(call)) == 2)
        await call.agent_silent_for(0.6)
        await call.say(QUESTION)
        await call.agent_started_speaking()
        await call.agent_silent_for(0.6)
    await call.hang_up()
    return hit


async def _is_hit(call: Call, within_s: float) -> bool:
    left_s = within_s
    while not _streams_ended(call) and left_s > 0:
        await call.wait(_LOOK_S)
        left_s -= _LOOK_S
    return bool(_streams_ended(call))


async def _until(call: Call, condition: Callable[[], bool]) -> None:
    left_s = BACK_WITHIN_S
    while not condition():
        if left_s <= 0:
            raise CallError(f"the agent was not heard again within {BACK_WITHIN_S:g} s")
        await call.wait(_LOOK_S)
        left_s -= _LOOK_S


def _streams_started(call: Call) -> list[int]:
    return [e.when.line_ms or 0 for e in call.events if isinstance(e, StreamStarted)]


def _streams_ended(call: Call) -> list[int]:
    return [e.when.line_ms or 0 for e in call.events if isinstance(e, StreamEnded)]


def _seen(
    call: Call,
    record: CallRecord,
    ending: bool | BaseException,
    broken_ms: int,
    seen_if_hit: Callable[[Call, int], Seen],
) -> Seen:
    if isinstance(ending, BaseException):
        return Seen(problem=str(ending))
    if not ending:
        return Seen()
    if KNOWN not in last_words(record):
        return Seen(problem=f"the agent has forgotten the number: {told(record, Speaker.AGENT)}")
    return seen_if_hit(call, broken_ms)


def _seen_of_taken_over(call: Call, broken_ms: int) -> Seen:
    until_ms = streams_heard(call)[1]
    return Seen(silence_ms=longest_silence_ms(call.recording.agent, broken_ms, until_ms))


def _seen_of_handed_over(call: Call, broken_ms: int) -> Seen:
    cut_ms = longest_silence_ms(call.recording.agent, broken_ms, _streams_ended(call)[0])
    if cut_ms > _PAUSE_MS:
        return Seen(problem=f"the answer was broken by {cut_ms} ms of silence")
    return Seen(silence_ms=_streams_started(call)[1] - _streams_ended(call)[0])


# How long the caller heard nothing, from the recording of what they heard


def longest_silence_ms(heard: Pcm, from_ms: int, until_ms: int) -> int:
    """The longest time without sound between two moments of the recording; a silence that began
    earlier counts from its beginning."""
    loud = _loud_frames(heard[: until_ms * _RATE_HZ // 1000])
    longest = silent = 0
    for n, is_loud in enumerate(loud):
        silent = 0 if is_loud else silent + 1
        if n >= from_ms // _FRAME_MS:
            longest = max(longest, silent)
    return longest * _FRAME_MS


def last_sound_ms(heard: Pcm, until_ms: int) -> int:
    """When the last sound before a moment of the recording ended; 0 if there was none."""
    loud = _loud_frames(heard[: until_ms * _RATE_HZ // 1000])
    return max((n + 1 for n, is_loud in enumerate(loud) if is_loud), default=0) * _FRAME_MS


def _loud_frames(heard: Pcm) -> list[bool]:
    whole = heard[: len(heard) // _FRAME * _FRAME].astype(np.float32).reshape(-1, _FRAME)
    power = np.mean(whole * whole, axis=1)
    return [bool(frame > _SOUND_RMS**2) for frame in power]
