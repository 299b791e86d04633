"""The HTTP side of a tool: serves the tool client's requests with a typed async function.

`ringdown.tools.function` turns it into an entry point. A tool that changes something passes
`answers`, the store for its answers: a request delivered twice with one idempotency key is carried
out once, and gets the same answer both times.

| the request | the answer |
| --- | --- |
| well formed | 200 `{"output": …}` or `{"error": {"message", "retryable"}}` |
| arguments that don't fit `Args` | 200 with an error that tells the model which and why |
| not a ToolRequest, or one for another tool | 400 with an error |
| anything but POST; a body over 64 KiB; one that stalls | 405; 413; 408, each with an error |
| any, if the function raises | 500 with a retryable error; logged without the arguments |
| any, if its store doesn't answer | 200 with a retryable error; logged |

The endpoint doesn't authenticate its callers: Cloud Run admits only the stream handler's account.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ringdown import clock
from ringdown.documents import explain
from ringdown.errors import StoreUnavailable
from ringdown.log import Log, call_bound
from ringdown.open_once import OpenOnce
from ringdown.request_body import BodyTooLarge, read_body
from ringdown.stores import Store
from ringdown.tools import NOTHING_TO_TELL, Json, ToolAnswer, ToolRequest
from ringdown.tools.answers import KEPT_FOR, KeptAnswers

MAX_BODY_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 32 * 1024
BODY_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.2
_LOOKS = 15
_TOO_LONG = ToolAnswer.failed("The answer was too long. Ask for less.")
_STORE_AWAY = ToolAnswer.failed("The records cannot be reached just now.", retryable=True)
_UNKNOWN_OUTCOME = ToolAnswer.failed(
    "This was begun before, and its outcome is not known. Do not repeat it: tell the caller that it"
    " may have been done."
)

Args = TypeVar("Args", bound=msgspec.Struct)
Tool = Callable[[Args, ToolRequest], Awaitable[dict[str, Json] | ToolAnswer]]

_log = Log(__name__)


class ToolEndpoint(Generic[Args]):
    """Serves one tool; call it with the HTTP request."""

    def __init__(
        self,
        name: str,
        args_type: type[Args],
        tool: Tool[Args],
        *,
        answers: OpenOnce[Store] | None = None,
    ) -> None:
        self._name = name
        self._args_type = args_type
        self._tool = tool
        self._answers = answers

    async def __call__(self, request: Request) -> Response:
        if request.method != "POST":
            return _error(405, "tools are called by POST", {"Allow": "POST"})
        try:
            body = await read_body(request.stream(), at_most=MAX_BODY_BYTES, within_s=BODY_WITHIN_S)
        except (TimeoutError, ClientDisconnect):
            return _error(408, "the request didn't arrive in time")
        except BodyTooLarge:
            return _error(413, f"the request is larger than {MAX_BODY_BYTES} bytes")
        return await self.answer(body)

    async def answer(self, body: bytes) -> Response:
        """Answer a POST whose body is a ToolRequest as JSON."""
        try:
            request = msgspec.json.decode(body, type=ToolRequest)
        except msgspec.ValidationError as error:
            return self._malformed(explain(error))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._malformed("the body isn't JSON, or is nested too deeply")
        with call_bound(request.call.call_sid):
            if request.name != self._name:
                return self._malformed(f"this is {self._name}, but the request is for another tool")
            return await self._run(request)

    async def _run(self, request: ToolRequest) -> Response:
        try:
            args = msgspec.convert(request.args, self._args_type)
        except msgspec.ValidationError as error:
            return _reply(200, ToolAnswer.failed(f"The arguments do not fit: {explain(error)}"))
        try:
            return _bounded_reply(await self._answer_once(args, request))
        except StoreUnavailable as error:
            _log.error("store does not answer", tool=self._name, reason=str(error))
            return _reply(200, _STORE_AWAY)
        except Exception as error:  # noqa: BLE001 - boundary: the model needs an answer
            # The exception's text may quote the arguments; its type and location can't.
            _log.error(
                "tool failed",
                tool=self._name,
                error=type(error).__name__,
                stack_trace="".join(traceback.format_tb(error.__traceback__)),
            )
            return _error(500, "The tool failed unexpectedly.", retryable=True)

    async def _answer_once(self, args: Args, request: ToolRequest) -> ToolAnswer:
        if self._answers is None:
            return await self._ask(args, request)
        kept = KeptAnswers((await self._answers.get()).documents)
        key = f"{self._name} {request.idempotency_key}"
        expires_at = clock.now() + KEPT_FOR
        if not await kept.claim(key, expires_at):
            return await _kept_answer(kept, key)
        answer = await self._ask(args, request)
        try:
            if answer.error is not None and answer.error.retryable:
                await kept.release(key)
            else:
                await kept.keep(key, answer, expires_at)
        except StoreUnavailable as error:  # the tool has acted, so the model still gets the answer
            _log.error("result not stored", tool=self._name, reason=str(error))
        return answer

    async def _ask(self, args: Args, request: ToolRequest) -> ToolAnswer:
        answer = await self._tool(args, request)
        if isinstance(answer, ToolAnswer):
            return answer
        return ToolAnswer(output=answer) if answer else NOTHING_TO_TELL

    def _malformed(self, reason: str) -> Response:
        _log.warning("request is malformed", tool=self._name, reason=reason)
        return _error(400, reason)


async def _kept_answer(kept: KeptAnswers, key: str) -> ToolAnswer:
    """Wait for the answer of the first delivery, which may still be in progress."""
    for _ in range(_LOOKS):
        answer = await kept.read(key)
        if answer is not None:
            return answer
        await asyncio.sleep(_LOOK_AGAIN_S)
    return _UNKNOWN_OUTCOME


def _error(
    status_code: int,
    message: str,
    headers: dict[str, str] | None = None,
    *,
    retryable: bool = False,
) -> Response:
    return _reply(status_code, ToolAnswer.failed(message, retryable=retryable), headers)


def _bounded_reply(answer: ToolAnswer) -> Response:
    reply = _reply(200, answer)
    return reply if len(reply.body) <= MAX_ANSWER_BYTES else _reply(200, _TOO_LONG)


def _reply(status_code: int, answer: ToolAnswer, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(answer),
        status_code=status_code,
        headers=headers,
        media_type="application/json",
    )
