"""Messages that their receivers never accepted: `lost_webhooks/…`."""

import datetime
from urllib.parse import urlsplit

from ringdown.stores.documents import Documents
from ringdown.stores.paths import LOST_WEBHOOKS
from ringdown.webhooks import EVENTS, MOST_RECEIVERS, LostWebhook

_MOST = 100


def host_of(url: str) -> str:
    """All that pages show of a receiver, because the rest of its URL may be a secret."""
    return urlsplit(url).hostname or ""


async def lost_since(documents: Documents, since: datetime.datetime) -> tuple[LostWebhook, ...]:
    """Those abandoned since then, newest first; at most the newest hundred."""
    return await documents.newest(
        LostWebhook, LOST_WEBHOOKS, "given_up_at", since=since, limit=_MOST
    )


async def lost_problems(documents: Documents, call_sid: str) -> tuple[str, ...]:
    """A sentence or two for each abandoned message about the call."""
    limit = len(EVENTS) * MOST_RECEIVERS
    found = await documents.find(LostWebhook, LOST_WEBHOOKS, "call_sid", call_sid, limit=limit)
    return tuple(
        f"The webhook {each.event} never reached {host_of(each.url)}. {each.problem} To send a test"
        " message: ringdown webhooks test"
        for each in sorted(found, key=lambda each: (each.given_up_at, each.url))
    )
