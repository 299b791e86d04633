"""Schedules a callback for a caller who asks for one."""

import asyncio
import datetime
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated

import msgspec

from callback_scheduling.callback_times import CannotCallThen, chosen_time, spoken
from callback_scheduling.callbacks import Callback, keep_callback
from ringdown import clock
from ringdown.agents import Agent
from ringdown.calls import RETENTION
from ringdown.calls.answering import answering
from ringdown.open_once import OpenOnce
from ringdown.phone_numbers import is_somebody
from ringdown.stores import Store
from ringdown.tools import Json, ToolAnswer, ToolRequest

Tell = Callable[[Callback, str], Coroutine[None, None, None]]
"""Tells staff about a callback and its time in words; logs failures, and never raises."""

_NO_NUMBER = ToolAnswer.failed(
    "The caller's number is withheld or cannot be dialled, so nobody could call back. Tell the"
    " caller."
)


class CallbackArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: Annotated[str, msgspec.Meta(max_length=40)]
    topic: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class CallbackScheduling:
    """Stores callbacks, and tells staff about each once."""

    def __init__(self, store: OpenOnce[Store], tell: Sequence[Tell]) -> None:
        self._store = store
        self._tell = tell

    async def schedule(
        self, args: CallbackArgs, request: ToolRequest
    ) -> dict[str, Json] | ToolAnswer:
        """Store the callback, tell staff, and return its time in words. Raises what the store
        raises."""
        call, now, store = request.call, clock.now(), await self._store.get()
        if not is_somebody(call.caller):
            return _NO_NUMBER
        answers = await answering(store, call.called, call.caller)
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
        if await keep_callback(store.documents, callback):
            async with asyncio.TaskGroup() as group:
                for each in self._tell:
                    group.create_task(each(callback, spoken(local)))
        return {"status": "A person will call back.", "time": spoken(local)}
