"""Notices a model that owes the caller something and stays silent.

First the model is asked to speak, then its session is replaced, then the call ends without it. A
false alarm costs one unnecessary sentence: a model that is alive speaks when asked to.
"""

import enum

from ringdown.agents import Agent
from stream_handler.call.timers import (
    ANSWER_CUT_SHORT_MS,
    ANSWER_EMPTY_MS,
    ANSWER_NUDGED_MS,
    FIRST_ANSWER_EMPTY_MS,
    after_caller_ms,
    answer_ms,
)


class Remedy(enum.Enum):
    """What to do about the silence, in order of escalation."""

    ASK = enum.auto()
    REPLACE = enum.auto()
    GIVE_UP = enum.auto()


class Watchdog:
    """Knows how long to wait and what to try next. Anything the model does resets it."""

    def __init__(self, agent: Agent) -> None:
        self._answer_ms = answer_ms(agent)
        self._after_caller_ms = after_caller_ms(agent)
        self._tried: Remedy | None = None
        self._since_ms: float | None = None
        """Since when the model could have spoken; None until `due_ms` is next called."""
        self._asked = False
        self._ended_empty = False
        """The model ended its turn without a word, although it owes one."""
        self._cut_short = False
        self._sound_is_silent = False

    @property
    def owed(self) -> bool:
        """Whether the model was asked to speak and hasn't yet."""
        return self._asked

    @property
    def sound_is_silent(self) -> bool:
        """Whether the model is sending a reply that can't be heard."""
        return self._sound_is_silent

    @property
    def cut_short(self) -> bool:
        """Whether the model dropped its reply for no reason, or for an "mm-hm"."""
        return self._cut_short

    def asked(self) -> None:
        """Note that the model was sent something that it must answer by speaking."""
        self._asked = True
        self._since_ms = None

    def connected(self) -> None:
        """Forget what the previous session did, because a new one is listening."""
        self._cut_short = self._sound_is_silent = self._ended_empty = False
        self._since_ms = None

    def sound_was_silent(self) -> bool:
        """Note that the model's reply can't be heard. Return whether that is new."""
        if self._sound_is_silent:
            return False
        self._sound_is_silent = True
        self._since_ms = None
        return True

    def cut_short_by_little(self, since_ms: float) -> None:
        self._cut_short = True
        self._since_ms = since_ms

    def turn_was_empty(self) -> None:
        """Note that the model ended its turn without a word, although it owes one."""
        self._ended_empty = True
        self._since_ms = None

    def caller_waits(self) -> None:
        """Note that the caller said something new: a reply cut short needn't continue."""
        self._cut_short = False

    def model_acted(self) -> None:
        """Note that the model spoke or called a tool."""
        self._tried = self._since_ms = None
        self._asked = self._cut_short = self._sound_is_silent = self._ended_empty = False

    def due_ms(
        self,
        at_ms: float,
        *,
        waits_since_ms: float | None,
        voiced_ms: float | None,
        agent_has_spoken: bool,
    ) -> float | None:
        """Return when the model must have spoken, if it can speak now; None if it owes nothing.

        Patience counts from the first thing the caller said (`waits_since_ms`), so asking "hello?"
        again and again doesn't delay help. `voiced_ms` is when they were last heard.
        """
        if self._since_ms is None:
            self._since_ms = at_ms
        if waits_since_ms is None and not (self._asked or self._cut_short):
            return None
        since_ms = max(self._since_ms, waits_since_ms or 0.0)
        due_ms = since_ms + self._patience_ms(agent_has_spoken)
        return due_ms if voiced_ms is None else max(due_ms, voiced_ms + self._after_caller_ms)

    def _patience_ms(self, agent_has_spoken: bool) -> float:
        if self._ended_empty:
            return ANSWER_EMPTY_MS if agent_has_spoken else FIRST_ANSWER_EMPTY_MS
        if self._tried is Remedy.ASK or self._sound_is_silent:
            return ANSWER_NUDGED_MS
        return ANSWER_CUT_SHORT_MS if self._cut_short else self._answer_ms

    def lost_patience(self, *, broken_off: bool) -> Remedy:
        """Return what to try now.

        A model that broke off in mid-word isn't listening either, so it isn't asked.
        """
        self._since_ms = None
        self._sound_is_silent = False
        if self._tried is None and not broken_off:
            self._tried = Remedy.ASK
        elif self._tried is not Remedy.REPLACE:
            self._tried = Remedy.REPLACE
        else:
            return Remedy.GIVE_UP
        return self._tried
