"""Collects the effects of the current event: its actions so far, and the running timers."""

from ringdown.calls import CallChanges, ToolCall, Turn
from stream_handler.call.actions import (
    Action,
    CancelTimer,
    SaveCall,
    SendModelText,
    StartTimer,
)
from stream_handler.call.timers import LENGTH_MS, Deadlines, Timer


class Effects:
    """Collects actions, in order, and knows which timers are running."""

    def __init__(self) -> None:
        self._actions: list[Action] = []
        self._deadlines = Deadlines()
        self.untold = ""
        """A text to send with the next one: sent by itself, it would make the model speak."""

    def do(self, action: Action) -> None:
        self._actions.append(action)

    def take_actions(self) -> tuple[Action, ...]:
        """Return all actions since the last call."""
        actions = tuple(self._actions)
        self._actions.clear()
        return actions

    def save(self, *, turns: tuple[Turn, ...] = (), tool_calls: tuple[ToolCall, ...] = ()) -> None:
        if turns or tool_calls:
            self.do(SaveCall(CallChanges(turns=turns, tool_calls=tool_calls)))

    def tell_model(self, text: str) -> None:
        """Send the model a text, preceded by whatever it doesn't know yet."""
        untold, self.untold = self.untold, ""
        self.do(SendModelText(f"{untold} {text}" if untold else text))

    # Timers

    def start(self, timer: Timer, after_ms: float | None = None) -> None:
        """Start `timer` unless it is running; without `after_ms`, for its length in `LENGTH_MS`."""
        if self._deadlines.start(timer):
            self.do(StartTimer(timer, LENGTH_MS[timer] if after_ms is None else round(after_ms)))

    def restart(self, timer: Timer, after_ms: float | None = None) -> None:
        self.cancel(timer)
        self.start(timer, after_ms)

    def cancel(self, *timers: Timer) -> None:
        """Cancel those of `timers` that are running."""
        for timer in timers:
            if self._deadlines.cancel(timer):
                self.do(CancelTimer(timer))

    def cancel_all(self) -> None:
        self.cancel(*self._deadlines.running())

    def fired(self, timer: Timer) -> bool:
        """Note that `timer` fired. Return False if it has just been cancelled."""
        return self._deadlines.fired(timer)

    def running(self, timer: Timer) -> bool:
        return timer in self._deadlines.running()
