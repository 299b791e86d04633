"""Hands the call over to another handler: between two turns, so that nobody is cut off."""

from ringdown.calls import EndReason
from stream_handler.call.closing import Closing
from stream_handler.call.deadlines import Timer
from stream_handler.call.ending import Phase
from stream_handler.call.parts import Parts

OLD_STREAM_WITHIN_MS = 90_000.0
"""Of the two minutes that are left when `STREAM_AGE` is over."""


class Draining:
    """Once asked for, waits for the end of a turn; when the time is over, it waits no more.

    The next handler goes on from what was heard until then. A goodbye under way is an end of its
    own, and nothing is handed over.
    """

    def __init__(self, parts: Parts, closing: Closing) -> None:
        self._parts = parts
        self._closing = closing
        self._requested = False

    def request(self, at_ms: float, within_ms: float) -> None:
        self._requested = True
        self._parts.cancel(Timer.HAND_OVER)
        if within_ms > 0:
            self._parts.start(Timer.HAND_OVER, within_ms)
        else:
            self.time_over(at_ms)

    def look(self, at_ms: float) -> None:
        """Hand over if it is asked for and this is the moment."""
        if self._requested and self._is_between_turns():
            self._closing.finish_because(EndReason.HANDLER_STOPPED, at_ms)

    def time_over(self, at_ms: float) -> None:
        if self._parts.ending.phase is Phase.TALKING:
            self._closing.finish_because(EndReason.HANDLER_STOPPED, at_ms)
        else:
            self._closing.goodbye_timer_fired(at_ms)

    def _is_between_turns(self) -> bool:
        """Nobody speaks and nobody is owed an answer; or nothing has been said at all."""
        parts = self._parts
        return (
            parts.ending.phase is Phase.TALKING
            and parts.playback.idle
            and not parts.link.generating
            and not parts.speech.speaking
            and not parts.ledger.busy
            and (parts.turns.agent_spoke_last or not parts.turns.agent_has_spoken)
        )
