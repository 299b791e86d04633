"""Watching a call: what happens in it and what the core decides, without a part in it."""

from typing import Protocol

from ringdown.log import Log
from stream_handler.call.actions import Action
from stream_handler.call.events import Event
from stream_handler.call.session import StreamSession

_log = Log(__name__)


class CallObserver(Protocol):
    """Watches one stream of a call. Whatever it raises is logged, and never ends the call."""

    def on_event(self, event: Event, actions: tuple[Action, ...]) -> None:
        """The core has answered `event`, which is without the caller's secrets, with `actions`.

        They haven't been carried out yet. It must not wait.
        """

    async def on_end(self) -> None:
        """The stream is over, and its record is written."""


class ObservedSession:
    """A session whose events and actions are shown to observers.

    An observer that raises is left out for the rest of the call; `on_end` is called all the same.
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
            # Also the event that breaks the core: it matters most.
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
            except Exception:  # noqa: BLE001 - the call is over, whatever becomes of what was seen
                _log.exception("observer failed", observer=type(observer).__name__)

    def _leave_out(self, observer: CallObserver) -> None:
        self._watching = tuple(other for other in self._watching if other is not observer)
        _log.exception("observer failed", observer=type(observer).__name__)
