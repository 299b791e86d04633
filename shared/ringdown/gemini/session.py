"""A Live session: the SDK connects, sets up and sends; we send audio and read what arrives.

The SDK uses our connection factory, so that we own the socket without using any of the SDK's
private names. Statements about its behaviour refer to google-genai 3.4.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Any, NoReturn, assert_never

from google import genai
from google.auth.exceptions import GoogleAuthError
from google.genai import errors, live, types
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.protocol import State

from ringdown.gemini.backend import DeveloperApi, GeminiBackend, VertexAi
from ringdown.gemini.call_ids import CallIds
from ringdown.gemini.events import ModelEvent
from ringdown.gemini.model_session import (
    CONNECT_TIMEOUT_S,
    Capabilities,
    ModelError,
    SessionConfig,
)
from ringdown.gemini.models import Api, live_model
from ringdown.gemini.setup import blocking_functions, build_types, connect_config, served_model
from ringdown.gemini.wire import (
    IMAGE_MIME_TYPE,
    InvalidToolCall,
    Reader,
    ServiceError,
    Unread,
    UnreadableMessage,
    audio_message,
)
from ringdown.log import Log
from ringdown.tools import Scheduling, ToolAnswer

SEND_TIMEOUT_S = 5.0
_WAITING_LIMIT = 250  # frames: the five seconds after which a send is abandoned
_CLOSE_TIMEOUT_S = 1.0
# The versions that Google's Live references document
_API_VERSIONS = {Api.DEVELOPER: "v1beta", Api.VERTEX: "v1beta1"}

_log = Log(__name__)

_connections: ContextVar[list[ClientConnection]] = ContextVar("_connections")
"""The connections being opened for this task's session."""


class GeminiLive:
    """Opens Live sessions. Make one per endpoint and process: creating it takes half a second."""

    def __init__(
        self,
        backend: GeminiBackend,
        *,
        tls: ssl.SSLContext | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        """`tls` is for an endpoint whose certificate the system doesn't trust."""
        self._connect_timeout_s = connect_timeout_s
        self.endpoint = backend.name
        self._api = backend.api
        self._client = _client(backend, tls)
        build_types()

    @asynccontextmanager
    async def connect(
        self,
        config: SessionConfig,
        clock_ms: Callable[[], float],
        within_s: float = CONNECT_TIMEOUT_S,
    ) -> AsyncIterator["GeminiSession"]:
        """Open a session; its events are stamped by `clock_ms`.

        A model that the API lacks, or that was retired, is replaced: see
        `ringdown.gemini.models.model_on`. Raises ModelError if the service refuses, or isn't ready
        in time.
        """
        model = served_model(config, self._api)
        opened: list[ClientConnection] = []
        async with AsyncExitStack() as stack:
            token = _connections.set(opened)
            try:
                session = await _entered(
                    stack,
                    self._client.aio.live.connect(
                        model=model, config=connect_config(config, model)
                    ),
                    min(within_s, self._connect_timeout_s),
                )
            finally:
                _connections.reset(token)
            if session.setup_complete is None:
                raise ModelError("the first message was not setupComplete")
            yield GeminiSession(session, opened[-1], clock_ms, self._api, config, model)


def _new_connection(*args: Any, **kwargs: Any) -> ClientConnection:
    """Called by `websockets.connect` for each connection, so that we can read from it."""
    connection = ClientConnection(*args, **kwargs)
    _connections.get().append(connection)
    return connection


def _client(backend: GeminiBackend, tls: ssl.SSLContext | None) -> genai.Client:
    options = types.HttpOptions(
        api_version=_API_VERSIONS[backend.api],
        base_url=backend.base_url,
        # Deflate costs 30 µs a frame, and base64 audio doesn't shrink; the service answers pings
        # late, which looks like a lost connection; its messages can be large.
        async_client_args={
            "compression": None,
            "ping_interval": None,
            "max_size": None,
            "close_timeout": _CLOSE_TIMEOUT_S,
            "create_connection": _new_connection,
            **({} if tls is None else {"ssl": tls}),
        },
    )
    match backend:
        case DeveloperApi(api_key=api_key):
            return genai.Client(vertexai=False, api_key=api_key, http_options=options)
        case VertexAi(project=project, location=location):
            return genai.Client(
                vertexai=True, project=project, location=location, http_options=options
            )
        case _:
            assert_never(backend)


async def _entered(
    stack: AsyncExitStack,
    connection: AbstractAsyncContextManager[live.AsyncSession],
    timeout_s: float,
) -> live.AsyncSession:
    try:
        async with asyncio.timeout(timeout_s):
            return await stack.enter_async_context(connection)
    except TimeoutError:
        raise ModelError(f"not ready within {timeout_s:g} s") from None
    except errors.APIError as error:
        # `details` is the close frame's reason; `message` is for responses of the REST API.
        raise ModelError(str(error.details or "refused"), code=error.code) from error
    except InvalidStatus as error:
        raise ModelError("refused", code=error.response.status_code) from error
    except GoogleAuthError as error:
        raise ModelError(f"no Google credentials: {error}") from error
    except (OSError, ValueError, TypeError, AttributeError, WebSocketException) as error:
        # The SDK raises the middle three for a first message that it can't read.
        raise ModelError(f"{type(error).__name__}: {error}") from error


class GeminiSession:
    """An open session; implements `ModelSession`."""

    def __init__(
        self,
        session: live.AsyncSession,
        socket: ClientConnection,
        clock_ms: Callable[[], float],
        api: Api,
        config: SessionConfig,
        model: str,
    ) -> None:
        """`model` is the one in use, which may have replaced the one in `config`."""
        self._session = session
        self._socket = socket
        self._clock_ms = clock_ms
        self._blocking = blocking_functions(config, model)
        self._call_ids = CallIds()
        schemas = {function.name: function.parameters for function in config.functions}
        self._reader = Reader(api, self._blocking, self._call_ids, schemas)
        self._audio: asyncio.Queue[str] = asyncio.Queue(_WAITING_LIMIT)
        needs_no_wait = "non_blocking" in live_model(model).behaviors
        self.capabilities = Capabilities(schedules_results=needs_no_wait)

    def send_audio(self, pcm: bytes) -> bool:
        message = audio_message(pcm)
        if self._audio.empty() and _is_free(self._socket):
            # Saves a task switch and 10 µs a frame: we needn't wait for the buffer to drain.
            broadcast((self._socket,), message)
            return True
        if self._audio.full():
            return False
        self._audio.put_nowait(message)
        return True

    async def send_waiting(self) -> NoReturn:
        while True:
            message = await self._audio.get()
            async with _sending():
                await self._socket.send(message)

    async def send_text(self, text: str) -> None:
        async with _sending():
            await self._session.send_realtime_input(text=text)

    async def send_image(self, jpeg: bytes) -> None:
        async with _sending():
            await self._session.send_realtime_input(
                video=types.Blob(data=jpeg, mime_type=IMAGE_MIME_TYPE)
            )

    async def update_context(self, instructions: str) -> None:
        async with _sending():
            await self._session.send_context_update(system_instruction=instructions)

    async def send_tool_response(
        self, id: str, name: str, answer: ToolAnswer, scheduling: Scheduling | None = None
    ) -> None:
        response = types.FunctionResponse(
            id=self._call_ids.answered(id),
            name=name,
            response=_response(answer),
            scheduling=self._scheduling(name, scheduling),
        )
        async with _sending():
            await self._session.send_tool_response(function_responses=response)

    def _scheduling(
        self, name: str, wish: Scheduling | None
    ) -> types.FunctionResponseScheduling | None:
        if wish is None or name in self._blocking or not self.capabilities.schedules_results:
            return None
        return types.FunctionResponseScheduling(wish.upper())

    async def receive(self) -> AsyncIterator[ModelEvent]:
        try:
            while True:
                message = await self._socket.recv(decode=False)
                try:
                    received = self._reader.read(message, self._clock_ms())
                except UnreadableMessage as error:
                    _log.warning("message from the model can't be read", reason=str(error))
                    continue
                for event in received:
                    match event:
                        case InvalidToolCall():
                            await self._refuse(event)
                        case ServiceError(code):
                            # An error that ends the session closes it with its own code.
                            _log.warning("the model's service reported an error", code=code)
                        case Unread(part, problem):
                            _log.warning(
                                "message from the model can't be read", part=part, reason=problem
                            )
                        case _:
                            yield event
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def _refuse(self, call: InvalidToolCall) -> None:
        """Answer a call that can't be made, so that the model doesn't wait for a result."""
        _log.warning("invalid tool call", reason=call.problem)
        if call.id is not None and call.name:
            answer = ToolAnswer.failed(f"The call can't be read: {call.problem}. Correct it.")
            await self.send_tool_response(call.id, call.name, answer)


def _is_free(socket: ClientConnection) -> bool:
    """Whether a message can be written without waiting."""
    return socket.state is State.OPEN and not socket.transport.get_write_buffer_size()


@asynccontextmanager
async def _sending() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            yield
    except TimeoutError:
        raise ModelError("the model's side isn't reading") from None
    except ConnectionClosed as closed:
        raise _closed(closed) from closed
    except (OSError, WebSocketException) as error:
        raise ModelError(f"{type(error).__name__}: {error}") from error


def _closed(closed: ConnectionClosed) -> ModelError:
    if closed.rcvd is None:
        return ModelError("the connection was lost", code=1006)
    return ModelError(closed.rcvd.reason or "closed", code=closed.rcvd.code)


def _response(answer: ToolAnswer) -> dict[str, object]:
    if answer.error is not None:
        return {"error": answer.error.message, "retryable": answer.error.retryable}
    return {"output": answer.output}
