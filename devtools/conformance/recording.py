"""What crossed the wire in one session, as values, and what can be asked about it.

Messages stay the JSON they were: the wire itself is what is compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_PCM16_BYTES_PER_SAMPLE = 2
_OUTPUT_HZ = 24_000


@dataclass(frozen=True, slots=True)
class Sent:
    at_ms: float
    message: Json


@dataclass(frozen=True, slots=True)
class Received:
    at_ms: float
    message: Json
    binary: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The peer ended the session. `how` is "closed with CODE" or "HTTP STATUS"."""

    at_ms: float
    how: str
    reason: str


Entry = Sent | Received | Ended


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it was: `index` counts the entries of its recording."""

    index: int
    at_ms: float
    value: Any


@dataclass(frozen=True, slots=True)
class AudioPart:
    mime_type: str
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Recording:
    """One session, in order; times count from the connection."""

    entries: tuple[Entry, ...]

    def since(self, index: int) -> "Recording":
        """What came after the entry with this index."""
        return Recording(self.entries[index + 1 :])

    def between(self, first: int, last: int) -> "Recording":
        return Recording(self.entries[first + 1 : last])

    @property
    def received(self) -> list[Received]:
        return [entry for entry in self.entries if isinstance(entry, Received)]

    @property
    def ended(self) -> Ended | None:
        return next((entry for entry in self.entries if isinstance(entry, Ended)), None)

    @property
    def set_up(self) -> bool:
        return bool(self.find("setupComplete"))

    @property
    def last_sent(self) -> int:
        """Index of the last message of ours that is no audio; -1 if there is none."""
        indexes = [
            index
            for index, entry in enumerate(self.entries)
            if isinstance(entry, Sent) and not _at(entry.message, ("realtimeInput", "audio"))
        ]
        return indexes[-1] if indexes else -1

    def find(self, *path: str) -> list[Found]:
        """The values at `path` in what was received; an empty object counts, null does not."""
        return [
            Found(index, entry.at_ms, value)
            for index, entry in enumerate(self.entries)
            if isinstance(entry, Received) and (value := _at(entry.message, path)) is not None
        ]

    @property
    def turn_completes(self) -> list[Found]:
        return self.find("serverContent", "turnComplete")

    @property
    def audio(self) -> list[Found]:
        """Every piece of the model's speech, as `AudioPart`."""
        return [
            Found(found.index, found.at_ms, _audio_part(part["inlineData"]))
            for found in self.find("serverContent", "modelTurn", "parts")
            for part in found.value
            if "inlineData" in part and not part.get("thought")
        ]

    @property
    def audio_ms(self) -> float:
        return sum((found.value.duration_ms for found in self.audio), start=0.0)

    def transcript(self, field: str) -> str:
        """The joined text of "inputTranscription" or "outputTranscription"."""
        return "".join(found.value.get("text", "") for found in self.find("serverContent", field))

    @property
    def tool_call_ids(self) -> list[str]:
        """An empty text stands for a call without an id."""
        calls = self.find("toolCall", "functionCalls")
        return [call.get("id", "") for found in calls for call in found.value]

    @property
    def handle(self) -> str | None:
        """The newest resumption handle."""
        found = self.find("sessionResumptionUpdate", "newHandle")
        return found[-1].value if found and found[-1].value else None


def _at(message: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = message
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _audio_part(blob: Mapping[str, Any]) -> AudioPart:
    encoded: str = blob.get("data", "")
    size = len(encoded) * 3 // 4 - encoded[-2:].count("=")
    return AudioPart(blob.get("mimeType", ""), size * 1000 / (_OUTPUT_HZ * _PCM16_BYTES_PER_SAMPLE))


def without_audio(message: Json) -> Json:
    """`message` with every long Base64 text replaced by its length, for keeping."""

    def shorten(value: Any, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {name: shorten(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [shorten(item) for item in value]
        if key == "data" and isinstance(value, str):
            return f"<{len(value)} characters>"
        return value

    shortened: Json = shorten(message)
    return shortened
