"""What the model does in a call: what it replies to, what it says, which tools it calls."""

from dataclasses import dataclass, field
from typing import Any

from simulators.gemini_live.faults import Fault
from simulators.speech.synthesis import Voice

MODEL_VOICE = Voice("en-us+f3")


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A tool call to make. The tool must be declared in the session's setup."""

    tool: str
    args: Any = field(default_factory=dict)
    """Usually an object; models have been seen to send other values, so the stand-in can, too."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Speak `say`, then make all `calls`; when all have results, speak `then`.

    `otherwise` is for a response with an `error` and for a tool that isn't declared. `then` may
    contain values of the result, however the client wraps it: "{balance}" or, with several calls,
    "{lookup_account.balance}".
    """

    say: str | None = None
    calls: tuple[PlannedCall, ...] = ()
    then: str | None = None
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """The reply to one of the sentences in `heard`, to a text that contains `text`, or to the first
    text after one of the pictures in `seen`.

    With `needs`, the turn of that name must have been answered, or its picture shown, before (in
    this session, one it resumed, or its re-seeded history); otherwise the model says `forgotten`.
    """

    name: str
    reply: Reply
    heard: tuple[str, ...] = ()
    text: str | None = None
    seen: tuple[str, ...] = ()
    needs: str | None = None
    forgotten: str | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the model is: `speed` 4 sends a second of audio in a quarter of a second."""

    thinking_ms: float = 250
    chunk_ms: float = 40
    speed: float = 4.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`greeting` replies to the first text of a call, `unknown` to anything not understood.

    Languages other than English need `caller_voice`: their sentences are recognised only as that
    voice says them, punctuation included. English is understood from any voice.

    If several turns have the same sentence, the first one that hasn't been answered yet replies, or
    the last one if all have been.
    """

    turns: tuple[Turn, ...] = ()
    greeting: Reply | None = None
    unknown: Reply | None = None
    decoys: tuple[str, ...] = ()
    voice: Voice = MODEL_VOICE
    caller_voice: Voice | None = None
    pace: Pace = Pace()
    faults: tuple[Fault, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        return tuple(phrase for turn in self.turns for phrase in turn.heard)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Everything the model may say, except sentences with values to fill in."""
        replies = [turn.reply for turn in self.turns]
        replies += [reply for reply in (self.greeting, self.unknown) if reply]
        texts = [text for reply in replies for text in (reply.say, reply.then, reply.otherwise)]
        texts += [turn.forgotten for turn in self.turns]
        return tuple(text for text in texts if text and "{" not in text)
