"""Checks for blocked callers and the line's limits. If the store fails, calls are let through."""

import asyncio
import datetime
from collections.abc import Awaitable
from typing import Protocol, TypeVar

import msgspec

from ringdown.calls import RETENTION
from ringdown.calls.callers import Caller, CallerStore
from ringdown.calls.limits import CALLER_LIMIT, LimitStore, LineLimits, Verdict, verdict
from ringdown.errors import InvalidDocument, RingdownError
from ringdown.log import Log
from ringdown.phone_numbers import is_somebody
from ringdown.stores.deadline import store_deadline

DEADLINE_S = 0.3

_log = Log("incoming_call.line_guard")
_Answer = TypeVar("_Answer")


class LineSource(CallerStore, LimitStore, Protocol):
    """The store methods used to check a caller."""


class Standing(msgspec.Struct, frozen=True):
    """What is known about the caller and the line when the phone rings."""

    caller: Caller = Caller()
    limits: Verdict = Verdict()

    @property
    def is_clear(self) -> bool:
        return not self.caller.blocked and not self.limits.reached

    def memory(self, now: datetime.datetime) -> str | None:
        """Return what is remembered of the caller's last call, unless it has expired, since
        stores may keep it a little longer."""
        memory = self.caller.memory
        return memory.text if memory is not None and now < memory.at + RETENTION else None


class LineGuard:
    """Checks callers and limits, and remembers the last usable limits."""

    def __init__(self) -> None:
        self._limits = LineLimits()

    async def look(self, store: LineSource, caller: str, now: datetime.datetime) -> Standing:
        """Check the caller and the limits. Never raises; returns within DEADLINE_S. Whatever isn't
        known by then doesn't limit the call."""
        async with asyncio.TaskGroup() as group:
            known = group.create_task(_tried("caller", store.read_caller(caller)))
            limits = group.create_task(self._read_limits(store))
            used = group.create_task(_tried("use of the line", store.line_use(caller, now)))
        use = used.result()
        if use is None:
            return Standing(known.result() or Caller())
        if not is_somebody(caller):
            use = msgspec.structs.replace(use, **{CALLER_LIMIT: 0})
        judged = verdict(limits.result(), use)
        _tell(judged)
        return Standing(known.result() or Caller(), judged)

    async def _read_limits(self, store: LimitStore) -> LineLimits:
        """Read the limits, or keep the last ones if they are unusable: the console saves an edit
        field by field."""
        self._limits = await _tried("limits", store.read_limits()) or self._limits
        return self._limits


async def _tried(what: str, reading: Awaitable[_Answer]) -> _Answer | None:
    try:
        async with store_deadline(DEADLINE_S):
            return await reading
    except InvalidDocument as error:
        _log.error("document cannot be used", reason=str(error))
    except RingdownError as error:
        reason = str(error)
        _log.error("line could not be checked", what=what, reason=reason)
    return None


def _tell(judged: Verdict) -> None:
    """Log the line's limits that are reached or near; alerts match these lines."""
    for name in judged.reached:
        if name != CALLER_LIMIT:
            _log.error("line limit reached", limit=name)
    for name in judged.near:
        if name != CALLER_LIMIT:
            _log.error("line limit near", limit=name)
