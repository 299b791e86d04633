"""Calls tools over HTTP. Whatever happens, there is an answer that the model can go on with."""

import asyncio
from urllib.parse import urlsplit

import httpx2
import msgspec

from ringdown.log import Log
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest

_MAX_ANSWER_BYTES = 32_768  # the model's side closes the session over oversized tool answers
_MAX_CONNECTIONS = 64

_log = Log(__name__)


class ToolClient:
    """One connection pool per process. `call` never raises but on cancellation."""

    def __init__(self) -> None:
        limits = httpx2.Limits(max_connections=_MAX_CONNECTIONS)
        self._http = httpx2.AsyncClient(limits=limits, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, tool: ToolDeclaration, request: ToolRequest) -> ToolAnswer:
        """POST `request` to the tool and return its answer, or say why there is none."""
        try:
            response = await self._post(tool, request)
        except httpx2.TimeoutException:
            _log.warning("tool did not answer in time", tool=tool.name)
            return ToolAnswer.failed("The tool took too long to answer.", retryable=True)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            _log.warning("tool could not be reached", tool=tool.name, error=type(error).__name__)
            return ToolAnswer.failed("The tool could not be reached.", retryable=True)
        return _answer(tool, response)

    async def _post(self, tool: ToolDeclaration, request: ToolRequest) -> "_Response":
        _ = urlsplit(tool.url).port  # httpx leaves a port out of range for the socket to stumble on
        # httpx bounds each read; a tool that sends byte by byte is bounded by the whole call.
        try:
            async with (
                asyncio.timeout(tool.timeout_s),
                self._http.stream(
                    "POST",
                    tool.url,
                    content=msgspec.json.encode(request),
                    # Unpacked, a small answer could be far over the limit before it is counted.
                    headers={"content-type": "application/json", "accept-encoding": "identity"},
                    timeout=tool.timeout_s,
                ) as response,
            ):
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_ANSWER_BYTES:
                        break
                return _Response(response.status_code, body)
        except TimeoutError:
            raise httpx2.ReadTimeout("the tool's deadline has passed") from None


class _Response(msgspec.Struct, frozen=True):
    status: int
    body: bytes


def _answer(tool: ToolDeclaration, response: _Response) -> ToolAnswer:
    if len(response.body) > _MAX_ANSWER_BYTES:
        _log.error("tool answered too much", tool=tool.name)
        return ToolAnswer.failed("The tool's answer was too long to use.")
    try:
        answer = msgspec.json.decode(response.body, type=ToolAnswer)
    except (msgspec.DecodeError, RecursionError):
        answer = None
    if answer is None or (response.status >= 300 and answer.error is None):
        _log.error("tool answered badly", tool=tool.name, http_status=response.status)
        return ToolAnswer.failed("The tool failed.", retryable=response.status >= 500)
    if answer.error is not None:
        _log.info("tool answered with an error", tool=tool.name, http_status=response.status)
    return answer
