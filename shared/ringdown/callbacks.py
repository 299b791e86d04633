"""Callbacks: whom staff will call, and when."""

import datetime
from typing import Protocol

import msgspec


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """`callbacks/{id}`."""

    caller: str
    at: datetime.datetime
    topic: str
    call_sid: str
    agent_id: str
    created_at: datetime.datetime
    expires_at: datetime.datetime


class CallbackStore(Protocol):
    """Every method raises StoreUnavailable when the store does not answer."""

    async def keep_callback(self, callback: Callback) -> bool:
        """Keep it; False if the caller has one at that time already, which stays as it is."""

    async def list_callbacks(self) -> tuple[Callback, ...]:
        """The next one first; one that cannot be read is left out."""
