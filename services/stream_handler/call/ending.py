"""How a session ends: goodbye, its mark, the save, the close. Every step is certain.

TALKING ──end_call, transfer_call──▶ GOODBYE ──heard, or a limit──▶ SAVING ──▶ CLOSED
   │                                    └─heard, but─▶ ANSWERED ──────▲
   │                                 the caller speaks                │
   └─────────────── hang-up, limit, loss, failure ────────────────────┘
"""

import enum
from dataclasses import dataclass

from ringdown.calls import EndReason, NextAction


class Phase(enum.Enum):
    TALKING = enum.auto()
    GOODBYE = enum.auto()
    ANSWERED = enum.auto()
    SAVING = enum.auto()
    CLOSED = enum.auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why the session ends, and what happens to the call then (None: undecided)."""

    reason: EndReason
    next: NextAction | None
    transfer_to: str | None = None


HANG_UP = Outcome(EndReason.AGENT_HUNG_UP, NextAction.HANG_UP)

# A lost stream, or one that is handed over, decides nothing: if the caller is still there,
# `/after-stream` has another handler take the call up.
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


def transfer_to(name: str) -> Outcome:
    return Outcome(EndReason.TRANSFERRED, NextAction.TRANSFER, name)


class Ending:
    """The phase of the session and how it came to end."""

    def __init__(self) -> None:
        self.phase = Phase.TALKING
        self.outcome: Outcome | None = None
        self._intended = HANG_UP
        self._spoken = False

    @property
    def over(self) -> bool:
        """Whether the conversation is over; nothing is played or answered any more."""
        return self.phase in (Phase.SAVING, Phase.CLOSED)

    @property
    def intended(self) -> Outcome:
        """What the goodbye under way leads to."""
        return self._intended

    def goodbye_requested(self, intended: Outcome, *, spoken: bool) -> bool:
        """The model wants to end the stream; False if that is under way already.

        `spoken`: it has said its goodbye. Once said it stays said: callers answer it with a "bye"
        of their own, and that must not hold the line open.
        """
        if self.phase is not Phase.TALKING:
            return False
        self.phase = Phase.GOODBYE
        self._intended = intended
        self._spoken = spoken
        return True

    def agent_spoke(self) -> None:
        """What the agent says once it wants to end the call is its goodbye."""
        self._spoken = True

    def goodbye_withdrawn(self) -> bool:
        """The conversation goes on. False if no goodbye was under way."""
        if self.phase not in (Phase.GOODBYE, Phase.ANSWERED):
            return False
        self.phase = Phase.TALKING
        return True

    def goodbye_answered(self) -> None:
        """The goodbye has been said, and the caller is speaking: "bye", or "wait"."""
        self.phase = Phase.ANSWERED

    def goodbye_said(self, *, generating: bool, playing: bool) -> bool:
        """Whether the goodbye has been said and heard to its end."""
        return self.phase is Phase.GOODBYE and self._spoken and not generating and not playing

    def finish(self, outcome: Outcome) -> bool:
        """Go on to the save; False if the session is already past that."""
        if self.over:
            return False
        self.phase = Phase.SAVING
        self.outcome = outcome
        return True

    def saved(self) -> Outcome | None:
        """The save is settled: the outcome to close with; None if there is nothing to close."""
        if self.phase is not Phase.SAVING:
            return None
        self.phase = Phase.CLOSED
        return self.outcome
