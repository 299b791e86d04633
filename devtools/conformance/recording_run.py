"""Runs every script once against an endpoint, and reads the behaviours off the recordings."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from devtools.conformance.behaviours import Behaviour
from devtools.conformance.observing import first_message
from devtools.conformance.outcomes import CannotTell, NotObserved, Outcome
from devtools.conformance.recording import Ended, Recording, without_audio
from devtools.conformance.scripts import Script, with_key
from devtools.conformance.wire import CannotConnect, Endpoint, Recorder

_SCRIPT_WITHIN_S = 90.0

# A real peer may send JSON of another shape than anybody expects; the other behaviours go on.
_ODD_SHAPE = (AttributeError, LookupError, TypeError, ValueError)

Told = Callable[[Behaviour, Outcome], None]


async def observe_all(
    behaviours: Sequence[Behaviour],
    endpoint: Endpoint,
    *,
    at_once: int,
    folder: Path,
    tell: Told,
) -> dict[str, Outcome]:
    """The outcome of every behaviour that has a probe, by id.

    `at_once` sessions run side by side. Each script's recording is written to `folder`, and
    `tell` hears of each outcome as it is known.
    """
    outcomes: dict[str, Outcome] = {}
    places = asyncio.Semaphore(at_once)

    async def run(script: Script, sharing: Sequence[Behaviour]) -> None:
        async with places:
            recordings = await _record(script, endpoint)
        if not isinstance(recordings, NotObserved):
            await asyncio.to_thread(_keep, folder / f"{sharing[0].id}.json", recordings)
        for behaviour in sharing:
            outcomes[behaviour.id] = _observe(behaviour, recordings)
            tell(behaviour, outcomes[behaviour.id])

    folder.mkdir(parents=True, exist_ok=True)
    async with asyncio.TaskGroup() as group:
        for script, sharing in _by_script(behaviours).items():
            group.create_task(run(script, sharing))
    return {b.id: outcomes[b.id] for b in behaviours if b.id in outcomes}


async def why_out_of_reach(endpoint: Endpoint) -> str | None:
    """Why no session can be had at all, such as a wrong key; None if one can."""
    recordings = await _record(with_key(endpoint.api_key), endpoint)
    if isinstance(recordings, NotObserved):
        return recordings.why
    try:
        first_message(recordings)
    except CannotTell as reason:
        return str(reason)
    return None


def _by_script(behaviours: Sequence[Behaviour]) -> Mapping[Script, list[Behaviour]]:
    """Behaviours that show in the same sessions share them."""
    shared: dict[Script, list[Behaviour]] = {}
    for behaviour in behaviours:
        if behaviour.probe is not None:
            shared.setdefault(behaviour.probe.script, []).append(behaviour)
    return shared


async def _record(script: Script, endpoint: Endpoint) -> Sequence[Recording] | NotObserved:
    recorder = Recorder(endpoint)
    try:
        async with asyncio.timeout(_SCRIPT_WITHIN_S):
            await script(recorder)
    except TimeoutError:
        return NotObserved(f"not over after {_SCRIPT_WITHIN_S:g} s")
    except CannotConnect as error:
        return NotObserved(str(error))
    except _ODD_SHAPE as error:
        return _of_odd_shape(error)
    return recorder.recordings


def _observe(behaviour: Behaviour, recordings: Sequence[Recording] | NotObserved) -> Outcome:
    if isinstance(recordings, NotObserved):
        return recordings
    if behaviour.probe is None:
        raise AssertionError("only behaviours with a probe have recordings")
    try:
        return behaviour.probe.observe(recordings)
    except CannotTell as reason:
        return NotObserved(str(reason))
    except _ODD_SHAPE as error:
        return _of_odd_shape(error)


def _of_odd_shape(error: Exception) -> NotObserved:
    return NotObserved(f"a message has an unexpected shape: {type(error).__name__}: {error}")


def _keep(path: Path, recordings: Sequence[Recording]) -> None:
    sessions = [
        [
            {"type": type(entry).__name__}
            | asdict(entry)
            | ({} if isinstance(entry, Ended) else {"message": without_audio(entry.message)})
            for entry in recording.entries
        ]
        for recording in recordings
    ]
    path.write_text(json.dumps(sessions, indent=1, ensure_ascii=False) + "\n", "utf-8")
