"""Faults of the model's side, as its stand-in can have them on command."""

import asyncio

from benchmarks.faults.fault import Fault, Inject, Seen
from benchmarks.faults.story import asks_for_number
from benchmarks.faults.world import World
from simulators.twilio import Call

_CUT = "the session is replaced; the agent begins again with the sentence that was cut off"


def _in_mid_answer(do: str, **how: str | float) -> Inject:
    async def inject(world: World, times: int) -> list[Seen]:
        async def cause(call: Call) -> None:
            world.gemini.cause(do=do, **how)
            await call.agent_silent_for(1.0)

        return await asks_for_number(world, times, cause)

    return inject


def _while_idle(do: str, **how: str | float) -> Inject:
    async def inject(world: World, times: int) -> list[Seen]:
        async def cause(call: Call) -> None:
            await call.agent_silent_for(0.6)
            world.gemini.cause(do=do, **how)
            await asyncio.sleep(1.0)

        return await asks_for_number(world, times, cause)

    return inject


FAULTS = (
    Fault("1011 in mid-reply", _CUT, _in_mid_answer("close", code=1011), most_silence_ms=3_000),
    Fault("1011 while idle", "the session is replaced; nobody notices", _while_idle("close")),
    Fault("the model's connection is cut", _CUT, _in_mid_answer("abort"), most_silence_ms=3_000),
    Fault(
        "go-away with 50 s left",
        "the session is replaced between two turns; nobody notices",
        _in_mid_answer("go_away", time_left_s=50),
        most_silence_ms=2_000,
    ),
    Fault(
        "go-away with 1 s left",
        "the session is replaced at once",
        _in_mid_answer("go_away", time_left_s=1),
        most_silence_ms=3_000,
    ),
    Fault(
        "a phantom interruption",
        "the agent falls silent; the caller is answered as ever",
        _in_mid_answer("phantom_interruption"),
    ),
    Fault("a flood of transcripts", "nobody notices", _while_idle("flood", count=2_000)),
    Fault("a message with unknown keys", "it is ignored", _in_mid_answer("send_unknown")),
)
