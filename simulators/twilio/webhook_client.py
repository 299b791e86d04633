"""Sends webhooks over HTTP, with Twilio's headers, deadlines and retries."""

import asyncio
import ssl
import uuid
from dataclasses import dataclass
from typing import Self
from urllib.parse import urldefrag, urlencode

import httpx2

from .alerts import Alert, AlertCode
from .clock import now_ms
from .events import EventLog, WebhookAnswered, WebhookSent
from .signatures import Signer
from .webhooks import ConnectionSettings, Failure, Params, Response, Webhook, failure_of

USER_AGENT = "TwilioProxy/1.1"
_FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Failed:
    failure: Failure
    alert: Alert


class WebhookClient:
    """Sends the webhooks of one call. Use `async with` to close it."""

    def __init__(
        self,
        signer: Signer,
        settings: ConnectionSettings,
        tls: ssl.SSLContext,
        *,
        fetches_sounds: bool = True,
    ) -> None:
        self._signer = signer
        self._settings = settings
        self._fetches_sounds = fetches_sounds
        self._http = httpx2.AsyncClient(
            headers={"User-Agent": USER_AGENT, "Accept": "*/*"},
            verify=tls,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def send(self, webhook: Webhook, params: Params, log: EventLog) -> Response | Alert:
        """Request a webhook; returns its response, whatever the status, or an alert."""
        settings = self._settings.overridden_by(webhook.url)
        token = str(uuid.uuid4())
        outcome: Response | _Failed
        try:
            async with asyncio.timeout(settings.total_ms / 1000):
                for attempt in range(settings.retries + 1):
                    outcome = await self._attempt(webhook, params, settings, (token, attempt), log)
                    if not _worth_retrying(outcome, settings):
                        break
        except TimeoutError:
            alert = _too_late(webhook.url, settings.total_ms)
            total_ms, detail = settings.total_ms, alert.detail
            log.add(WebhookAnswered(log.now(), webhook.url, None, total_ms, detail))
            return alert
        return outcome.alert if isinstance(outcome, _Failed) else outcome

    async def get(self, url: str) -> Response | Alert:
        """Fetch a sound for `<Play>`, without a signature or retries."""
        if not self._fetches_sounds:
            return Alert(AlertCode.HTTP_CONNECTION_FAILURE, f"{url} cannot be reached")
        try:
            async with asyncio.timeout(self._settings.total_ms / 1000):
                return _response(await self._http.get(url))
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            return _unreachable(url, error)

    async def _attempt(
        self,
        webhook: Webhook,
        params: Params,
        settings: ConnectionSettings,
        try_: tuple[str, int],
        log: EventLog,
    ) -> Response | _Failed:
        token, attempt = try_
        log.add(WebhookSent(log.now(), webhook.url, webhook.method, attempt + 1))
        sent_ms = now_ms()
        outcome = await self._exchange(webhook, params, settings, token)
        took_ms = round(now_ms() - sent_ms)
        if isinstance(outcome, _Failed):
            body, status = outcome.alert.detail, None
        else:
            body, status = outcome.body.decode("utf-8", "replace"), outcome.status
        log.add(WebhookAnswered(log.now(), webhook.url, status, took_ms, body))
        return outcome

    async def _exchange(
        self, webhook: Webhook, params: Params, settings: ConnectionSettings, token: str
    ) -> Response | _Failed:
        timeout = httpx2.Timeout(settings.read_ms / 1000, connect=settings.connect_ms / 1000)
        try:
            request = self._request(webhook, params, token, timeout)
            return _response(await self._http.send(request))
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return _Failed(Failure.CONNECT, _unreachable(webhook.url, error))
        except httpx2.TimeoutException:
            return _Failed(Failure.READ_TIMEOUT, _too_late(webhook.url, settings.read_ms))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            detail = f"{webhook.url}: {type(error).__name__} {error}"
            alert = Alert(AlertCode.HTTP_RETRIEVAL_FAILURE, detail)
            return _Failed(Failure.READ_TIMEOUT, alert)

    def _request(
        self, webhook: Webhook, params: Params, token: str, timeout: httpx2.Timeout
    ) -> httpx2.Request:
        url = urldefrag(webhook.url).url
        headers = {"I-Twilio-Idempotency-Token": token}
        if webhook.method == "GET":
            url += ("&" if "?" in url else "?") + urlencode(params)
            headers |= self._signer.headers(url)
            return self._http.build_request("GET", url, headers=headers, timeout=timeout)
        headers |= self._signer.headers(url, params) | {"Content-Type": _FORM}
        content = urlencode(params)
        return self._http.build_request(
            "POST", url, headers=headers, content=content, timeout=timeout
        )


def _worth_retrying(outcome: Response | _Failed, settings: ConnectionSettings) -> bool:
    failure = outcome.failure if isinstance(outcome, _Failed) else failure_of(outcome.status)
    return failure in settings.retry_on


def _response(response: httpx2.Response) -> Response:
    content_type = response.headers.get("content-type")
    if content_type is not None:
        content_type = content_type.partition(";")[0].strip().lower()
    return Response(response.status_code, content_type, response.content)


def _unreachable(url: str, error: Exception) -> Alert:
    detail = f"{url} cannot be reached: {type(error).__name__} {error}".rstrip()
    return Alert(AlertCode.HTTP_CONNECTION_FAILURE, detail)


def _too_late(url: str, budget_ms: int) -> Alert:
    return Alert(AlertCode.HTTP_CONNECTION_FAILURE, f"{url} did not respond within {budget_ms} ms")
