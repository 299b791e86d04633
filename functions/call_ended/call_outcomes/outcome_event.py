"""One event of a call's end: its outcome is found out, unless it is known already."""

import asyncio
import datetime
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx2
from starlette.exceptions import HTTPException

from ringdown import clock
from ringdown.calls import Call, CallRecord, CallStatus, CallStore
from ringdown.calls.ended_calls import call_of_event
from ringdown.calls.outcome_asking import ASK_WITHIN_S, ask_outcome
from ringdown.calls.outcome_questions import is_worth_asking
from ringdown.calls.outcomes import OutcomeStore
from ringdown.errors import InvalidDocument, RingdownError
from ringdown.gemini.backend import GeminiBackend, read_optional_gemini_backend
from ringdown.gemini.models import TEXT_MODELS
from ringdown.gemini.text_model import TextModel
from ringdown.log import Log, call_bound
from ringdown.settings import SettingsReader
from ringdown.stores import open_store, read_store_url

LAST_WORDS_WITHIN = datetime.timedelta(seconds=12)
"""Twilio's word of the end may come before the stream handler's, which has ten seconds."""
_LOOK_AGAIN_S = 0.5

_log = Log("call_ended")


class EndedCallStore(CallStore, OutcomeStore, Protocol):
    """What of the store is needed."""


@dataclass(frozen=True, slots=True)
class Settings:
    store_url: str
    gemini: GeminiBackend | None
    """None: there is no key. Then that is the outcome's problem."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises ConfigurationError."""
    reader = SettingsReader(environ)
    settings = Settings(read_store_url(reader), read_optional_gemini_backend(reader))
    reader.finish()
    return settings


@dataclass(frozen=True, slots=True)
class Connections:
    store: EndedCallStore
    model: TextModel | None


@asynccontextmanager
async def open_connections(settings: Settings) -> AsyncIterator[Connections]:
    async with (
        httpx2.AsyncClient(timeout=ASK_WITHIN_S, trust_env=False) as http,
        open_store(settings.store_url) as store,
    ):
        gemini = settings.gemini
        model = None
        if gemini is not None:
            model = TextModel(http, gemini, TEXT_MODELS[gemini.api], within_s=ASK_WITHIN_S)
        yield Connections(store, model)


async def take_event(attributes: Mapping[str, object], connections: Connections) -> None:
    """Find out the outcome. Raises HTTPException 503, upon which the event comes again."""
    call_sid = call_of_event(attributes)
    if call_sid is None:
        _log.warning("event is about no call", event_type=str(attributes.get("type")))
        return
    with call_bound(call_sid):
        try:
            problem = await _find_out(call_sid, connections)
        except InvalidDocument as error:
            _log.error("outcome could not be found out", reason=str(error))
            return
        except RingdownError as error:
            problem = str(error)
        if problem is not None:
            _log.warning("outcome could not be found out yet", reason=problem)
            raise HTTPException(503, "The outcome could not be found out; send it again.")


async def _find_out(call_sid: str, connections: Connections) -> str | None:
    """What keeps the outcome from being known; None if it is known, or nobody wants to know."""
    call = await connections.store.read_call(call_sid)
    if call is None or call.agent.after_call is None:
        return None
    record = await _whole_record(connections.store, call)
    if record is None or not is_worth_asking(record):
        return None
    if record.outcome is not None and record.outcome.problem is None:
        return None
    outcome = await ask_outcome(connections.model, record, call.agent.after_call, clock.now())
    written = await connections.store.keep_outcome(call_sid, outcome)
    _log.info(
        "outcome found out" if outcome.problem is None else "outcome has a problem",
        written=written,
        success=outcome.success,
        cost_usd=round(outcome.cost_usd, 6),
    )
    return outcome.problem if written else None


async def _whole_record(store: CallStore, call: Call) -> CallRecord | None:
    """The record with the handler's last words; without, if those don't come."""
    current: Call | None = call
    ended_at = call.ended_at or call.created_at
    while current is not None and not _is_settled(current):
        if clock.now() - ended_at > LAST_WORDS_WITHIN:
            _log.warning("outcome is found out without the handler's last word")
            break
        await asyncio.sleep(_LOOK_AGAIN_S)
        current = await store.read_call(call.call_sid)
    return await store.read_record(call.call_sid)


def _is_settled(call: Call) -> bool:
    return call.status is CallStatus.ENDED and (call.next is not None or call.started_at is None)
