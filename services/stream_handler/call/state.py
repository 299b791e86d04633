"""Where a call stands: its phases and flags, and the allowed moves between them.

How the stream ends. Every step is guaranteed to happen:

    TALKING ──end_call, transfer_call──▶ GOODBYE ──heard, or a limit──▶ SAVING ──▶ CLOSED
     │  ▲                                 │   └────────────▶ ANSWERED ────▲
     │  └─── interrupted before it began ─┘  the caller speaks │ │        │
     │  └──── the model speaks again, or calls a tool ─────────┘ └────────┤
     └──────────────── hang-up, limit, loss, failure ─────────────────────┘

The connection to the model:

    CONNECTING ──connected──▶ LISTENING ──lost, leave──▶ RECONNECTING
                               │     ▲ ◀────connected──────────┘ ▲
                              move   └connected, failed┐         │
                               └────────────────────▶ MOVING ──lost

A session must be closed before it can be resumed by its handle: we leave it. A fresh session can be
opened while the old one keeps listening (MOVING), and the caller doesn't notice.

A move that isn't allowed is a bug. It leaves the state unchanged and raises a warning: tests turn
warnings into errors; in production the call continues and the warning is logged.
"""

import enum
import math
import warnings
from dataclasses import dataclass, field

from ringdown.calls import Call, EndReason, NextAction, Usage
from stream_handler.call.speech import SpeechStopped


class WrongMove(UserWarning):
    """The core tried a move that the tables in this file don't allow."""


# How the stream ends


class Phase(enum.Enum):
    TALKING = enum.auto()
    GOODBYE = enum.auto()
    """The model has asked to end the stream. Its goodbye is being spoken, or hasn't begun."""
    ANSWERED = enum.auto()
    """The caller spoke after the goodbye, or cut it off: "bye", or "wait"."""
    SAVING = enum.auto()
    """The conversation is over. Only the final save is pending."""
    CLOSED = enum.auto()


_PHASE_MOVES = {
    Phase.TALKING: {Phase.GOODBYE, Phase.SAVING},
    Phase.GOODBYE: {Phase.TALKING, Phase.ANSWERED, Phase.SAVING},
    Phase.ANSWERED: {Phase.TALKING, Phase.SAVING},
    Phase.SAVING: {Phase.CLOSED},
    Phase.CLOSED: set[Phase](),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why the stream ends, and what happens to the call next; None if that is undecided."""

    reason: EndReason
    next: NextAction | None
    transfer_to: str | None = None
    transfer_reason: str | None = None


HANG_UP = Outcome(EndReason.AGENT_HUNG_UP, NextAction.HANG_UP)

# A lost or handed-over stream leaves the next step undecided: if the caller is still there,
# `/after-stream` has another handler take over the call.
OUTCOMES = {
    EndReason.AGENT_HUNG_UP: NextAction.HANG_UP,
    EndReason.CALLER_HUNG_UP: NextAction.HANG_UP,
    EndReason.CALLER_ASKED_FOR_PERSON: NextAction.CONNECT_PERSON,
    EndReason.CALLER_IDLE: NextAction.IDLE_GOODBYE,
    EndReason.TIME_LIMIT: NextAction.TIME_GOODBYE,
    EndReason.COST_LIMIT: NextAction.TIME_GOODBYE,
    EndReason.STREAM_LOST: None,
    EndReason.MODEL_UNAVAILABLE: NextAction.FALL_BACK,
    EndReason.MODEL_LOST: NextAction.FALL_BACK,
    EndReason.HANDLER_STOPPED: None,
}


def transfer_to(name: str, reason: str | None = None) -> Outcome:
    return Outcome(EndReason.TRANSFERRED, NextAction.TRANSFER, name, reason)


class Ending:
    """The stream's phase, and how it came to end."""

    def __init__(self) -> None:
        self._phase = Phase.TALKING
        self.outcome: Outcome | None = None
        self._intended = HANG_UP
        self._spoken = False
        self._cut_off = False

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def over(self) -> bool:
        """Whether the conversation is over, so that nothing more is played or answered."""
        return self._phase in (Phase.SAVING, Phase.CLOSED)

    @property
    def intended(self) -> Outcome:
        """What the current goodbye leads to."""
        return self._intended

    @property
    def goodbye_begun(self) -> bool:
        """Whether the model has begun the goodbye that it asked for."""
        return self._phase is Phase.GOODBYE and self._spoken

    def goodbye_requested(self, intended: Outcome, *, spoken: bool) -> bool:
        """Note that the model wants to end the stream. Return False if it was already ending.

        `spoken` says whether it has said its goodbye. A caller's "bye" in return doesn't change
        that: it must not hold the line open.
        """
        if self._phase is not Phase.TALKING:
            return False
        self._move(Phase.GOODBYE)
        self._intended = intended
        self._spoken = spoken
        return True

    def agent_spoke(self) -> None:
        """Treat what the agent says now as its goodbye, if it wants to end the call."""
        self._spoken = True

    def goodbye_withdrawn(self) -> bool:
        """Continue the conversation; False if no goodbye was under way."""
        if self._phase not in (Phase.GOODBYE, Phase.ANSWERED):
            return False
        self._move(Phase.TALKING)
        return True

    @property
    def goodbye_cut_off(self) -> bool:
        """Whether the caller spoke over the goodbye and it stopped."""
        return self._phase is Phase.ANSWERED and self._cut_off

    def goodbye_answered(self, *, cut_off: bool) -> None:
        """Note that the caller speaks: the goodbye has been heard, or is cut off."""
        self._cut_off = cut_off
        self._move(Phase.ANSWERED)

    def finish(self, outcome: Outcome) -> bool:
        """Start saving; False if the session is already past that."""
        if self.over:
            return False
        self._move(Phase.SAVING)
        self.outcome = outcome
        return True

    def saved(self) -> Outcome | None:
        """Close: the final save is done or abandoned. Return the outcome, unless already closed."""
        if self._phase is not Phase.SAVING:
            return None
        self._move(Phase.CLOSED)
        return self.outcome

    def _move(self, to: Phase) -> None:
        if to in _PHASE_MOVES[self._phase]:
            self._phase = to
        else:
            warnings.warn(WrongMove(f"{self._phase.name} to {to.name}"), stacklevel=3)


# The connection to the model

_STALE_MS = 1_000.0
_STALE_GAP_MS = 200.0
_TONE_MS = 3_000.0


class LinkState(enum.Enum):
    CONNECTING = enum.auto()
    LISTENING = enum.auto()
    MOVING = enum.auto()
    RECONNECTING = enum.auto()
    CLOSED = enum.auto()


class LinkNews(enum.Enum):
    """What we learn about a connection. It may come too late to matter."""

    CONNECTED = enum.auto()
    FAILED = enum.auto()
    """A connection could not be made."""
    LOST = enum.auto()


class LinkStep(enum.Enum):
    """What we do with a connection."""

    LEAVE = enum.auto()
    """Close it to open another."""
    MOVE = enum.auto()
    """Open another while this one keeps listening."""
    CLOSE = enum.auto()
    """Close it for good."""


_LINK_MOVES: dict[tuple[LinkState, LinkNews | LinkStep], LinkState] = {
    (LinkState.CONNECTING, LinkNews.CONNECTED): LinkState.LISTENING,
    (LinkState.CONNECTING, LinkNews.FAILED): LinkState.CONNECTING,
    (LinkState.LISTENING, LinkNews.LOST): LinkState.RECONNECTING,
    (LinkState.LISTENING, LinkStep.LEAVE): LinkState.RECONNECTING,
    (LinkState.LISTENING, LinkStep.MOVE): LinkState.MOVING,
    (LinkState.MOVING, LinkNews.CONNECTED): LinkState.LISTENING,
    (LinkState.MOVING, LinkNews.FAILED): LinkState.LISTENING,
    (LinkState.MOVING, LinkNews.LOST): LinkState.RECONNECTING,
    (LinkState.RECONNECTING, LinkNews.CONNECTED): LinkState.LISTENING,
    (LinkState.RECONNECTING, LinkNews.FAILED): LinkState.RECONNECTING,
    **{(state, LinkStep.CLOSE): LinkState.CLOSED for state in LinkState},
}


class ModelLink:
    """The connection to the model, and what the model is doing as far as its messages show."""

    def __init__(self) -> None:
        self._state = LinkState.CONNECTING
        self.listening = False
        """Whether a session accepts what is sent."""
        self._interrupted_ms: float | None = None
        self._stale_ms = _STALE_MS
        """For how long audio that arrives without a pause belongs to the interrupted reply."""
        self.generating = False
        """Whether a reply has begun and its last audio hasn't arrived."""
        self.turn_is_empty = True
        """Whether the model has neither spoken nor called anything so far in its current turn."""
        self.last_audio_ms = 0.0
        """When the model was last heard from."""
        self._tone_ms = 0.0

    @property
    def state(self) -> LinkState:
        return self._state

    def take(self, news: LinkNews) -> bool:
        """Move to the next state. Return False if the news doesn't matter in this state."""
        following = _LINK_MOVES.get((self._state, news))
        if following is None:
            return False
        self._go_to(following)
        return True

    def step(self, step: LinkStep) -> None:
        following = _LINK_MOVES.get((self._state, step))
        if following is None:
            warnings.warn(WrongMove(f"{step.name} while {self._state.name}"), stacklevel=2)
        else:
            self._go_to(following)

    def close(self) -> None:
        """Close every connection. No other will be opened."""
        self.step(LinkStep.CLOSE)
        self.generating = False

    def is_tone(self, length_ms: float, *, steady: bool) -> bool:
        """Whether the sound has kept its level for longer than any voice does."""
        self._tone_ms = self._tone_ms + length_ms if steady else 0.0
        return self._tone_ms >= _TONE_MS

    def audio(self, at_ms: float, *, audible: bool = True) -> bool:
        """Note that audio arrived; False if it is from an interrupted reply and must be dropped.

        Such audio follows closely, and ends with the turn. Sound after a pause is a new reply; so
        is sound a second later, if the service dropped the reply but never ends the turn.
        """
        since_ms = self._interrupted_ms
        if since_ms is not None and at_ms - since_ms < self._stale_ms:
            last_ms, self.last_audio_ms = max(self.last_audio_ms, since_ms), at_ms
            if at_ms - last_ms < _STALE_GAP_MS:
                return False
        self._interrupted_ms = None
        if audible:
            self.generating = True
            self.turn_is_empty = False
            self.last_audio_ms = at_ms
        return True

    def interrupted(self, at_ms: float, *, by_service: bool = True) -> None:
        """Note that the service or we dropped a reply. If we did, the service keeps sending it."""
        if self.generating:
            self._interrupted_ms = at_ms
            self._stale_ms = _STALE_MS if by_service else math.inf
        self.generating = False

    def drop_reply(self, at_ms: float) -> None:
        """Note that audio arrived from a reply that is being dropped entirely."""
        self._interrupted_ms = self.last_audio_ms = at_ms
        self._stale_ms = math.inf
        self.turn_is_empty = False

    def generation_completed(self) -> None:
        self.generating = False
        self._tone_ms = 0.0

    def turn_completed(self) -> None:
        self.generating = False
        self.turn_is_empty = True
        self._interrupted_ms = None

    def _go_to(self, state: LinkState) -> None:
        self._state = state
        self.listening = state in (LinkState.LISTENING, LinkState.MOVING)


# The call as a whole


@dataclass(slots=True)
class CallState:
    """Where the call stands now.

    Each subject has its own state elsewhere: who said what in `Transcript`, what has been played in
    `Playback`, what the model has called in `ToolLedger`, what was typed in `Keypad`.
    """

    call: Call
    """The call's record, including the edits and reconnects so far."""
    usage: Usage = field(init=False)
    revision: str = field(init=False)
    """The agent revision whose instructions the call follows."""
    ending: Ending = field(default_factory=Ending)
    link: ModelLink = field(default_factory=ModelLink)

    clip_bytes: int = 0
    """Length of the clip that greeted the caller in this stream; 0 if the model does."""
    ringing: bool = False
    """The caller hears ringback."""

    lead_in_until_ms: float = 0.0
    """When the silence that the model sent ahead of its next sound will have been played."""

    # The caller's latest utterance
    spoke_over_agent: bool = False
    """It began while the agent could be heard."""
    stopped_agent: bool = False
    """The model took it for an interruption."""
    utterance: SpeechStopped | None = None
    """None while they speak."""

    # The caller waits for a tool, or for a model session
    tone_playing: bool = False
    phrase_said: bool = False
    """Whether a phrase was said in the current wait."""
    phrases_said: int = 0
    """How many phrases were said in the whole stream."""

    # It is the caller's turn, and they are silent
    quiet: bool = False
    silent_since_ms: float | None = None
    """Since the last word heard. The agent's nudge doesn't restart the count."""
    nudges: int = 0
    """How often the agent has asked whether the caller is still there."""
    unanswered_since_ms: float | None = None
    """Since when the model has left the sounds or words on the caller's line unanswered."""
    asked_to_speak: bool = False
    """We asked for the model's next reply, because both sides were silent."""
    warning_due: bool = False
    """The one-minute warning is waiting for a pause."""

    hand_over_requested: bool = False

    # What the caller sends from their phone
    awaits_upload: bool = False
    """They were sent the link, and nothing has arrived yet."""
    unspoken_since_ms: float | None = None
    """When the model was shown something of theirs, if they have said nothing since."""

    # Between two sessions of the model
    leaving: bool = False
    """The service is about to close the session; we leave it at the first quiet moment."""
    cut_off: bool = False
    """The session ended in the middle of a reply."""
    replaced_because: str = ""
    empty_because: str = ""
    """What the service says about the latest turn without a word."""
    first_turn_empty: bool = False
    """The model should have greeted the caller, but sends no sound or has ended its turn."""
    unheard_since_ms: float | None = None
    """Since when no session has been listening to the caller."""
    opened_ms: float = 0.0
    """When we began to open the latest session: it knows what happened before then."""
    sent_instructions: str = ""
    sent_background: str = ""

    def __post_init__(self) -> None:
        self.usage = self.call.usage
        self.revision = (self.call.agent_revision, *self.call.applied_revisions)[-1]

    @property
    def talking(self) -> bool:
        """Whether the conversation continues and the model hasn't asked to end it."""
        return self.ending.phase is Phase.TALKING
