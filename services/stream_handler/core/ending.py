"""How a session ends: goodbye, its mark, the save, the close. Every step is certain.

TALKING ──end_call──▶ GOODBYE ──heard, or a limit──▶ SAVING ──committed, or 2 s──▶ CLOSED
   └───────────── hang-up, loss, failure ──────────────▲
"""

import enum
from dataclasses import dataclass

from ringdown.calls import EndReason, NextAction


class Phase(enum.Enum):
    TALKING = enum.auto()
    GOODBYE = enum.auto()
    SAVING = enum.auto()
    CLOSED = enum.auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why the session ends, and what happens to the call then (None: undecided)."""

    reason: EndReason
    next: NextAction | None


# A lost stream decides nothing: the caller may still be there, and `/after-stream` finds out.
OUTCOMES = {
    EndReason.AGENT_HUNG_UP: NextAction.HANG_UP,
    EndReason.CALLER_HUNG_UP: NextAction.HANG_UP,
    EndReason.STREAM_LOST: None,
    EndReason.MODEL_UNAVAILABLE: NextAction.FALL_BACK,
    EndReason.MODEL_LOST: NextAction.FALL_BACK,
    EndReason.HANDLER_STOPPED: NextAction.FALL_BACK,
}


class Ending:
    """The phase of the session and how it came to end."""

    def __init__(self) -> None:
        self.phase = Phase.TALKING
        self.outcome: Outcome | None = None
        self._spoken = False

    @property
    def over(self) -> bool:
        """Whether the conversation is over; nothing is played or answered any more."""
        return self.phase in (Phase.SAVING, Phase.CLOSED)

    def goodbye_requested(self, *, spoken: bool) -> bool:
        """The model wants to end the call; False if that is under way already.

        `spoken`: it has said its goodbye. Once said it stays said: callers answer it with a "bye"
        of their own, and that must not hold the line open.
        """
        if self.phase is not Phase.TALKING:
            return False
        self.phase = Phase.GOODBYE
        self._spoken = spoken
        return True

    def agent_spoke(self) -> None:
        """What the agent says once it wants to end the call is its goodbye."""
        self._spoken = True

    def goodbye_interrupted(self) -> bool:
        """The caller speaks again: the conversation goes on. False if no goodbye was under way."""
        if self.phase is not Phase.GOODBYE:
            return False
        self.phase = Phase.TALKING
        return True

    def goodbye_heard(self, *, generating: bool, playing: bool) -> bool:
        """Whether the goodbye has been said and heard to its end."""
        return self.phase is Phase.GOODBYE and self._spoken and not generating and not playing

    def finish(self, reason: EndReason) -> Outcome | None:
        """Go on to the save; None if the session is already past that."""
        if self.over:
            return None
        self.phase = Phase.SAVING
        self.outcome = Outcome(reason, OUTCOMES[reason])
        return self.outcome

    def saved(self) -> Outcome | None:
        """The save is settled: the outcome to close with; None if there is nothing to close."""
        if self.phase is not Phase.SAVING:
            return None
        self.phase = Phase.CLOSED
        return self.outcome
