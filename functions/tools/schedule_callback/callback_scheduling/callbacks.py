"""Stores callbacks: whom staff will call, and when."""

import datetime

import msgspec

from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """`callbacks/{time caller}`: a caller has at most one callback at any given time."""

    caller: str
    """`ringdown callers forget` finds the callback by this (`ringdown.stores.paths`)."""
    at: datetime.datetime
    topic: str
    call_sid: str
    agent_id: str
    created_at: datetime.datetime
    expires_at: datetime.datetime


async def keep_callback(documents: Documents, callback: Callback) -> bool:
    """Store a callback. False if the caller already has one at that time, which isn't changed.
    Raises StoreUnavailable."""
    at = callback.at.astimezone(datetime.UTC)
    path = document_path("callbacks", f"{at:%Y-%m-%dT%H:%MZ} {callback.caller}")
    return await documents.create(path, callback)
