"""The clients that all requests of a process share."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from ringdown.calls.ended_calls import EndedCalls, Queue
from ringdown.gemini.text_model import TextModel
from ringdown.stores import Store, open_store
from ringdown.tools.client import ToolClient
from voice_webhook.ended_calls import PubSubTopic
from voice_webhook.handler_wake_up import (
    READY_WITHIN_S,
    REQUEST_LEAVES_WITHIN_S,
    HandlerWakeUp,
)
from voice_webhook.summaries import SUMMARISE_WITHIN_S, Summaries
from voice_webhook.webhook_settings import WebhookSettings


@dataclass(frozen=True, slots=True)
class Connections:
    store: Store
    summaries: Summaries | None
    """None if no Gemini backend is configured."""
    ended_calls: EndedCalls
    tools: ToolClient
    _http: httpx2.AsyncClient
    _ready_url: str
    _background: asyncio.TaskGroup

    def wake_handler(self) -> HandlerWakeUp:
        """Start waking the stream handler. This continues after the request is answered."""
        return HandlerWakeUp(self._http, self._ready_url, self._background)


@asynccontextmanager
async def open_connections(settings: WebhookSettings) -> AsyncIterator[Connections]:
    """Open the clients that a process needs, and close them at the end."""
    tls = ssl.create_default_context()  # shared, because creating one takes some 20 ms
    tools, topic = ToolClient(tls=tls), settings.call_ended_topic
    try:
        async with (
            httpx2.AsyncClient(timeout=READY_WITHIN_S, trust_env=False, verify=tls) as http,
            asyncio.TaskGroup() as background,
            _store(http, background, settings) as store,
        ):
            yield Connections(
                store,
                _summaries(http, settings),
                Queue(store.documents) if topic is None else PubSubTopic(http, topic),
                tools,
                http,
                settings.ready_url,
                background,
            )
    finally:
        await tools.close()


@asynccontextmanager
async def _store(
    http: httpx2.AsyncClient, background: asyncio.TaskGroup, settings: WebhookSettings
) -> AsyncIterator[Store]:
    """Wake the handler, then open the store, whose library takes a quarter of a second to load."""
    wake_up = HandlerWakeUp(http, settings.ready_url, background)
    await wake_up.requested(within_s=REQUEST_LEAVES_WITHIN_S)
    async with open_store(settings.store_url) as store:
        yield store


def _summaries(http: httpx2.AsyncClient, settings: WebhookSettings) -> Summaries | None:
    if settings.gemini is None:
        return None
    model = TextModel(http, settings.gemini, settings.memory_model, within_s=SUMMARISE_WITHIN_S)
    return Summaries(model)
