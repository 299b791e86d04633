"""A handler killed in the middle of a recorded call loses at most ten seconds of audio."""

import os
import signal
from pathlib import Path

import msgspec
import pytest

from ringdown.agents import packaged_agent
from ringdown.calls.recorded_sound import recorded_sound
from ringdown.calls.recordings import SAMPLES_PER_MS
from tests.faults.story import QUESTION, heard_again, streams_heard, tell_number
from tests.faults.world import World, running_world
from tests.ringdown.seeding import write_agent

TIMES = int(os.environ.get("FAULT_TIMES", "1"))
RECORDED_LINE = "+14155550155"
AT_MOST_LOST_MS = 10_000

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(120 * TIMES)]


async def test_a_killed_handler_loses_ten_seconds_at_most(tmp_path: Path) -> None:
    async with running_world(tmp_path, handlers=1) as world:
        agent = msgspec.structs.replace(
            packaged_agent(),
            instructions="You answer a test line.",
            notice="This call is recorded.",
            record=True,
            tools=(),
        )
        await write_agent(world.store, "recorded", agent)
        await world.store.write_number(RECORDED_LINE, "recorded")
        for _ in range(TIMES):
            await world.all_ready()
            await _killed(world)


async def _killed(world: World) -> None:
    async with world.call(to=RECORDED_LINE) as call:
        await tell_number(call)
        killed_at_ms = call.now_ms
        world.signal(world.handlers[0], signal.SIGKILL)
        await heard_again(call, streams=len(streams_heard(call)) + 1)
        await call.say(QUESTION)
        await call.agent_silent_for(1.0)
        await call.hang_up()
    record = await world.record(call)
    assert world.store.recordings is not None
    parts = await world.store.recordings.list_parts(record.call.call_sid)
    sound = await recorded_sound(world.store.recordings, record.call.call_sid)
    assert sound is not None
    first = [part for part in parts if part.attempt == 1]
    streamed_at_ms = streams_heard(call)[0]
    kept_ms = sum(part.samples for part in first) / SAMPLES_PER_MS
    lost_ms = killed_at_ms - streamed_at_ms - kept_ms
    print("lost ms", round(lost_ms))  # noqa: T201
    assert lost_ms <= AT_MOST_LOST_MS
    assert {part.attempt for part in parts} >= {1, record.call.attempt}
    assert sound.duration_ms > kept_ms
