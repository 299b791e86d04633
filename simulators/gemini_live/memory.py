"""What a session knows, and what a resumption handle brings back."""

from dataclasses import dataclass, field, replace
from math import ceil

from simulators.gemini_live.messages import HistoryTurn, Usage

_INPUT_AUDIO_PER_S = 32
_OUTPUT_AUDIO_PER_S = 25
_PER_IMAGE = 258
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Meter:
    """The context so far, in tokens; every turn bills all of it again.

    Rates are Google's documented ones for Live models, rounded up.
    """

    text: int = 0
    audio: int = 0
    image: int = 0

    def with_image(self) -> "Meter":
        return replace(self, image=self.image + _PER_IMAGE)

    def with_text(self, text: str) -> "Meter":
        return replace(self, text=self.text + ceil(len(text) / _CHARACTERS_PER_TOKEN))

    def with_caller_speech(self, duration_ms: float) -> "Meter":
        return replace(self, audio=self.audio + ceil(duration_ms / 1000 * _INPUT_AUDIO_PER_S))

    def bill(self, speech_ms: float) -> tuple["Meter", Usage]:
        """Bill a turn that spoke for `speech_ms`; returns the context after it, and its usage."""
        spoken = ceil(speech_ms / 1000 * _OUTPUT_AUDIO_PER_S)
        return replace(self, audio=self.audio + spoken), Usage(
            self.text, self.audio, self.image, spoken
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """`answered` names the scenario's turns that have been answered, including "greeting"."""

    answered: frozenset[str] = frozenset()
    history: tuple[HistoryTurn, ...] = ()
    meter: Meter = field(default=Meter())
    unspoken: tuple[str | None, ...] = ()
    """The pictures that arrived since the latest speech or text; None for unknown ones."""

    def with_answer(self, turn: str) -> "Memory":
        return replace(self, answered=self.answered | {turn})

    def with_meter(self, meter: Meter) -> "Memory":
        return replace(self, meter=meter)

    def with_turn(self, role: str, text: str) -> "Memory":
        return replace(self, history=(*self.history, HistoryTurn(role, text)))


@dataclass(frozen=True, slots=True)
class Resumable:
    """What a handle stands for. `session` is the number of the session that got it."""

    memory: Memory
    model: str
    session: int
