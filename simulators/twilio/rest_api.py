"""Twilio's REST API, as far as our side changes a live call by it.

POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}.json with `Status=completed` hangs up; with
`Twiml`, or `Url` and `Method`, the call runs another document from now on.

Sources: https://www.twilio.com/docs/voice/api/call-resource and https://www.twilio.com/docs/errors
for 20003, 20404 and 21220. The words of messages are from memory.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl

from .identity import API_VERSION, CallIdentity
from .webhooks import Webhook

_CALL_PATH = re.compile(rf"/{API_VERSION}/Accounts/([^/]+)/Calls/([^/]+)\.json")
_LIVE = ("ringing", "in-progress")
_MOST_BYTES = 64 * 1024
_WITHIN_S = 10.0
_BROKEN_OFF = (TimeoutError, EOFError, ValueError, ConnectionError, asyncio.LimitOverrunError)


class LiveCall(Protocol):
    """What the API can do to a call."""

    @property
    def identity(self) -> CallIdentity: ...

    @property
    def status(self) -> str: ...

    def complete(self) -> None:
        """Hang up."""

    def redirect(self, to: Webhook | str) -> None:
        """Run the document at a URL, or TwiML."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    method: str
    path: str
    authorization: str
    params: Mapping[str, str]


class ApiError(Exception):
    def __init__(self, status: HTTPStatus, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, object]:
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": int(self.status),
        }


class RestApi:
    """The API of one account. `calls` are those of the network, None once they are over."""

    def __init__(
        self, account_sid: str, auth_token: str, calls: Mapping[str, LiveCall | None]
    ) -> None:
        self._account_sid = account_sid
        credentials = base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._authorization = f"Basic {credentials}"
        self._calls = calls

    def respond(self, request: ApiRequest) -> dict[str, object]:
        """Change the call and return its resource. Raises ApiError."""
        if request.authorization != self._authorization:
            raise ApiError(HTTPStatus.UNAUTHORIZED, 20003, "Authenticate")
        match = _CALL_PATH.fullmatch(request.path)
        known = match is not None and match[1] == self._account_sid and match[2] in self._calls
        if request.method != "POST" or match is None or not known:
            message = f"The requested resource {request.path} was not found"
            raise ApiError(HTTPStatus.NOT_FOUND, 20404, message)
        call = self._calls[match[2]]
        if call is None or call.status not in _LIVE:
            raise _not_in_progress()
        return _resource(call, _update(call, request.params))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on the loopback interface; gives the base URL, without a path."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_MOST_BYTES)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(*_BROKEN_OFF):
            async with asyncio.timeout(_WITHIN_S):
                request = await _read(reader)
                try:
                    writer.write(_response(HTTPStatus.OK, self.respond(request)))
                except ApiError as error:
                    writer.write(_response(error.status, error.body))
                await writer.drain()


def _update(call: LiveCall, params: Mapping[str, str]) -> str:
    """Carry out the request; returns the call's new status."""
    if params.get("Status") == "completed":
        call.complete()
        return "completed"
    if call.status != "in-progress":
        raise _not_in_progress()
    if "Twiml" in params:  # wins over a URL
        call.redirect(params["Twiml"])
    elif "Url" in params:
        call.redirect(Webhook(params["Url"], params.get("Method", "POST")))
    return call.status


def _not_in_progress() -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, 21220, "Call is not in-progress. Cannot redirect.")


def _resource(call: LiveCall, status: str) -> dict[str, object]:
    identity = call.identity
    account = f"/{API_VERSION}/Accounts/{identity.account_sid}"
    return {
        "sid": identity.call_sid,
        "account_sid": identity.account_sid,
        "api_version": API_VERSION,
        "direction": "inbound",
        "from": identity.from_,
        "to": identity.to,
        "status": status,
        "uri": f"{account}/Calls/{identity.call_sid}.json",
    }


async def _read(reader: asyncio.StreamReader) -> ApiRequest:
    """Raises one of _BROKEN_OFF for what isn't a request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.splitlines()
    method, path, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(min(int(headers.get("content-length", "0")), _MOST_BYTES))
    params = dict(parse_qsl(body.decode()))
    return ApiRequest(method, path, headers.get("authorization", ""), params)


def _response(status: HTTPStatus, content: Mapping[str, object]) -> bytes:
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
