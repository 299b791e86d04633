"""The part of Twilio's REST API that changes live calls and sends texts.

POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}.json with `Status=completed` hangs up; with
`Twiml`, or `Url` and `Method`, the call continues with another document. POST to
/Messages.json with `To`, `From` and `Body` sends a text.

Sources: https://www.twilio.com/docs/voice/api/call-resource,
https://www.twilio.com/docs/messaging/api/message-resource and https://www.twilio.com/docs/errors
for 20003, 20404, 21211, 21220, 21602 and 21614. Error messages are worded from memory.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl

from .identity import API_VERSION, CallIdentity, new_sid
from .webhooks import Webhook

_CALL_PATH = re.compile(rf"/{API_VERSION}/Accounts/([^/]+)/Calls/([^/]+)\.json")
_MESSAGES_PATH = re.compile(rf"/{API_VERSION}/Accounts/([^/]+)/Messages\.json")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
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
        """Continue with the document at a URL, or with TwiML."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text message that was sent."""

    to: str
    from_: str
    body: str


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
    """The API of one account.

    calls      the network's calls by SID; None for those that are over
    texts      the list to which every sent text is added
    texts_key  an API key, SID:SECRET, that may send texts and do nothing else
    landlines  numbers that can't receive texts
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        calls: Mapping[str, LiveCall | None],
        texts: list[Text],
        *,
        texts_key: str | None = None,
        landlines: Collection[str] = (),
    ) -> None:
        self._account_sid = account_sid
        self._authorization = _basic(f"{account_sid}:{auth_token}")
        self._texts_authorization = None if texts_key is None else _basic(texts_key)
        self._calls = calls
        self._texts = texts
        self._landlines = landlines

    def respond(self, request: ApiRequest) -> tuple[HTTPStatus, dict[str, object]]:
        """Carry out the request and return its resource. Raises ApiError."""
        messages = _MESSAGES_PATH.fullmatch(request.path)
        known = {self._authorization, self._texts_authorization if messages else None}
        if request.authorization not in known:
            raise ApiError(HTTPStatus.UNAUTHORIZED, 20003, "Authenticate")
        if request.method == "POST" and messages is not None and messages[1] == self._account_sid:
            return HTTPStatus.CREATED, self._send(request.params)
        return HTTPStatus.OK, self._change_call(request)

    def _send(self, params: Mapping[str, str]) -> dict[str, object]:
        to, body = params.get("To", ""), params.get("Body", "")
        if not _NUMBER.fullmatch(to):
            raise ApiError(HTTPStatus.BAD_REQUEST, 21211, f"Invalid 'To' Phone Number: {to}")
        if not body:
            raise ApiError(HTTPStatus.BAD_REQUEST, 21602, "Message body is required.")
        if to in self._landlines:
            message = "'To' number is not a valid mobile number"
            raise ApiError(HTTPStatus.BAD_REQUEST, 21614, message)
        text = Text(to, params.get("From", ""), body)
        self._texts.append(text)
        return {
            "sid": new_sid("SM"),
            "account_sid": self._account_sid,
            "api_version": API_VERSION,
            "direction": "outbound-api",
            "from": text.from_,
            "to": text.to,
            "body": text.body,
            "status": "queued",
        }

    def _change_call(self, request: ApiRequest) -> dict[str, object]:
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
        """Serve on the loopback interface; yields the base URL, without a path."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_MOST_BYTES)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(*_BROKEN_OFF):
            async with asyncio.timeout(_WITHIN_S):
                request = await _read(reader)
                try:
                    writer.write(_response(*self.respond(request)))
                except ApiError as error:
                    writer.write(_response(error.status, error.body))
                await writer.drain()


def _basic(credentials: str) -> str:
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


def _update(call: LiveCall, params: Mapping[str, str]) -> str:
    """Carry out the request; returns the call's new status."""
    if params.get("Status") == "completed":
        call.complete()
        return "completed"
    if call.status != "in-progress":
        raise _not_in_progress()
    if "Twiml" in params:  # takes precedence over a URL
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
    """Read a request. Raises one of _BROKEN_OFF for anything else."""
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
