"""Observers see what happens in a call and what the core decides, but don't take part."""

from typing import Protocol

from ringdown.log import Log
from stream_handler.call.actions import Action
from stream_handler.call.events import Event
from stream_handler.call.session import StreamSession

_log = Log(__name__)


class CallObserver(Protocol):
    """Watches one stream of a call. Anything it raises is logged, and never ends the call."""

    def on_event(self, event: Event, actions: tuple[Action, ...]) -> None:
        """Note how the core responded to an event. This must not wait.

        `event` is stripped of the caller's secrets; `actions` haven't been carried out yet.
        """

    async def on_end(self) -> None:
        """Finish: the stream is over, and its record is written."""


class ObservedSession:
    """A session whose events and actions are shown to observers.

    An observer that raises is skipped for the rest of the call, but `on_end` is still called.
    """

    def __init__(self, session: StreamSession, *observers: CallObserver) -> None:
        self._session = session
        self._observers = observers
        self._watching = observers

    def handle(self, event: Event) -> tuple[Action, ...]:
        shown = self._session.as_recorded(event)
        actions: tuple[Action, ...] = ()
        try:
            actions = self._session.handle(event)
        finally:
            # Even if the event broke the core: that event matters most.
            for observer in self._watching:
                try:
                    observer.on_event(shown, actions)
                except Exception:  # noqa: BLE001 - an observer must never harm a call
                    self._leave_out(observer)
        return actions

    async def end(self) -> None:
        for observer in self._observers:
            try:
                await observer.on_end()
            except Exception:  # noqa: BLE001 - the call is over, even if observers fail
                _log.exception("observer failed", observer=type(observer).__name__)

    def _leave_out(self, observer: CallObserver) -> None:
        self._watching = tuple(other for other in self._watching if other is not observer)
        _log.exception("observer failed", observer=type(observer).__name__)
