"""Posts status callbacks in order, alongside the call, without ever delaying it."""

import asyncio
from dataclasses import dataclass

from .alerts import Alert, AlertCode
from .events import EventLog, StatusPosted
from .webhook_client import WebhookClient
from .webhooks import Params, Webhook

_MOST_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Callback:
    """A status callback; `event` is its name in the log, and a failure is logged as `code`."""

    webhook: Webhook
    event: str
    params: Params
    code: AlertCode


class Postman:
    """Delivers callbacks one at a time. After `close()`, `run()` returns once all are delivered."""

    def __init__(self, client: WebhookClient, log: EventLog, quiet_log: EventLog) -> None:
        self._client = client
        self._log = log
        self._quiet_log = quiet_log
        self._queue: asyncio.Queue[Callback | None] = asyncio.Queue(_MOST_WAITING)

    def post(self, callback: Callback) -> None:
        self._queue.put_nowait(callback)

    def close(self) -> None:
        self._queue.put_nowait(None)

    async def run(self) -> None:
        while (callback := await self._queue.get()) is not None:
            await self._deliver(callback)

    async def _deliver(self, callback: Callback) -> None:
        outcome = await self._client.send(callback.webhook, callback.params, self._quiet_log)
        url = callback.webhook.url
        status = None if isinstance(outcome, Alert) else outcome.status
        self._log.add(StatusPosted(self._log.now(), url, callback.event, status))
        if isinstance(outcome, Alert):
            self._log.alert(Alert(callback.code, outcome.detail))
        elif outcome.status >= 400:
            detail = f"{callback.event}: {url} responded with status {outcome.status}"
            self._log.alert(Alert(callback.code, detail))
