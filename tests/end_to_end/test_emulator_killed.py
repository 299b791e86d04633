"""Firestore dies in the middle of calls and comes back empty, as its emulator does."""

import asyncio
from pathlib import Path

import pytest

from tests.emulator import VARIABLE, Emulator, a_project, running_emulator
from tests.end_to_end.counted_line import counted_line, differences

CALLS = 6
FOR_EVER = 1_000
TURNS_AFTER_IT = 8  # about 10 s, in which handlers notice and rewrite everything
IN_THE_MIDDLE_S = 4.0


@pytest.mark.timeout(180)
@pytest.mark.real_time
async def test_calls_continue_and_their_records_are_whole_on_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_emulator(tmp_path) as emulator:
        monkeypatch.setenv(VARIABLE, emulator.host)
        project = a_project()
        async with counted_line(project, tmp_path) as line:
            calls = line.ringing(CALLS, FOR_EVER)
            async with asyncio.TaskGroup() as group:
                group.create_task(line.carry(calls))
                await line.until_talking(calls)
                await asyncio.sleep(IN_THE_MIDDLE_S)
                before = await line.store.read_record(calls[0].call_sid)
                await asyncio.to_thread(restart, emulator)
                agent = await line.store.read_agent("default")
                for call in calls:
                    call.turns = call.spoken + TURNS_AFTER_IT
            await line.settled(calls)
        different = await differences(project, calls)

    assert before is not None
    assert before.turns, "nothing was recorded before the emulator died"
    assert agent is None, "the emulator must come back empty"
    assert different == []


def restart(emulator: Emulator) -> None:
    emulator.kill()
    emulator.start()
