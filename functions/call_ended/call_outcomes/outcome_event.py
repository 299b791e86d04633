"""Handles the end of a call: delivers webhooks, and determines the outcome if it isn't known."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx2
from starlette.exceptions import HTTPException

from call_outcomes.last_words import settled_call
from call_outcomes.webhooks_out import WebhooksOut
from ringdown import clock
from ringdown.calls import CallStore
from ringdown.calls.ended_calls import call_of_event
from ringdown.calls.figures import FigureStore, count_again, is_settled
from ringdown.calls.outcome_asking import ASK_WITHIN_S, ask_outcome
from ringdown.calls.outcome_questions import is_worth_asking
from ringdown.calls.outcomes import OutcomeStore
from ringdown.calls.uploads import UploadStore, delete_after_call
from ringdown.errors import InvalidDocument, RingdownError
from ringdown.gemini.backend import GeminiBackend, read_optional_gemini_backend
from ringdown.gemini.models import TEXT_MODELS
from ringdown.gemini.text_model import TextModel
from ringdown.log import Log, call_bound
from ringdown.settings import SettingsReader
from ringdown.stores import open_store, read_store_url
from ringdown.webhooks.deliveries import Deliveries
from ringdown.webhooks.sender import Sender

_log = Log("call_ended")


class EndedCallStore(CallStore, FigureStore, OutcomeStore, UploadStore, Protocol):
    """The store methods used after a call."""


@dataclass(frozen=True, slots=True)
class Settings:
    store_url: str
    gemini: GeminiBackend | None
    """None without a key, which is then reported as the outcome's problem."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check every setting. Raises ConfigurationError."""
    reader = SettingsReader(environ)
    settings = Settings(read_store_url(reader), read_optional_gemini_backend(reader))
    reader.finish()
    return settings


@dataclass(frozen=True, slots=True)
class Connections:
    store: EndedCallStore
    model: TextModel | None
    webhooks: WebhooksOut


@asynccontextmanager
async def open_connections(settings: Settings) -> AsyncIterator[Connections]:
    sender = Sender()
    try:
        async with (
            httpx2.AsyncClient(timeout=ASK_WITHIN_S, trust_env=False) as http,
            open_store(settings.store_url) as store,
        ):
            gemini = settings.gemini
            model = None
            if gemini is not None:
                model = TextModel(http, gemini, TEXT_MODELS[gemini.api], within_s=ASK_WITHIN_S)
            webhooks = WebhooksOut(store, Deliveries(store.documents, sender))
            yield Connections(store, model, webhooks)
    finally:
        await sender.close()


async def take_event(attributes: Mapping[str, object], connections: Connections) -> None:
    """Deliver webhooks, determine the outcome and delete uploads, each even if another fails.

    Raises HTTPException 503 to have the event sent again.
    """
    call_sid = call_of_event(attributes)
    if call_sid is None:
        _log.warning("event isn't about a call", event_type=str(attributes.get("type")))
        return
    with call_bound(call_sid):
        webhooks = connections.webhooks
        async with asyncio.TaskGroup() as group:
            end = group.create_task(webhooks.send_ended(call_sid, clock.now()))
            outcome = group.create_task(_is_found_out(call_sid, connections))
            uploads = group.create_task(_uploads_are_deleted(call_sid, connections.store))
        is_outcome_sent = await webhooks.send_outcome(call_sid, clock.now())
        done = (end.result(), outcome.result(), uploads.result(), is_outcome_sent)
        if not all(done):
            raise HTTPException(503, "Not everything is done; send the event again.")


async def _uploads_are_deleted(call_sid: str, store: EndedCallStore) -> bool:
    """Delete uploads, which the webhook has usually done already. False if it is worth retrying."""
    try:
        await delete_after_call(store, call_sid)
    except InvalidDocument:
        return True  # _find_out reports it
    except RingdownError as error:
        _log.warning("uploads could not be deleted yet", reason=str(error))
        return False
    return True


async def _is_found_out(call_sid: str, connections: Connections) -> bool:
    """Determine the outcome. False if it is worth retrying."""
    try:
        problem = await _find_out(call_sid, connections)
    except InvalidDocument as error:
        _log.error("outcome could not be determined", reason=str(error))
        return True
    except RingdownError as error:
        problem = str(error)
    if problem is not None:
        _log.warning("outcome could not be determined yet", reason=problem)
    return problem is None


async def _find_out(call_sid: str, connections: Connections) -> str | None:
    """Determine the outcome. Returns why it isn't known; None if it is, or if there is nothing to
    ask."""
    call = await connections.store.read_call(call_sid)
    if call is None or call.agent.after_call is None:
        return None
    await settled_call(connections.store, call)
    record = await connections.store.read_record(call_sid)
    if record is None or not is_worth_asking(record):
        return None
    if record.outcome is not None and record.outcome.problem is None:
        return None
    outcome = await ask_outcome(connections.model, record, call.agent.after_call, clock.now())
    written = await connections.store.keep_outcome(call_sid, outcome)
    if written and is_settled(record.call, now := clock.now()):
        await count_again(connections.store, record.call.created_at, now)
    _log.info(
        "outcome determined" if outcome.problem is None else "outcome has a problem",
        written=written,
        success=outcome.success,
        cost_usd=round(outcome.cost_usd, 6),
    )
    return outcome.problem if written else None
