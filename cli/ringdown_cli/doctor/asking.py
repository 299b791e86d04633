"""Makes the checks' HTTP requests."""

import base64
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

_LOOPBACK = ("127.0.0.1", "localhost")
_REQUEST_WITHIN_S = 15.0  # as long as Twilio waits for a webhook


@dataclass(frozen=True, slots=True)
class Peers:
    """The base URLs of other companies' REST APIs."""

    twilio: str = "https://{host}"
    """`{host}` is a Twilio host: api.twilio.com, routes.dublin.ie1.twilio.com …"""
    billing: str = "https://cloudbilling.googleapis.com"
    secrets: str = "https://secretmanager.googleapis.com"


def peers(environ: Mapping[str, str]) -> Peers:
    """Return Google's and Twilio's APIs; TWILIO_URL overrides Twilio's."""
    url = environ.get("TWILIO_URL")
    return Peers(twilio=url) if url else Peers()


@dataclass(frozen=True, slots=True)
class Means:
    """The HTTP client and TLS settings that the checks use. `tls` trusts the same authorities as
    this machine."""

    http: httpx2.AsyncClient
    tls: ssl.SSLContext
    peers: Peers


class Unreachable(Exception):
    """There was no answer; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]
    """Names are in lower case."""
    took_ms: int

    @property
    def date_s(self) -> float | None:
        """The server's clock (RFC 9110, section 6.6.1), in Unix seconds."""
        try:
            return parsedate_to_datetime(self.headers["date"]).timestamp()
        except (KeyError, ValueError):
            return None


@asynccontextmanager
async def means(environ: Mapping[str, str], peers: Peers) -> AsyncIterator[Means]:
    """Open an HTTP client. It uses the environment's proxies, except for URLs on this machine."""
    tls = ssl.create_default_context(cafile=environ.get("SSL_CERT_FILE") or None)
    direct = {f"all://{host}": None for host in _LOOPBACK}
    async with httpx2.AsyncClient(verify=tls, mounts=direct, timeout=_REQUEST_WITHIN_S) as http:
        yield Means(http, tls, peers)


def is_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


async def get(means: Means, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    """Raises Unreachable."""
    return await _ask(means, httpx2.Request("GET", url, headers=dict(headers or {})))


async def post_form(
    means: Means, url: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> Answer:
    """Raises Unreachable."""
    return await _ask(means, httpx2.Request("POST", url, data=dict(form), headers=dict(headers)))


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header for HTTP basic authentication (RFC 7617)."""
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


async def _ask(means: Means, request: httpx2.Request) -> Answer:
    began_s = time.monotonic()
    try:
        response = await means.http.send(request)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unreachable(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    took_ms = round((time.monotonic() - began_s) * 1000)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, response.text, headers, took_ms)
