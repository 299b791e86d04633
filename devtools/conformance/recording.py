"""Recordings of what crossed a wire: Gemini Live's messages, or Twilio's webhooks and stream."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is the original JSON; {"ended": …} says how the peer ended a session, and
    {"request": "POST /path", "form": {…}} is a webhook."""

    at_ms: float
    is_ours: bool
    body: Json
    is_binary: bool = False


@dataclass(slots=True)
class Recording:
    """One session, in order; times are measured from the connection."""

    messages: list[Message] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return any("ended" in message.body for message in self.messages)

    def since_we_spoke(self) -> "Recording":
        """Return what came after the last message we sent that wasn't audio."""
        for n in reversed(range(len(self.messages))):
            message = self.messages[n]
            if message.is_ours and "audio" not in message.body.get("realtimeInput", ()):
                return Recording(self.messages[n + 1 :])
        return self

    def find(self, *path: str) -> list[Any]:
        """The values at `path` in what was received; an empty object counts, null does not."""
        found = (_value_at(message.body, path) for message in self.messages if not message.is_ours)
        return [value for value in found if value is not None]


def _value_at(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def keep(path: Path, recordings: Sequence[Recording]) -> None:
    """Write one message per line, without audio."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        json.dumps({"session": n, **asdict(message), "body": _without_sound(message.body)})
        for n, recording in enumerate(recordings, 1)
        for message in recording.messages
    )
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _without_sound(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _without_sound(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_sound(item) for item in value]
    if key in ("data", "payload") and isinstance(value, str):
        return f"<{len(value)} characters>"
    return value
