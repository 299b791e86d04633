"""The port to a live model: open a session, talk, listen."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from ringdown.agents import TurnTaking
from ringdown.gemini.events import ModelEvent
from ringdown.tools import Behavior, Scheduling, ToolAnswer

CONNECT_TIMEOUT_S = 8.0


class ModelError(Exception):
    """The model's side failed: no connection, no setup in time, or the connection ended.

    `code` is the WebSocket close code or HTTP status, if there was one.
    """

    def __init__(self, reason: str, *, code: int | None = None) -> None:
        self.code = code
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Capabilities:
    schedules_results: bool
    """Whether a tool's result can say when the model should speak about it."""


class SessionFunction(Protocol):
    """A function that the model may call."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parameters(self) -> dict[str, object]: ...
    @property
    def behavior(self) -> Behavior: ...


class SessionConfig(Protocol):
    """The settings of a session."""

    @property
    def model(self) -> str: ...
    @property
    def instructions(self) -> str: ...
    @property
    def voice(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def languages(self) -> Sequence[str]:
        """The languages that callers may speak; empty if unknown."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """Words and names that callers use and the model may mishear."""

    @property
    def turn_taking(self) -> TurnTaking: ...
    @property
    def functions(self) -> Sequence[SessionFunction]: ...
    @property
    def google_search(self) -> bool: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def thinking(self) -> str | None:
        """The level: minimal, low, medium or high; None for a model that doesn't accept one."""

    @property
    def handle(self) -> str | None:
        """The resumption handle of the session to resume."""


class ModelSession(Protocol):
    """An open session. All methods but `send_audio` raise ModelError if the connection is gone."""

    @property
    def capabilities(self) -> Capabilities: ...

    def send_audio(self, pcm: bytes) -> bool:
        """Queue PCM16 LE mono. False if it is dropped because the service isn't reading."""

    async def send_waiting(self) -> NoReturn:
        """Send queued audio for as long as the session lasts."""

    async def send_text(self, text: str) -> None: ...

    async def send_image(self, jpeg: bytes) -> None:
        """Show the model a picture. It doesn't comment on it until asked."""

    async def update_context(self, instructions: str) -> None:
        """Replace the session's instructions."""

    async def send_tool_response(
        self, id: str, name: str, answer: ToolAnswer, scheduling: Scheduling | None = None
    ) -> None:
        """Send a tool's result. `scheduling` says when the model should speak about it, if it isn't
        waiting for it."""

    def receive(self) -> AsyncIterator[ModelEvent]:
        """Yield events as they arrive. Ends by raising ModelError."""


class LiveModel(Protocol):
    """Opens sessions at one endpoint."""

    @property
    def endpoint(self) -> str:
        """The endpoint's name: `developer` or `vertex:LOCATION`."""

    def connect(
        self,
        config: SessionConfig,
        clock_ms: Callable[[], float],
        within_s: float = CONNECT_TIMEOUT_S,
    ) -> AbstractAsyncContextManager[ModelSession]:
        """Open a session whose events are stamped by `clock_ms`.

        Raises ModelError if the service refuses, or isn't ready in time.
        """
