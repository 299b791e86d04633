"""The model's side of a call: opens sessions, and lets one replace another.

Each session has its own task, which ends when its socket is closed. Only the current session is
heard: whatever an earlier one still sends is dropped.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from ringdown.audio.telephone import Downsampler
from ringdown.gemini.events import ModelEvent, ModelSpeech
from ringdown.gemini.model_session import LiveModel, ModelError, ModelSession
from ringdown.log import Log
from stream_handler.call.actions import (
    ConnectModel,
    SendModelImage,
    SendModelText,
    SendToolResponse,
    UpdateModelContext,
)
from stream_handler.call.events import (
    Event,
    GenerationCompleted,
    GoAwayReceived,
    ModelAudio,
    ModelConnected,
    ModelConnectFailed,
    ModelDisconnected,
    ModelInterrupted,
    TurnCompleted,
)

_QUEUE_LIMIT = 100  # texts, pictures and tool results: never this many in practice
_CLOSE_WITHIN_S = 2.0  # a socket is closed or abandoned by then

ForModel: TypeAlias = SendModelText | SendModelImage | SendToolResponse | UpdateModelContext

_log = Log(__name__)


@dataclass(eq=False, slots=True)
class _Connection:
    task: asyncio.Task[None] | None = None
    session: ModelSession | None = None
    waiting: asyncio.Queue[ForModel] = field(default_factory=lambda: asyncio.Queue(_QUEUE_LIMIT))
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def leave(self) -> None:
        """Close the session gracefully if it is open; otherwise stop opening it."""
        self.left.set()
        if self.session is None and self.task is not None:
            self.task.cancel()


class _Left(Exception):
    """Raised to end the tasks of a session that we leave."""


class ModelSide:
    """Opens and feeds a call's model sessions.

    No method waits: what can't be sent immediately is queued.
    """

    def __init__(
        self,
        models: Sequence[LiveModel],
        group: asyncio.TaskGroup,
        clock_ms: Callable[[], float],
        handle: Callable[[Event], None],
        *,
        volume_db: float = 0.0,
    ) -> None:
        """`ConnectModel` chooses from `models`. Sessions run in `group`; `handle` receives their
        events, with the voice changed by `volume_db`."""
        self._models = models
        self._group = group
        self._clock_ms = clock_ms
        self._handle = handle
        self._down = Downsampler(volume_db)
        self._current: _Connection | None = None
        self._dialling: _Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connect(self, action: ConnectModel) -> None:
        connection = self._dialling = _Connection()
        task = self._group.create_task(self._run(connection, action, frozenset(self._tasks)))
        connection.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        self._down.reset()  # leftover sound would begin the next session's reply
        for connection in (self._current, self._dialling):
            if connection is not None:
                connection.leave()
        self._current = self._dialling = None

    def send_audio(self, pcm: bytes) -> bool:
        """Send audio to the model. Return False if it was dropped: the service isn't reading."""
        connection = self._current
        if connection is None or connection.session is None:
            return True
        return connection.session.send_audio(pcm)

    def send(self, action: ForModel) -> None:
        connection = self._current
        if connection is None:
            return
        if connection.waiting.full():
            self._group.create_task(self._give_up(connection))
        else:
            connection.waiting.put_nowait(action)

    async def _run(
        self,
        connection: _Connection,
        action: ConnectModel,
        before: frozenset[asyncio.Task[None]],
    ) -> None:
        if action.config.handle is not None and before:
            # The service does not share a session between two sockets.
            await asyncio.wait(before, timeout=_CLOSE_WITHIN_S)
        within_s = action.within_ms / 1_000
        model = self._models[action.endpoint]
        try:
            async with model.connect(action.config, self._clock_ms, within_s) as session:
                resumed = action.config.handle is not None
                self._take_over(connection, session, model.endpoint, resumed=resumed)
                error = await self._carry(connection, session)
                if error is not None:
                    self._lost(connection, error)
        except ModelError as error:
            self._failed(connection, error, model.endpoint)

    def _take_over(
        self, connection: _Connection, session: ModelSession, endpoint: str, *, resumed: bool
    ) -> None:
        if self._current is not None:
            self._current.leave()
        connection.session = session
        self._end_sound()
        self._current, self._dialling = connection, None
        _log.info("model session open", resumed=resumed, endpoint=endpoint)
        self._handle(ModelConnected(self._clock_ms()))

    async def _carry(self, connection: _Connection, session: ModelSession) -> ModelError | None:
        """Carry both directions until the session ends. Return why it ended, unless we left it."""
        ended: list[ModelError] = []
        try:
            async with asyncio.TaskGroup() as both_ways:
                both_ways.create_task(self._receive(connection, session))
                both_ways.create_task(_send(session, connection.waiting))
                both_ways.create_task(session.send_waiting())
                both_ways.create_task(_until(connection.left))
        except* _Left:
            pass
        except* ModelError as errors:
            ended.extend(error for error in errors.exceptions if isinstance(error, ModelError))
        told = (error for error in ended if error.code is not None)
        return next(told, ended[0]) if ended else None

    async def _receive(self, connection: _Connection, session: ModelSession) -> None:
        async for event in session.receive():
            if self._current is connection:
                self._take(event)

    def _take(self, event: ModelEvent) -> None:
        match event:
            case ModelSpeech():
                self._handle(self._model_audio(event.pcm))
                return
            case ModelInterrupted():
                self._down.reset()
            case GenerationCompleted() | TurnCompleted():
                self._end_sound()
            case GoAwayReceived():
                _log.info("model session will end", left_ms=event.left_ms)
            case _:
                pass
        self._handle(event)

    def _model_audio(self, pcm: bytes) -> ModelAudio:
        down = self._down
        mulaw = down.convert(pcm)
        return ModelAudio(self._clock_ms(), mulaw, down.level_dbfs, down.steady)

    def _end_sound(self) -> None:
        """Play the sound still held in the filter, so that it ends without a click."""
        mulaw = self._down.flush()
        if mulaw:
            self._handle(ModelAudio(self._clock_ms(), mulaw, self._down.level_dbfs))

    async def _give_up(self, connection: _Connection) -> None:
        if self._current is connection:
            connection.leave()
            self._lost(connection, ModelError("too many unsent messages"))

    def _lost(self, connection: _Connection, error: ModelError) -> None:
        """Report a lost session without waiting for its socket to close."""
        if self._current is connection:
            self._end_sound()
            self._current = None
            _log.error("model session lost", reason=str(error), code=error.code)
            self._handle(ModelDisconnected(self._clock_ms(), _reason(error), error.code))

    def _failed(self, connection: _Connection, error: ModelError, endpoint: str) -> None:
        if self._dialling is connection:
            self._dialling = None
            reason = str(error)
            _log.error("model session failed", reason=reason, code=error.code, endpoint=endpoint)
            at_ms = self._clock_ms()
            self._handle(ModelConnectFailed(at_ms, _reason(error), error.code))


def _reason(error: ModelError) -> str:
    return str(error) if error.code is None else f"{error.code} {error}"


async def _until(left: asyncio.Event) -> None:
    await left.wait()
    raise _Left


async def _send(session: ModelSession, waiting: asyncio.Queue[ForModel]) -> None:
    while True:
        match await waiting.get():
            case SendModelText(text):
                await session.send_text(text)
            case SendModelImage(jpeg):
                await session.send_image(jpeg)
            case UpdateModelContext(instructions):
                await session.update_context(instructions)
            case SendToolResponse(id, name, answer, scheduling):
                await session.send_tool_response(id, name, answer, scheduling)
            case action:
                assert_never(action)
