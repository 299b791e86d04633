"""Notices a model that owes the caller something and stays silent.

First it is asked to speak, then its session is replaced, then it is given up. A false alarm costs
a superfluous sentence: a model that is alive speaks when it is asked to.
"""

import enum

from ringdown.agents import Agent
from stream_handler.call.timers import (
    ANSWER_CUT_SHORT_MS,
    ANSWER_NUDGED_MS,
    REPLY_PAUSE_MS,
    answer_ms,
)


class Remedy(enum.Enum):
    """What is done about the silence, in this order."""

    ASK = enum.auto()
    REPLACE = enum.auto()
    GIVE_UP = enum.auto()


class Watchdog:
    """Knows how long to wait and what to try next. Anything the model does resets it."""

    def __init__(self, agent: Agent) -> None:
        self._answer_ms = answer_ms(agent)
        self._tried: Remedy | None = None
        self._asked = False
        self._cut_short = False

    @property
    def cut_short(self) -> bool:
        """Whether the model dropped its reply although nobody spoke."""
        return self._cut_short

    def asked(self) -> None:
        """The model has been sent something that it must respond to by speaking."""
        self._asked = True

    def interrupted_by_nobody(self) -> None:
        self._cut_short = True

    def caller_spoke(self) -> None:
        self._cut_short = False

    def model_acted(self) -> None:
        """It has spoken, or called a tool."""
        self._tried = None
        self._asked = self._cut_short = False

    def patience_ms(self, *, caller_waits: bool, broken_off: bool) -> float | None:
        """How long the model may stay silent from now on; None if it owes nothing.

        `broken_off`: a reply has begun, and does not go on.
        """
        if broken_off:
            return REPLY_PAUSE_MS
        if not (caller_waits or self._asked or self._cut_short):
            return None
        if self._tried is Remedy.ASK:
            return ANSWER_NUDGED_MS
        return ANSWER_CUT_SHORT_MS if self._cut_short else self._answer_ms

    def lost_patience(self, *, broken_off: bool) -> Remedy:
        """What to try now. A model that stops in mid-word isn't listening either: don't ask it."""
        if self._tried is None and not broken_off:
            self._tried = Remedy.ASK
        elif self._tried is not Remedy.REPLACE:
            self._tried = Remedy.REPLACE
        else:
            return Remedy.GIVE_UP
        return self._tried
