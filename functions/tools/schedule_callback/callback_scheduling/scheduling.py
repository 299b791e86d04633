"""What the tool does for a caller who wants to be called back."""

import asyncio
import datetime
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Protocol

import msgspec

from callback_scheduling.callback_times import CannotCallThen, chosen_time, spoken
from ringdown.agents import Agent
from ringdown.agents.store import AgentStore
from ringdown.callbacks import Callback, CallbackStore
from ringdown.calls import RETENTION
from ringdown.calls.answering import answering
from ringdown.phone_numbers import is_e164
from ringdown.tools import Json, ToolAnswer, ToolRequest

Tell = Callable[[Callback, str], Coroutine[None, None, None]]
"""Tells staff of a callback and its time in words; logs what goes wrong, and raises nothing."""

_NO_NUMBER = ToolAnswer.failed(
    "The caller's number is withheld, so nobody could call back. Tell the caller."
)


class CallbackRecords(AgentStore, CallbackStore, Protocol):
    """What the tool works on."""


class CallbackArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: Annotated[str, msgspec.Meta(max_length=40)]
    topic: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


async def schedule(
    records: CallbackRecords,
    tell: Sequence[Tell],
    args: CallbackArgs,
    request: ToolRequest,
    now: datetime.datetime,
) -> dict[str, Json] | ToolAnswer:
    """Keep the callback, tell staff once, and word its time. Raises what the store raises."""
    call = request.call
    if not is_e164(call.caller):
        return _NO_NUMBER
    answers = await answering(records, call.called, call.caller)
    agent = Agent(instructions="-", greeting="-") if answers is None else answers.agent
    try:
        local = chosen_time(args.at, agent, now)
    except CannotCallThen as error:
        return ToolAnswer.failed(str(error))
    callback = Callback(
        caller=call.caller,
        at=local.astimezone(datetime.UTC),
        topic=" ".join(args.topic.split()),
        call_sid=call.call_sid,
        agent_id=call.agent_id,
        created_at=now,
        expires_at=local.astimezone(datetime.UTC) + RETENTION,
    )
    if await records.keep_callback(callback):
        async with asyncio.TaskGroup() as group:
            for each in tell:
                group.create_task(each(callback, spoken(local)))
    return {"status": "A person will call back.", "time": spoken(local)}
