"""Runs the Gemini Live stand-in as a process, and reads what it heard and said."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.children import start_child, stop_child
from devtools.processes import ProcessFailed, python
from ringdown.clip_making.saying import INSTRUCTIONS
from ringdown_cli.command import make_folder
from simulators.speech.pcm import Pcm, read_wav

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 5.0
API_KEY = "stand-in-key"


@dataclass(frozen=True, slots=True)
class GeminiStandIn:
    """A running stand-in. `folder` receives the records of sessions as they end."""

    base_url: str
    ca_file: Path
    folder: Path
    process: asyncio.subprocess.Process

    def cause(self, **fault: str | float) -> None:
        """Make the open sessions misbehave: `do="go_away"` and so on, as in scenario files."""
        self._command(fault)

    def plan(self, *faults: Mapping[str, object]) -> None:
        """Plan faults for future sessions. Without any, they go smoothly."""
        self._command({"faults": faults})

    def _command(self, command: Mapping[str, object]) -> None:
        if self.process.stdin is None:
            raise AssertionError("standard input is a pipe")
        self.process.stdin.write(json.dumps(command).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """One spoken turn of the model: PCM at the session's `said_hz`."""

    text: str
    pcm: Pcm
    interrupted: bool


@dataclass(frozen=True, slots=True)
class ModelSession:
    """One session, from the model's side."""

    instructions: str
    heard: Pcm
    heard_hz: int
    turns: tuple[SpokenTurn, ...]
    said_hz: int


@asynccontextmanager
async def running_gemini_stand_in(scenario: Path, folder: Path) -> AsyncIterator[GeminiStandIn]:
    """Start the stand-in for `scenario`, wait until it is ready, stop it at the end."""
    log_path = make_folder(folder) / "gemini.log"
    with log_path.open("wb") as log_file:
        process = await start_child(
            (
                *(python(), "-m", "simulators.gemini_live", "--scenario", str(scenario)),
                *("--api-key", API_KEY, "--out", str(folder)),
            ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
        )
    try:
        ready = await _ready_line(process, log_path)
        yield GeminiStandIn(ready["base_url"], Path(ready["ca_file"]), folder, process)
    finally:
        await stop_child(process, within_s=_STOP_WITHIN_S)


def read_sessions(folder: Path) -> list[ModelSession]:
    """Return the sessions that have ended, in order, except those that made clips."""
    paths = sorted(folder.glob("session-*.json"), key=lambda path: int(path.stem.split("-")[1]))
    sessions = (_read_session(path) for path in paths)
    return [session for session in sessions if session.instructions != INSTRUCTIONS]


async def _ready_line(process: asyncio.subprocess.Process, log_path: Path) -> dict[str, str]:
    if process.stdout is None:
        raise AssertionError("standard output is a pipe")
    async with asyncio.timeout(_READY_WITHIN_S):
        line = await process.stdout.readline()
    if not line:
        text = log_path.read_text("utf-8", "replace")
        raise ProcessFailed(f"The Gemini stand-in ended:\n{text}")
    ready: dict[str, str] = json.loads(line)
    return ready


def _read_session(path: Path) -> ModelSession:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    heard_hz, (heard,) = read_wav(path.with_name(f"{path.stem}-heard.wav"))
    said_hz, (said,) = read_wav(path.with_name(f"{path.stem}-said.wav"))
    turns = tuple(
        SpokenTurn(
            text=turn["text"],
            pcm=said[turn["first_sample"] : turn["first_sample"] + turn["samples"]],
            interrupted=turn["interrupted"],
        )
        for turn in document["turns"]
    )
    return ModelSession(_instructions(document["setup"]), heard, heard_hz, turns, said_hz)


def _instructions(setup: dict[str, Any]) -> str:
    content = setup.get("systemInstruction") or setup.get("system_instruction") or {}
    return " ".join(part.get("text", "") for part in content.get("parts", ()))
