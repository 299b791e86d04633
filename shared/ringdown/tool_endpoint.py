"""The HTTP side of a tool: a typed async function becomes what the tool client posts to.

    class Args(msgspec.Struct, frozen=True): ...
    async def look_up(args: Args, request: ToolRequest) -> dict[str, Json] | ToolAnswer: ...
    endpoint = ToolEndpoint("look_up", Args, look_up)

| the request | the answer |
| --- | --- |
| well formed | 200 `{"output": …}` or `{"error": {"message", "retryable"}}` |
| arguments that do not fit `Args` | 200 with an error that tells the model which and why |
| no ToolRequest, or one for another tool | 400 with an error |
| anything but POST; a body over 64 KiB; one that stalls | 405; 413; 408, each with an error |
| any, but the function raises | 500 with a retryable error; logged without the arguments |
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ringdown.documents import explain
from ringdown.log import Log, call_bound
from ringdown.tools import Json, ToolAnswer, ToolRequest

MAX_BODY_BYTES = 64 * 1024
BODY_WITHIN_S = 5.0

Args = TypeVar("Args", bound=msgspec.Struct)
Tool = Callable[[Args, ToolRequest], Awaitable[dict[str, Json] | ToolAnswer]]

_log = Log(__name__)


class ToolEndpoint(Generic[Args]):
    """Serves one tool; call it with the HTTP request. Who may call is the platform's to decide."""

    def __init__(self, name: str, args_type: type[Args], tool: Tool[Args]) -> None:
        self._name = name
        self._args_type = args_type
        self._tool = tool

    async def __call__(self, request: Request) -> Response:
        if request.method != "POST":
            return _error(405, "tools are called by POST", {"Allow": "POST"})
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _read_body(request)
        except (TimeoutError, ClientDisconnect):
            return _error(408, "the request did not arrive in time")
        if body is None:
            return _error(413, f"the request is larger than {MAX_BODY_BYTES} bytes")
        return await self.answer(body)

    async def answer(self, body: bytes) -> Response:
        """Answer the POST whose body is a ToolRequest as JSON."""
        try:
            request = msgspec.json.decode(body, type=ToolRequest)
        except msgspec.ValidationError as error:
            return self._malformed(explain(error))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._malformed("the body is not JSON, or is nested too deeply")
        with call_bound(request.call.call_sid):
            if request.name != self._name:
                return self._malformed(f"this is {self._name}, another tool was asked for")
            return await self._run(request)

    async def _run(self, request: ToolRequest) -> Response:
        try:
            args = msgspec.convert(request.args, self._args_type)
        except msgspec.ValidationError as error:
            return _reply(200, ToolAnswer.failed(f"The arguments do not fit: {explain(error)}"))
        try:
            answer = await self._tool(args, request)
            output = answer if isinstance(answer, ToolAnswer) else ToolAnswer(output=answer)
            return _reply(200, output)
        except Exception as error:  # noqa: BLE001 - the boundary: the model needs some answer
            # The exception's text may quote the arguments; its type and place cannot.
            _log.error(
                "tool failed",
                tool=self._name,
                error=type(error).__name__,
                stack_trace="".join(traceback.format_tb(error.__traceback__)),
            )
            return _error(500, "The tool failed unexpectedly.", retryable=True)

    def _malformed(self, reason: str) -> Response:
        _log.warning("request is malformed", tool=self._name, reason=reason)
        return _error(400, reason)


async def _read_body(request: Request) -> bytes | None:
    """The body; None if it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _error(
    status_code: int,
    message: str,
    headers: dict[str, str] | None = None,
    *,
    retryable: bool = False,
) -> Response:
    return _reply(status_code, ToolAnswer.failed(message, retryable=retryable), headers)


def _reply(status_code: int, answer: ToolAnswer, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(answer),
        status_code=status_code,
        headers=headers,
        media_type="application/json",
    )
