"""The clients that all requests of a process share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from ringdown.stores import Store, open_store
from voice_webhook.handler_wake_up import (
    READY_WITHIN_S,
    REQUEST_LEAVES_WITHIN_S,
    HandlerWakeUp,
)
from voice_webhook.summaries import Summaries
from voice_webhook.webhook_settings import WebhookSettings


@dataclass(frozen=True, slots=True)
class Connections:
    store: Store
    summaries: Summaries | None
    """None where Gemini is not to be asked."""
    _http: httpx2.AsyncClient
    _ready_url: str
    _background: asyncio.TaskGroup

    def wake_handler(self) -> HandlerWakeUp:
        """Begin to wake the stream handler; it goes on after the request is answered."""
        return HandlerWakeUp(self._http, self._ready_url, self._background)


class SharedConnections:
    """Opens the connections on first use, and closes them when the event loop ends.

    The platform tells a function neither that it starts nor that it stops. So one task, outside any
    TaskGroup, holds everything open; whoever ends the loop cancels it (`asyncio.run` does).
    """

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._opened: asyncio.Future[Connections] | None = None
        self._keeper: asyncio.Task[None] | None = None  # keeps the task from being collected

    async def get(self) -> Connections:
        """The open connections; raises what opening them raises, and then tries anew next time."""
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep_open(self._opened))
        return await asyncio.shield(self._opened)

    async def _keep_open(self, opened: asyncio.Future[Connections]) -> None:
        try:
            async with (
                httpx2.AsyncClient(timeout=READY_WITHIN_S, trust_env=False) as http,
                asyncio.TaskGroup() as background,
                self._store(http, background) as store,
            ):
                summaries = _summaries(http, self._settings)
                opened.set_result(
                    Connections(store, summaries, http, self._settings.ready_url, background)
                )
                await asyncio.get_running_loop().create_future()
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the connections
            if not opened.done():
                opened.set_exception(error)
        finally:
            self._opened = None

    @asynccontextmanager
    async def _store(
        self, http: httpx2.AsyncClient, background: asyncio.TaskGroup
    ) -> AsyncIterator[Store]:
        """The store's library takes a quarter of a second to load: the handler starts meanwhile."""
        wake_up = HandlerWakeUp(http, self._settings.ready_url, background)
        await wake_up.requested(within_s=REQUEST_LEAVES_WITHIN_S)
        async with open_store(self._settings.store_url) as store:
            yield store


def _summaries(http: httpx2.AsyncClient, settings: WebhookSettings) -> Summaries | None:
    if settings.gemini is None:
        return None
    return Summaries(http, settings.gemini, settings.memory_model)
