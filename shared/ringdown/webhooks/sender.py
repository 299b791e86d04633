"""Posts a message to a receiver."""

import asyncio
import datetime
import ssl
from typing import NamedTuple

import httpx2

from ringdown.tools.url import problem_with_url
from ringdown.webhooks import Receiver
from ringdown.webhooks.signature import InvalidSecret, signed_headers

ANSWERS_WITHIN_S = 15.0
_GONE = 410
_AT_ONCE = 20


class Failure(NamedTuple):
    problem: str
    """What went wrong, in operators' words."""
    final: bool = False
    """Whether to stop trying, because the receiver doesn't want further messages."""


class Sender:
    """Posts messages; make one per process, because it has a connection pool. `send` raises only
    when it is cancelled."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls` is for certificates that the system doesn't trust."""
        self._http = httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=_AT_ONCE),
            follow_redirects=False,
            trust_env=False,
            timeout=None,
            verify=tls or ssl.create_default_context(),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def send(
        self, receiver: Receiver, message_id: str, body: bytes, now: datetime.datetime
    ) -> Failure | None:
        """Post the message; return None if the receiver accepted it. Only the response's status is
        read."""
        problem = problem_with_url(receiver.url)
        if problem is not None:
            return Failure(f"Its URL {problem}.")
        try:
            signed = signed_headers(receiver.secret, message_id, body, int(now.timestamp()))
        except InvalidSecret as error:
            return Failure(f"{error}.")
        headers = {"content-type": "application/json", "user-agent": "ringdown", **signed}
        try:
            async with (
                asyncio.timeout(ANSWERS_WITHIN_S),
                self._http.stream("POST", receiver.url, content=body, headers=headers) as response,
            ):
                return _failure(response.status_code)
        except TimeoutError:
            return Failure(f"It didn't answer within {ANSWERS_WITHIN_S:g} s.")
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            return Failure(f"It couldn't be reached ({type(error).__name__}).")


def _failure(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Failure(f"It redirects (HTTP {status}). Set the URL that it redirects to.")
    if status == _GONE:
        return Failure("It doesn't want further messages (HTTP 410).", final=True)
    return Failure(f"It answered with HTTP {status}.")
