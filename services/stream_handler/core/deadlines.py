"""The timers of a session: their lengths, and which of them run."""

import enum


@enum.unique  # equal lengths would make two timers one
class Timer(enum.Enum):
    """A running timer's name; the value is its length in ms."""

    GOODBYE_BEGINS = 2_500
    """After `end_call` without a word spoken: how long the model has to begin its goodbye."""
    GOODBYE_ENDS = 20_000
    """After `end_call`: when the call ends even if the goodbye has not been heard out."""
    FINAL_SAVE = 2_000
    """How long closing the stream waits for the decision to be committed."""


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
