"""The record of one session: for tests while it runs, and for people in a folder afterwards."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from simulators.gemini_live.actions import (
    Note,
    Problem,
    ToolAnswered,
    ToolCalled,
    TurnSpoken,
    UtteranceHeard,
)
from simulators.gemini_live.messages import OUTPUT_HZ, Setup
from simulators.speech.pcm import Pcm, from_bytes, write_wav


@dataclass(frozen=True, slots=True)
class Received:
    """A client message. `kind` is like "realtime_input.audio"; for audio, only the size is kept."""

    at_ms: float
    kind: str
    audio_bytes: int
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A server message. `kind` is like "AudioChunk"; for audio, only the size is kept."""

    at_ms: float
    kind: str
    audio_bytes: int
    text: str


@dataclass(slots=True, eq=False)
class SessionRecord:
    """Times are milliseconds since the connection was accepted, on a monotonic clock."""

    number: int
    path: str
    setup: Setup | None = None
    setup_message: Mapping[str, Any] = field(default_factory=dict)
    resumed: bool = False
    received: list[Received] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    utterances: list[UtteranceHeard] = field(default_factory=list)
    turns: list[TurnSpoken] = field(default_factory=list)
    tool_calls: list[ToolCalled] = field(default_factory=list)
    tool_responses: list[ToolAnswered] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    heard_hz: int = 16_000
    close_code: int | None = None
    """How the connection ended, None while it is open; 1006 without a close frame."""
    close_reason: str = ""
    closed_by_server: bool = False
    _heard: bytearray = field(default_factory=bytearray)
    _said: bytearray = field(default_factory=bytearray)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def heard_pcm(self) -> Pcm:
        """All audio received, at `heard_hz`."""
        return from_bytes(bytes(self._heard))

    @property
    def said_pcm(self) -> Pcm:
        """All audio sent, at 24 kHz; `TurnSpoken.first_sample` is a position in it."""
        return from_bytes(bytes(self._said))

    @property
    def closed(self) -> bool:
        return self.close_code is not None

    def said_in(self, turn: TurnSpoken) -> Pcm:
        return self.said_pcm[turn.first_sample : turn.first_sample + turn.samples]

    def add_received(self, entry: Received, audio: bytes = b"") -> None:
        self.received.append(entry)
        self._heard += audio
        self.announce()

    def add_sent(self, entry: Sent, audio: bytes = b"") -> None:
        self.sent.append(entry)
        self._said += audio
        self.announce()

    def add_note(self, note: Note) -> None:
        match note:
            case UtteranceHeard():
                self.utterances.append(note)
            case TurnSpoken():
                self.turns.append(note)
            case ToolCalled():
                self.tool_calls.append(note)
            case ToolAnswered():
                self.tool_responses.append(note)
            case Problem():
                self.problems.append(note)
        self.announce()

    def announce(self) -> None:
        """Wake everything that waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_until(
        self, condition: Callable[["SessionRecord"], bool], *, timeout_s: float = 10
    ) -> None:
        """Return once `condition` holds; raises a TimeoutError that says what was seen instead."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"not within {timeout_s} s; seen so far: {self.summary()}") from None

    def summary(self) -> str:
        heard = [utterance.phrase for utterance in self.utterances]
        said = [turn.text for turn in self.turns]
        kinds = [entry.kind for entry in self.sent[-8:]]
        return (
            f"session {self.number}, heard {heard}, said {said}, last sent {kinds},"
            f" closed {self.close_code} {self.close_reason}"
        )

    def save(self, folder: Path) -> None:
        """Write session-N.json, session-N-heard.wav and session-N-said.wav."""
        stem = f"session-{self.number}"
        document = {
            "number": self.number,
            "path": self.path,
            "setup": self.setup_message,
            "resumed": self.resumed,
            "utterances": [asdict(entry) for entry in self.utterances],
            "turns": [asdict(entry) for entry in self.turns],
            "tool_calls": [asdict(entry) for entry in self.tool_calls],
            "tool_responses": [asdict(entry) for entry in self.tool_responses],
            "problems": [asdict(entry) for entry in self.problems],
            "received": [asdict(entry) for entry in self.received],
            "sent": [asdict(entry) for entry in self.sent],
            "heard_hz": self.heard_hz,
            "said_hz": OUTPUT_HZ,
            "close_code": self.close_code,
            "close_reason": self.close_reason,
            "closed_by_server": self.closed_by_server,
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        # A scenario may contain half a surrogate pair.
        (folder / f"{stem}.json").write_text(text, encoding="utf-8", errors="backslashreplace")
        write_wav(folder / f"{stem}-heard.wav", self.heard_hz, self.heard_pcm)
        write_wav(folder / f"{stem}-said.wav", OUTPUT_HZ, self.said_pcm)
