"""In every recorded call, the core does what it did when the call was recorded."""

from functools import cache
from pathlib import Path

import pytest

from ringdown.calls import EndReason
from stream_handler.call import actions, events
from stream_handler.call.events import TimerFired
from stream_handler.call.timers import Timer
from tests.stream_handler.calls.recording import FOLDER, Recording, first_difference, read

RECORDINGS = sorted(FOLDER.glob("*.jsonl"))
ELSEWHERE = {EndReason.OUTSIDE_HOURS, EndReason.HANDLER_BUSY, EndReason.NEVER_STREAMED}
"""End reasons of calls that never have a session."""


@cache
def recording_of(path: Path) -> Recording:
    return read(path)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_core_decides_as_recorded(path: Path) -> None:
    difference = first_difference(recording_of(path))

    assert difference is None, f"{path.name}, {difference}"


def test_the_recordings_have_every_kind_of_event() -> None:
    steps = [step for path in RECORDINGS for step in recording_of(path).steps]

    assert kinds_in(events) - {type(step.event).__name__ for step in steps} == set()
    fired = {step.event.timer for step in steps if isinstance(step.event, TimerFired)}
    assert set(Timer) - fired == set()


def test_the_recordings_have_every_kind_of_action() -> None:
    done = [
        action
        for path in RECORDINGS
        for step in recording_of(path).steps
        for action in step.actions
    ]

    assert kinds_in(actions) - {name for name, _ in done} == set()
    reasons = {fields["changes"].get("end_reason") for name, fields in done if name == "SaveCall"}
    assert set(EndReason) - ELSEWHERE - reasons == set()


def kinds_in(module: object) -> set[str]:
    """The names of the classes defined in the module."""
    return {
        name
        for name, kind in vars(module).items()
        if isinstance(kind, type) and kind.__module__ == vars(module)["__name__"]
    }
