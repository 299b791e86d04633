"""Misbehaviour on demand: what goes wrong, in which session and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal


class Moment(Enum):
    """What `after` counts."""

    SECONDS = "seconds"
    AUDIO_CHUNKS = "audio_chunks"
    TURNS = "turns"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class After:
    """A number of seconds since setup, or of chunks, turns or calls that were sent."""

    moment: Moment
    count: float


@dataclass(frozen=True, slots=True)
class RefuseUpgrade:
    """Answer the WebSocket handshake with an HTTP error."""

    status: int = 503


@dataclass(frozen=True, slots=True)
class WithholdSetup:
    """Take the setup and never answer it."""


@dataclass(frozen=True, slots=True)
class DelaySetup:
    delay_s: float


@dataclass(frozen=True, slots=True)
class RefuseResumption:
    """Refuse every handle, as one that is expired; sessions without one are let in."""

    code: int = 1008
    reason: str = "Session not found."


@dataclass(frozen=True, slots=True)
class RefuseSetup:
    """Refuse every session, for one of the reasons in `refusals.KNOWN_REFUSALS`."""

    why: str


@dataclass(frozen=True, slots=True)
class RefuseLongSetup:
    """Refuse instructions longer than `characters`, as the service does with 1007."""

    characters: int = 9_000


@dataclass(frozen=True, slots=True)
class ForgetSession:
    """Take a handle, and remember nothing of the session behind it."""


@dataclass(frozen=True, slots=True)
class Close:
    code: int = 1011
    reason: str = "Internal error encountered."


@dataclass(frozen=True, slots=True)
class AbortConnection:
    """Drop the TCP connection without a close frame."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Say nothing more; with `deaf`, stop reading as well, so that the client's sends block.

    Who is deaf does not hear the client leave either: such a session ends with the server.
    """

    deaf: bool = False


@dataclass(frozen=True, slots=True)
class PhantomInterruption:
    """Report an interruption although the caller was silent."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send `message` word for word; by default one whose keys no client knows."""

    message: Mapping[str, Any] = field(default_factory=lambda: {"weatherReport": {"sunny": True}})


@dataclass(frozen=True, slots=True)
class SendBinary:
    """Send bytes that are neither JSON nor UTF-8."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """From now on make a call again, under a new id, that was cancelled because the caller spoke.

    The scenario's answer to what they said comes first. Each call is made again once.
    """


@dataclass(frozen=True, slots=True)
class Flood:
    """Send `count` transcript fragments in one go."""

    count: int = 2_000


@dataclass(frozen=True, slots=True)
class ChangeSpeed:
    """From now on send audio at `speed` times real time; below 1, playback starves."""

    speed: float


FalseVoice = Literal["silence", "noise", "tone"]


@dataclass(frozen=True, slots=True)
class ReplaceVoice:
    """From now on send zeros, noise of ±18, or a loud tone instead of speech.

    With silence and noise the words continue; with a tone they stop.
    """

    by: FalseVoice = "silence"


Misquote = Literal["other_words", "cut_off"]


@dataclass(frozen=True, slots=True)
class ReciteBadly:
    """From now on, recite texts with something in front, or only half of them."""

    by: Misquote = "other_words"


@dataclass(frozen=True, slots=True)
class DelayCallerTranscripts:
    """From now on send the words of the caller so much later."""

    delay_s: float = 4.0


@dataclass(frozen=True, slots=True)
class TrailAgentTranscripts:
    """From now on send the words of a turn only so long after its turnComplete."""

    delay_s: float = 0.3


@dataclass(frozen=True, slots=True)
class EndEmptyTurns:
    """From now on answer everything by ending the turn without a word, for this reason."""

    reason: str = "RESPONSE_REJECTED"


@dataclass(frozen=True, slots=True)
class IgnoreShortSounds:
    """From now on leave what is shorter than this unanswered.

    With `stops` it interrupts the model all the same, else it doesn't.
    """

    below_s: float = 0.6
    stops: bool = False


@dataclass(frozen=True, slots=True)
class HearNobody:
    """From now on take the caller for silent. Texts are still answered."""


@dataclass(frozen=True, slots=True)
class EndTurnWithCall:
    """From now on end a turn that has no word yet with its tool call; `then` is another turn."""


@dataclass(frozen=True, slots=True)
class RepeatTurnComplete:
    """Send every turnComplete twice."""


@dataclass(frozen=True, slots=True)
class GoingAway:
    """Announce the end with goAway, and close with 1000 when the time is over.

    With `every_s` announce it again and again, with the time that is left.
    """

    time_left_s: float = 10.0
    every_s: float | None = None


@dataclass(frozen=True, slots=True)
class ForgetHandles:
    """Hand out resumption handles that will be refused."""


AtConnect = (
    RefuseUpgrade
    | WithholdSetup
    | DelaySetup
    | RefuseResumption
    | RefuseSetup
    | RefuseLongSetup
    | ForgetSession
)
InSession = (
    Close
    | AbortConnection
    | Stall
    | PhantomInterruption
    | SendMessage
    | SendBinary
    | AskAgain
    | Flood
    | ChangeSpeed
    | ReplaceVoice
    | ReciteBadly
    | DelayCallerTranscripts
    | TrailAgentTranscripts
    | EndEmptyTurns
    | IgnoreShortSounds
    | HearNobody
    | EndTurnWithCall
    | RepeatTurnComplete
    | GoingAway
    | ForgetHandles
)
Misbehaviour = AtConnect | InSession


@dataclass(frozen=True, slots=True)
class Fault:
    """`session` counts connections from 1; None is every one. No `after` means immediately."""

    action: Misbehaviour
    after: After | None = None
    session: int | None = None


class FaultPlan:
    """Says which faults of one session have fallen due; each does so once."""

    def __init__(self, faults: tuple[Fault, ...], session: int) -> None:
        self._pending = [fault for fault in faults if fault.session in (None, session)]
        self._counts = dict.fromkeys(Moment, 0.0)

    def at_connect(self) -> AtConnect | None:
        """The fault that meets the client at the door, if any."""
        for fault in self._pending:
            if isinstance(fault.action, AtConnect):
                return fault.action
        return None

    def count(self, moment: Moment) -> list[InSession]:
        """One more chunk, turn or call was sent."""
        self._counts[moment] += 1
        return self._due()

    def at(self, elapsed_s: float) -> list[InSession]:
        self._counts[Moment.SECONDS] = elapsed_s
        return self._due()

    @property
    def next_s(self) -> float | None:
        """Seconds after setup at which the next timed fault happens."""
        times = (f.after.count for f in self._pending if f.after and f.after.moment is _SECONDS)
        return min(times, default=None)

    def _due(self) -> list[InSession]:
        due = [fault for fault in self._pending if self._is_due(fault.after)]
        self._pending = [fault for fault in self._pending if fault not in due]
        return [f.action for f in due if not isinstance(f.action, AtConnect)]

    def _is_due(self, after: After | None) -> bool:
        return after is None or self._counts[after.moment] >= after.count


_SECONDS = Moment.SECONDS
