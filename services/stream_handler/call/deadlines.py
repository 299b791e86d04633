"""The timers of a session: which there are, and which of them run."""

import enum


class Timer(enum.StrEnum):
    """A timer's name."""

    RINGBACK = enum.auto()
    """Until the model speaks: the next ring."""
    FIRST_WORD = enum.auto()
    """How long a model that is connected may say nothing at all."""
    GOODBYE_BEGINS = enum.auto()
    """After `end_call` without a word spoken: how long the model has to begin its goodbye."""
    GOODBYE_ENDS = enum.auto()
    """When the call ends even if the goodbye has not been heard out."""
    GOODBYE_ANSWERED = enum.auto()
    """The caller spoke into the goodbye: how long the model has to take that up."""
    FORGOTTEN = enum.auto()
    """The agent said goodbye and did not hang up: how long that may be so."""
    IDLE_NUDGE = enum.auto()
    IDLE_GOODBYE = enum.auto()
    WAITING = enum.auto()
    """A tool runs and nobody speaks: until the next sign of life."""
    TIME_WARNING = enum.auto()
    TIME_OVER = enum.auto()
    GO_AWAY = enum.auto()
    """How long the model's side may be left at a good moment; then it is left at any."""
    RECONNECT = enum.auto()
    """Until the next try to reach the model."""
    ANSWER = enum.auto()
    """How long a model that owes the caller something may stay silent."""
    KEYPAD_PAUSE = enum.auto()
    """How long after a digit the caller may type the next one."""
    STREAM_AGE = enum.auto()
    """Cloud Run ends every request after 60 minutes: when the stream is handed over before."""
    HAND_OVER = enum.auto()
    """How long a call that is to be handed over may stay."""
    HANDED_OVER = enum.auto()
    """How long nobody may speak after it, before the agent does."""
    FINAL_SAVE = enum.auto()
    """How long closing the stream waits for the decision to be committed."""


LENGTH_MS = {
    Timer.FIRST_WORD: 15_000,
    Timer.GOODBYE_BEGINS: 2_500,
    Timer.GOODBYE_ENDS: 20_000,
    Timer.GOODBYE_ANSWERED: 1_500,
    Timer.FORGOTTEN: 6_000,
    Timer.STREAM_AGE: 58 * 60_000,
    Timer.HANDED_OVER: 4_000,  # as long as callers usually take to answer
    Timer.FINAL_SAVE: 2_000,
}
"""The timers whose length does not depend on the agent or the moment."""


class Deadlines:
    """Which timers run, so that none is started twice and none survives the session."""

    def __init__(self) -> None:
        self._running: list[Timer] = []

    def start(self, timer: Timer) -> bool:
        """Whether `timer` must be started (it was not running)."""
        if timer in self._running:
            return False
        self._running.append(timer)
        return True

    def cancel(self, timer: Timer) -> bool:
        """Whether `timer` was running and must be cancelled."""
        if timer not in self._running:
            return False
        self._running.remove(timer)
        return True

    def fired(self, timer: Timer) -> bool:
        """Whether a timer that fired still counts (it may have been cancelled on its way)."""
        return self.cancel(timer)

    def running(self) -> tuple[Timer, ...]:
        return tuple(self._running)
