"""Fifty parallel calls on Firestore: every word recorded once, whatever Firestore does."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.end_to_end.counted_calls import CountedCall
from tests.end_to_end.counted_line import counted_line, differences
from tests.ringdown.stores.recording_proxy import Written

CALLS = 50
WELL_TURNS, TROUBLED_TURNS = 10, 7  # about 12 s, and 8 s, of conversation
SLOW_S = 2.0
WINDOW_S = 10.0
ROUTINE_WRITES = 10
"""The most routine writes in one window: one a second."""
WRITTEN_AT_ONCE = 4
"""The writes that can't wait: create, claim, end, and Twilio's report of the end."""

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(180)]


async def test_fifty_calls_are_recorded_word_for_word_and_at_the_pace(
    tmp_path: Path, firestore_project: str
) -> None:
    async with counted_line(firestore_project, tmp_path) as line:
        calls = line.ringing(CALLS, WELL_TURNS)
        await line.carry(calls)
        await line.settled(calls)
    written = line.firestore.writes

    replayed = await line.replay_letters()  # on a slow machine there are some
    assert await differences(firestore_project, calls) == []
    assert line.tool_requests == requests_due(calls)
    paces = busiest_windows(written)
    print(f"\nThe most writes to one document in {WINDOW_S:g} s: {max(paces.values())}")  # noqa: T201
    too_often = {
        path: count
        for path, count in paces.items()
        if count > ROUTINE_WRITES + (WRITTEN_AT_ONCE if path.count("/") == 1 else 2)
    }
    assert too_often == {}, f"too many writes to one document in {WINDOW_S:g} s"
    statuses = {call.call_sid: statuses_written(written, call) for call in calls}
    once_each = ("ringing", "in_progress", "ended")
    assert {sid: s for sid, s in statuses.items() if s != once_each and sid not in replayed} == {}


async def test_fifty_calls_are_recorded_word_for_word_while_firestore_takes_two_seconds(
    tmp_path: Path, firestore_project: str
) -> None:
    async with counted_line(firestore_project, tmp_path) as line:
        line.firestore.delay_s = SLOW_S
        calls = line.ringing(CALLS, TROUBLED_TURNS)
        await line.carry(calls)
        await line.settled(calls)

    await line.replay_letters()  # on a slow machine there are some
    assert await differences(firestore_project, calls) == []


async def test_fifty_calls_leave_whole_dead_letters_when_firestore_is_gone(
    tmp_path: Path, firestore_project: str
) -> None:
    """Half of the calls begin before Firestore goes away."""
    async with counted_line(firestore_project, tmp_path) as line:
        before, after = (line.ringing(CALLS // 2, TROUBLED_TURNS) for _ in range(2))
        async with asyncio.TaskGroup() as group:
            group.create_task(line.carry(before))
            await line.until_talking(before)
            line.hop.leave()
            group.create_task(line.carry(after))
        calls = [*before, *after]
        await line.until_letters_have_left(calls)
        line.hop.come_back()
        replayed = await line.replay_letters()
        await line.settled(calls)

    assert await differences(firestore_project, calls) == []
    assert replayed.count("written: ") >= CALLS
    assert "nothing was missing" in await line.replay_letters()


# What must hold


def requests_due(calls: Sequence[CountedCall]) -> Counter[tuple[str, int]]:
    """The requests that the tool should have got: one for each tool call."""
    return Counter(
        (call.caller, int(call_id.partition("-")[2]))
        for call in calls
        for call_id in call.tools_asked
    )


def busiest_windows(written: Sequence[Written]) -> dict[str, int]:
    """How many writes each document of a call got in its busiest window."""
    times_s = defaultdict(list)
    for write in written:
        if write.path.startswith("calls/"):
            times_s[write.path].append(write.at_s)
    return {
        path: max(sum(at_s <= t < at_s + WINDOW_S for t in times) for at_s in times)
        for path, times in times_s.items()
    }


def statuses_written(written: Sequence[Written], call: CountedCall) -> tuple[str, ...]:
    """The statuses written, in order and each only once, because both Twilio and the handler may
    report the end of a call."""
    path = f"calls/{call.call_sid}"
    return tuple(
        dict.fromkeys(write.status for write in written if write.path == path and write.status)
    )
