"""Faults of the model when a call begins."""

from collections.abc import Mapping

from benchmarks.faults.fault import Fault, Inject, Seen
from benchmarks.faults.story import at_once, seen_if
from benchmarks.faults.world import PERSON, World
from ringdown.calls import EndReason
from simulators.twilio.events import DialledPartyEnded

_PERSON = "it rings, and is tried for 8 s; then the caller is given to a person"


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


_GREETING = "Hello, this is the test line. What is your number?"

FAULTS = (
    Fault(
        "the model refuses every session",
        _PERSON,
        _no_model({"do": "refuse_upgrade", "status": 503}),
    ),
    Fault(
        "the model never completes the set-up",
        _PERSON,
        _no_model({"do": "withhold_setup"}),
    ),
    Fault(
        "the model takes 1.5 s for the set-up", "the caller hears it ring, then the greeting", _slow
    ),
)
