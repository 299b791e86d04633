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
    """A number of seconds since setup, or of chunks, turns or calls sent."""

    moment: Moment
    count: float


@dataclass(frozen=True, slots=True)
class RefuseUpgrade:
    """Respond to the WebSocket handshake with an HTTP error."""

    status: int = 503


@dataclass(frozen=True, slots=True)
class WithholdSetup:
    """Accept the setup and never respond to it."""


@dataclass(frozen=True, slots=True)
class DelaySetup:
    delay_s: float


@dataclass(frozen=True, slots=True)
class RefuseResumption:
    """Refuse every handle, as if it had expired; sessions without one are accepted."""

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
    """Accept a handle, but remember nothing of the session behind it."""


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

    A deaf session doesn't notice the client leaving, either: it ends with the server.
    """

    deaf: bool = False


@dataclass(frozen=True, slots=True)
class PhantomInterruption:
    """Report an interruption although the caller was silent."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send `message` unchanged; by default one whose keys no client knows."""

    message: Mapping[str, Any] = field(default_factory=lambda: {"weatherReport": {"sunny": True}})


@dataclass(frozen=True, slots=True)
class SendBinary:
    """Send bytes that are neither JSON nor UTF-8."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """From now on, repeat calls that were cancelled because the caller spoke, under new ids.

    The scenario's reply to what they said comes first. Each call is repeated once.
    """


@dataclass(frozen=True, slots=True)
class Flood:
    """Send `count` transcript fragments in one go."""

    count: int = 2_000


@dataclass(frozen=True, slots=True)
class ChangeSpeed:
    """From now on, send audio at `speed` times real time; below 1, playback starves."""

    speed: float


FalseVoice = Literal["silence", "noise", "tone"]


@dataclass(frozen=True, slots=True)
class ReplaceVoice:
    """From now on, send zeros, noise of ±18, or a loud tone instead of speech.

    With silence and noise the words continue; with a tone they stop.
    """

    by: FalseVoice = "silence"


Misquote = Literal["other_words", "cut_off"]


@dataclass(frozen=True, slots=True)
class ReciteBadly:
    """From now on, recite texts with extra words in front, or only half of them."""

    by: Misquote = "other_words"


@dataclass(frozen=True, slots=True)
class DelayCallerTranscripts:
    """From now on, send the caller's words this much later."""

    delay_s: float = 4.0


@dataclass(frozen=True, slots=True)
class TrailAgentTranscripts:
    """From now on, send a turn's words only this long after its turnComplete."""

    delay_s: float = 0.3


@dataclass(frozen=True, slots=True)
class EndEmptyTurns:
    """From now on, end every turn without a word, with this reason."""

    reason: str = "RESPONSE_REJECTED"


@dataclass(frozen=True, slots=True)
class IgnoreShortSounds:
    """From now on, don't reply to sounds shorter than this.

    With `stops` they still interrupt the model; otherwise they don't.
    """

    below_s: float = 0.6
    stops: bool = False


@dataclass(frozen=True, slots=True)
class HearNobody:
    """From now on, hear nothing from the caller. Texts still get replies."""


@dataclass(frozen=True, slots=True)
class EndTurnWithCall:
    """From now on, a tool call ends a turn that has no words yet; `then` becomes another turn."""


@dataclass(frozen=True, slots=True)
class RepeatTurnComplete:
    """Send every turnComplete twice."""


@dataclass(frozen=True, slots=True)
class GoingAway:
    """Announce the end with goAway, and close with 1000 when the time is up.

    With `every_s`, repeat the announcement with the time that is left.
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
    """`session` counts connections from 1; None means all. No `after` means immediately."""

    action: Misbehaviour
    after: After | None = None
    session: int | None = None


class FaultPlan:
    """Tracks when the faults of one session happen, and returns each of them once."""

    def __init__(self, faults: tuple[Fault, ...], session: int) -> None:
        self._pending = [fault for fault in faults if fault.session in (None, session)]
        self._counts = dict.fromkeys(Moment, 0.0)

    def at_connect(self) -> AtConnect | None:
        """Return the fault to cause while the client connects, if any."""
        for fault in self._pending:
            if isinstance(fault.action, AtConnect):
                return fault.action
        return None

    def count(self, moment: Moment) -> list[InSession]:
        """Count a chunk, turn or call that was sent; returns the faults to cause after it."""
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
