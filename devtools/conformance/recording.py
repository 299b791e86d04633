"""What crossed a wire, in order: Gemini Live's messages, or Twilio's webhooks and stream."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_OUTPUT_BYTES_PER_MS = 48  # PCM16 at 24 kHz


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is the JSON as it was; {"ended": …} says how the peer ended a session, and
    {"request": "POST /path", "form": {…}} is a webhook."""

    at_ms: float
    is_ours: bool
    body: Json
    is_binary: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """One session, in order; times count from the connection."""

    messages: tuple[Message, ...]

    @property
    def ended(self) -> bool:
        return any("ended" in message.body for message in self.messages)

    def since_we_spoke(self) -> "Recording":
        """What came after our last message, audio aside."""
        ours = [
            n
            for n, message in enumerate(self.messages)
            if message.is_ours and "audio" not in message.body.get("realtimeInput", ())
        ]
        return Recording(self.messages[ours[-1] + 1 :] if ours else self.messages)

    def find(self, *path: str) -> list[Any]:
        """The values at `path` in what was received; an empty object counts, null does not."""
        found = (value_at(message.body, path) for message in self.messages if not message.is_ours)
        return [value for value in found if value is not None]

    @property
    def audio_ms(self) -> float:
        """How much the model has spoken."""
        parts = (
            part["inlineData"].get("data", "")
            for content in self.find("serverContent", "modelTurn", "parts")
            for part in content
            if "inlineData" in part
        )
        return sum(len(data) * 3 / 4 for data in parts) / _OUTPUT_BYTES_PER_MS

    @property
    def tool_call_ids(self) -> list[str]:
        """An empty text stands for a call without an id."""
        return [
            call.get("id", "") for calls in self.find("toolCall", "functionCalls") for call in calls
        ]

    @property
    def handle(self) -> str | None:
        """The newest resumption handle."""
        handles = [handle for handle in self.find("sessionResumptionUpdate", "newHandle") if handle]
        return str(handles[-1]) if handles else None


def value_at(body: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = body
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def keep(path: Path, recordings: Sequence[Recording]) -> None:
    """Write one message a line, without its sound."""
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
