"""One turn of the model: what it still has to do, and how much of it has been sent."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from simulators.gemini_live.delivery import Delivery, duration_ms
from simulators.gemini_live.messages import AudioChunk, OutputTranscript, ServerMessage
from simulators.gemini_live.scenario import PlannedCall, Reply
from simulators.gemini_live.tool_ledger import Batch


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class MakeCalls:
    calls: tuple[PlannedCall, ...]
    reply: Reply
    again: bool = False
    """Whether the calls were made before and cancelled."""


Step = Say | MakeCalls


def steps_of(reply: Reply) -> list[Step]:
    steps: list[Step] = [Say(reply.say)] if reply.say else []
    return [*steps, MakeCalls(reply.calls, reply)] if reply.calls else steps


class ModelTurn:
    """Thinks until `begins_at_ms`, then generates, then plays until `playback_end_ms`."""

    def __init__(
        self, turn_id: int, answers: str | None, steps: Sequence[Step], begins_at_ms: float
    ) -> None:
        self.turn_id = turn_id
        self.answers = answers
        """Name of the scenario's turn, noted as answered when generation begins."""
        self.steps = deque(steps)
        self.begins_at_ms = begins_at_ms
        self.generating = False
        self.generated = False
        """Whether generationComplete has been sent."""
        self.sentence: str | None = None
        """The sentence being synthesised."""
        self.delivery: Delivery | None = None
        self.waits_for: Batch | None = None
        self.samples = 0
        self.playback_start_ms = 0.0
        self.playback_end_ms = 0.0
        self._spoken: list[str] = []

    @property
    def next_due_ms(self) -> float | None:
        """When the next step happens; None while waiting for speech or for tool responses."""
        if not self.generating:
            return self.begins_at_ms
        if self.delivery:
            return self.delivery.next_due_ms
        if self.sentence is not None or self.waits_for:
            return None
        return self.playback_end_ms if self.generated else self.begins_at_ms

    @property
    def text(self) -> str:
        """The words that have been sent."""
        return "".join(self._spoken).strip()

    def deliver(self, delivery: Delivery, now_ms: float) -> None:
        self.sentence = None
        self.delivery = delivery
        self._spoken.append(" ")
        if not self.samples:
            self.playback_start_ms = now_ms

    def take(self, now_ms: float) -> list[ServerMessage]:
        """Return the audio and text to send now, and track when they will have been played."""
        if not self.delivery:
            return []
        messages = self.delivery.take(now_ms)
        for message in messages:
            if isinstance(message, AudioChunk):
                self.samples += len(message.data) // 2
                chunk_ms = duration_ms(len(message.data) // 2)
                self.playback_end_ms = max(self.playback_end_ms, now_ms) + chunk_ms
            elif isinstance(message, OutputTranscript):
                self._spoken.append(message.text)
        if self.delivery.finished:
            self.delivery = None
        return messages

    def heard_ms(self, now_ms: float) -> float:
        """How much has been played by `now_ms`."""
        unplayed_ms = max(self.playback_end_ms - now_ms, 0)
        return max(duration_ms(self.samples) - unplayed_ms, 0)
