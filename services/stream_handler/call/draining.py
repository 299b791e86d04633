"""Hands the call over to another handler: between two turns, so that nobody is cut off."""

from dataclasses import dataclass

from ringdown.calls import EndReason
from stream_handler.call.closing import Closing
from stream_handler.call.effects import Effects
from stream_handler.call.situation import Situation
from stream_handler.call.state import CallState
from stream_handler.call.timers import Timer


@dataclass(slots=True, eq=False)
class Draining:
    """Once asked for, waits for the end of a turn; when the time is over, it waits no more.

    The next handler goes on from what was heard until then. A goodbye under way is an end of its
    own, and nothing is handed over.
    """

    effects: Effects
    state: CallState
    closing: Closing

    def request(self, at_ms: float, within_ms: float) -> None:
        self.state.hand_over_requested = True
        self.effects.cancel(Timer.HAND_OVER)
        if within_ms > 0:
            self.effects.start(Timer.HAND_OVER, within_ms)
        else:
            self.time_over(at_ms)

    def watch_turns(self, now: Situation, at_ms: float) -> None:
        """Hand over if that has been asked for and this is the moment."""
        if self.state.hand_over_requested and now.is_between_turns:
            self.closing.finish_because(EndReason.HANDLER_STOPPED, at_ms)

    def time_over(self, at_ms: float) -> None:
        if self.state.talking:
            self.closing.finish_because(EndReason.HANDLER_STOPPED, at_ms)
        else:
            self.closing.goodbye_timer_fired(at_ms)
