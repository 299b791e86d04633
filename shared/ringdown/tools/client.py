"""Calls tools over HTTP. Whatever happens, the model gets a result that it can work with.

Every delivery of a request carries the same idempotency key, and a tool must not do anything twice
for one key. That makes a second delivery safe.
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

import httpx2
import msgspec

from ringdown.errors import NoCredentials
from ringdown.log import Log
from ringdown.repaired_json import repaired
from ringdown.tools import NOTHING_TO_TELL, ToolAnswer, ToolDeclaration, ToolRequest
from ringdown.tools.identity_tokens import IdentityTokens
from ringdown.tools.nesting import MOST_DEPTH, is_too_deep
from ringdown.tools.url import audience_of, problem_with_url

MOST_AT_ONCE = 64
_MOST_REQUEST_BYTES = 32_768
_MOST_ANSWER_BYTES = 32_768  # the service closes the session over larger tool results
_KEEP_CONNECTIONS_S = 120.0
_AGAIN_AFTER_S = 0.2
_UNAUTHORIZED = 401
# A token may have expired in transit; the others mean that no instance was ready.
_AGAIN = frozenset({_UNAUTHORIZED, 429, 502, 503, 504})
_WARM_FOR_S = 60.0
_WARM_WITHIN_S = 15.0  # enough for the cold start of any function that is usable in a call
_log = Log(__name__)


class Called(NamedTuple):
    answer: ToolAnswer
    certain: bool = True
    """False if no response arrived, but the tool may have done it anyway."""


_UNREACHABLE = Called(ToolAnswer.failed("The tool could not be reached."))
_UNREACHABLE_NOW = Called(ToolAnswer.failed("The tool could not be reached.", retryable=True))
_LOST = Called(
    ToolAnswer.failed(
        "The connection to the tool was lost, but it may have done what you asked.", retryable=True
    ),
    certain=False,
)
_LATE = Called(
    ToolAnswer.failed(
        "The tool took too long to answer, but may have done what you asked.", retryable=True
    ),
    certain=False,
)
_NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


class _Response(NamedTuple):
    status: int
    body: bytes


class ToolClient:
    """Calls tools; make one per process, because it has a connection pool. `call` and `warm` raise
    only when they are cancelled."""

    def __init__(
        self, identity: IdentityTokens | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """`identity` proves to functions who we are. `tls` is for certificates that the system
        doesn't trust."""
        limits = httpx2.Limits(max_connections=MOST_AT_ONCE, keepalive_expiry=_KEEP_CONNECTIONS_S)
        self._http = httpx2.AsyncClient(
            limits=limits,
            follow_redirects=False,
            trust_env=False,
            timeout=None,  # `asyncio.timeout` bounds each call as a whole
            verify=tls or ssl.create_default_context(),
            # A small compressed answer could expand far beyond the limit before it is counted.
            headers={"accept-encoding": "identity"},
        )
        self._identity = identity or IdentityTokens()
        self._under_way = 0
        self._used_s: dict[str, float] = {}
        """When each URL was last called, on the loop's clock."""

    async def close(self) -> None:
        await self._http.aclose()

    async def call(
        self, tool: ToolDeclaration, request: ToolRequest, headers: Mapping[str, str] = {}
    ) -> Called:
        """POST `request` to the tool and return its answer, or an error that says why there is
        none."""
        if self._under_way >= MOST_AT_ONCE:
            _log.error("too many parallel tool calls", tool=tool.name, limit=MOST_AT_ONCE)
            return Called(ToolAnswer.failed("Too many are asking just now.", retryable=True))
        try:
            body = msgspec.json.encode(request)
        except (ValueError, RecursionError):  # a lone surrogate, or nested too deep
            return Called(ToolAnswer.failed("The arguments can't be sent. Use simpler ones."))
        self._under_way += 1
        try:
            async with asyncio.timeout(tool.timeout_s):
                return await self._ask(tool, body, headers)
        except TimeoutError:
            _log.warning("tool did not answer in time", tool=tool.name)
            return _LATE
        finally:
            self._under_way -= 1

    async def warm(self, tools: Iterable[ToolDeclaration]) -> None:
        """Start the functions of `tools`, open the connections and fetch the tokens."""
        async with asyncio.TaskGroup() as group:
            for tool in tools:
                if self._is_cold(tool.url):
                    group.create_task(self._warm(tool))

    def _is_cold(self, url: str) -> bool:
        """Whether `url` hasn't been called for a while; a tool on this machine is never cold."""
        if problem_with_url(url) is not None or audience_of(url) is None:
            return False
        used_s = self._used_s.get(url)
        return used_s is None or asyncio.get_running_loop().time() - used_s >= _WARM_FOR_S

    async def _warm(self, tool: ToolDeclaration) -> None:
        try:
            async with asyncio.timeout(_WARM_WITHIN_S):
                response = await self._send("GET", tool.url)
        except (TimeoutError, NoCredentials, httpx2.HTTPError, httpx2.InvalidURL) as error:
            _log.warning("tool could not be warmed", tool=tool.name, reason=repr(error))
        else:
            _explain_refusal(tool, response.status)

    async def _ask(self, tool: ToolDeclaration, body: bytes, headers: Mapping[str, str]) -> Called:
        problem = problem_with_url(tool.url)
        if problem is not None:
            _log.error("tool not called", tool=tool.name, reason=f"its URL {problem}")
            return _UNREACHABLE
        if len(body) > _MOST_REQUEST_BYTES:
            return Called(ToolAnswer.failed("The arguments are too long. Make them shorter."))
        outcome = await self._deliver(tool, body, headers)
        if _may_pass(outcome):
            await asyncio.sleep(_AGAIN_AFTER_S)
            again = await self._deliver(tool, body, headers)
            # The lost request may have been carried out, even if the retry failed.
            outcome = outcome if outcome is _LOST and isinstance(again, Called) else again
        return outcome if isinstance(outcome, Called) else Called(_answer(tool, outcome))

    async def _deliver(
        self, tool: ToolDeclaration, body: bytes, headers: Mapping[str, str]
    ) -> _Response | Called:
        """Send the request once; return the response, or our own error if none arrived."""
        try:
            response = await self._send("POST", tool.url, body, headers)
        except NoCredentials as error:
            _log.error("no ID token for a tool", tool=tool.name, reason=str(error))
            return _UNREACHABLE
        except httpx2.TransportError as error:
            _log.warning("tool could not be reached", tool=tool.name, error=type(error).__name__)
            return _UNREACHABLE_NOW if isinstance(error, _NOTHING_SENT) else _LOST
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            _log.error("tool could not be called", tool=tool.name, error=type(error).__name__)
            return _UNREACHABLE
        if response.status == _UNAUTHORIZED:
            self._identity.refused(audience_of(tool.url) or "")
        return response

    async def _send(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> _Response:
        self._used_s[url] = asyncio.get_running_loop().time()
        headers = {**headers, "content-type": "application/json"} if body else {}
        audience = audience_of(url)
        if audience is not None:
            headers["authorization"] = f"Bearer {await self._identity.get(audience)}"
        async with self._http.stream(method, url, content=body, headers=headers) as response:
            answer = b""
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > _MOST_ANSWER_BYTES:
                    break
            return _Response(response.status_code, answer)


def _may_pass(outcome: _Response | Called) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(outcome, Called):
        return outcome in (_UNREACHABLE_NOW, _LOST)
    return outcome.status in _AGAIN


def _answer(tool: ToolDeclaration, response: _Response) -> ToolAnswer:
    if len(response.body) > _MOST_ANSWER_BYTES:
        _log.error("tool's answer is too long", tool=tool.name, limit_bytes=_MOST_ANSWER_BYTES)
        return ToolAnswer.failed("The tool's answer was too long to use.")
    try:
        answer = _decoded(response.body)
    except RecursionError:
        return _too_deep(tool)
    if answer is None or (response.status >= 300 and answer.error is None):
        if not _explain_refusal(tool, response.status):
            _log.error("tool's answer is invalid", tool=tool.name, http_status=response.status)
        return ToolAnswer.failed("The tool failed.", retryable=response.status >= 500)
    if is_too_deep(answer.output):
        return _too_deep(tool)
    if answer.error is not None:
        _log.info("tool answered with an error", tool=tool.name, http_status=response.status)
    # A model that gets nothing keeps asking.
    return answer if answer != ToolAnswer(output={}) else NOTHING_TO_TELL


def _decoded(body: bytes) -> ToolAnswer | None:
    """Decode an answer, repairing it if necessary; None if it can't be read. A tool that sends half
    an emoji or NaN has done its work, so its answer shouldn't be lost."""
    try:
        return msgspec.json.decode(body, type=ToolAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(repaired(body), type=ToolAnswer)
    return None


def _too_deep(tool: ToolDeclaration) -> ToolAnswer:
    _log.error("tool's answer is nested too deep", tool=tool.name, limit=MOST_DEPTH)
    return ToolAnswer.failed("The tool's answer was nested too deep to use.")


def _explain_refusal(tool: ToolDeclaration, status: int) -> bool:
    """Whether the tool refused us; if so, log what operators should do."""
    match status:
        case _ if status == _UNAUTHORIZED:
            remedy = "make it accept ID tokens whose audience is its URL without the path"
        case 403:
            remedy = "give this service's account roles/run.invoker on the tool's service"
        case _ if 300 <= status < 400:
            remedy = "it redirects: declare the URL that it redirects to"
        case _:
            return False
    _log.error("tool refuses this service", tool=tool.name, http_status=status, remedy=remedy)
    return True
