"""Callers: who is blocked, and what an agent may remember. A number is a hint, never a proof."""

import datetime
from typing import Protocol

import msgspec


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the next call may know of the last one."""

    text: str
    call_sid: str
    at: datetime.datetime


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """`callers/{number}`. Block lists have no end; a memory goes with `expires_at`."""

    blocked: bool = False
    memory: Memory | None = None
    expires_at: datetime.datetime | None = None


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How many documents were erased."""

    callers: int
    calls: int
    documents: int
    """What is below those calls, callbacks that were asked for, and the count of texts."""


class CallerStore(Protocol):
    """Every method raises StoreUnavailable when the store does not answer."""

    async def read_caller(self, number: str) -> Caller:
        """An unknown caller is neither blocked nor remembered."""

    async def block_caller(self, number: str, blocked: bool) -> None:
        """Block or unblock, keeping the rest."""

    async def remember_caller(
        self, number: str, memory: Memory, expires_at: datetime.datetime
    ) -> None:
        """Replace the caller's memory, keeping the rest. A blocked caller's entry never expires."""

    async def forget_caller(self, number: str) -> Forgotten:
        """Erase the caller and all their calls. Blocking is forgotten, too."""
