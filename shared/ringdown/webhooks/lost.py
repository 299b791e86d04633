"""Messages that their receivers never accepted: `lost_webhooks/…`."""

import datetime
from urllib.parse import urlsplit

from ringdown.stores.documents import Documents
from ringdown.stores.paths import LOST_WEBHOOKS
from ringdown.webhooks import EVENTS, MOST_RECEIVERS, LostWebhook

_MOST = 100


def host_of(url: str) -> str:
    """Return the only part of a receiver's URL that pages show, because the rest may be secret."""
    return urlsplit(url).hostname or ""


async def lost_since(documents: Documents, since: datetime.datetime) -> tuple[LostWebhook, ...]:
    """Return the messages abandoned since then, newest first, at most 100."""
    return await documents.newest(
        LostWebhook, LOST_WEBHOOKS, "given_up_at", since=since, limit=_MOST
    )


async def lost_problems(documents: Documents, call_sid: str) -> tuple[str, ...]:
    """Describe each abandoned message about the call in a sentence or two."""
    limit = len(EVENTS) * MOST_RECEIVERS
    found = await documents.find(LostWebhook, LOST_WEBHOOKS, "call_sid", call_sid, limit=limit)
    return tuple(
        f"The webhook {each.event} never reached {host_of(each.url)}. {each.problem} To send a test"
        " message: ringdown webhooks test"
        for each in sorted(found, key=lambda each: (each.given_up_at, each.url))
    )
