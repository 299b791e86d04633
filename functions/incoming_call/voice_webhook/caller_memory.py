"""After a call, saves what the caller's next one may know of it, if the agent remembers callers."""

import asyncio
import datetime
from typing import Protocol

from ringdown.agents import Agent
from ringdown.calls import RETENTION, Call, CallRecord, CallStore, Speaker, Turn
from ringdown.calls.callers import CallerStore, Memory
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.phone_numbers import is_somebody
from voice_webhook.summaries import Summaries
from voice_webhook.twilio_request import CallUpdate, StreamUpdate

REMEMBER_WITHIN_S = 11.0
"""Including what comes before it, below the 15 s after which Twilio gives up."""
LAST_WORDS_WITHIN_S = 2.0
"""Twilio may report the end before the stream handler does."""
_LOOK_AGAIN_S = 0.25
_LAST_TURNS = 6
_LONGEST_TURN = 300

_log = Log("incoming_call.caller_memory")


class MemoryStore(CallerStore, CallStore, Protocol):
    """The methods needed from the store to remember a call."""


def is_remembered(agent: Agent, caller: str) -> bool:
    """Whether the agent remembers callers and this one can be recognised again."""
    return agent.remember_callers and is_somebody(caller)


async def remember_call(
    update: CallUpdate | StreamUpdate,
    *,
    store: MemoryStore,
    summaries: Summaries | None,
    now: datetime.datetime,
) -> None:
    """Keep a summary of a call that is over, or else its last turns. Never raises."""
    if not isinstance(update, CallUpdate) or not update.over:
        return
    try:
        async with asyncio.timeout(REMEMBER_WITHIN_S):
            await _remember(update.call_sid, store, summaries, now)
    except (RingdownError, TimeoutError) as error:
        _log.error("call could not be remembered", reason=str(error) or "it took too long")


async def _remember(
    call_sid: str, store: MemoryStore, summaries: Summaries | None, now: datetime.datetime
) -> None:
    call = await store.read_call(call_sid)
    if call is None or not is_remembered(call.agent, call.caller):
        return
    known = (await store.read_caller(call.caller)).memory
    if known is not None and known.call_sid == call_sid:
        return  # Twilio repeats callbacks
    record = await _whole_record(store, call)
    if record is None or not any(turn.speaker is Speaker.CALLER for turn in record.turns):
        return
    summary = None if summaries is None else await summaries.of(record)
    text = last_turns(record.turns) if summary is None else summary
    memory = Memory(text=text, call_sid=call_sid, at=now)
    if await store.remember_caller(call.caller, memory, now + RETENTION):
        _log.info("call remembered", agent=call.agent_id, summarised=summary is not None)


async def _whole_record(store: CallStore, call: Call) -> CallRecord | None:
    """The record once the handler has written its end, or has had time to."""
    try:
        async with asyncio.timeout(LAST_WORDS_WITHIN_S):
            current: Call | None = call
            while current is not None and current.next is None:
                await asyncio.sleep(_LOOK_AGAIN_S)
                current = await store.read_call(call.call_sid)
    except TimeoutError:
        _log.warning("call remembered without the handler's final record")
    return await store.read_record(call.call_sid)


def last_turns(turns: tuple[Turn, ...]) -> str:
    """How the call ended, word for word."""
    said = [f"{turn.speaker}: {turn.text[:_LONGEST_TURN]}" for turn in turns[-_LAST_TURNS:]]
    return "\n".join(("The end of the last call, word for word:", *said))
