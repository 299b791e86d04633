"""Announces that a call is over, with a CloudEvent that starts everything that happens next.

Pub/Sub delivers it; without Pub/Sub, it waits in the store (`ended_calls/{sid}`) until the local
stack delivers it. It may arrive twice, or hours later, and contains nothing that was said.
"""

import datetime
from collections.abc import Mapping
from typing import Protocol

import msgspec

from ringdown.calls import RETENTION
from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path

QUEUE = "ended_calls"
MOST_TRIES = 16
"""Spread over more than an hour, as for webhooks. Same as in terraform/call_ended.tf."""
_SUBJECT = "calls/"
_FIRST_PAUSE = datetime.timedelta(seconds=10)
_LONGEST_PAUSE = datetime.timedelta(minutes=10)


class EndedCalls(Protocol):
    """Announces ended calls."""

    async def announce(self, call_sid: str, caller: str, at: datetime.datetime) -> None:
        """Announce that the call is over. Raises what the transport raises if that fails."""


def event_headers(call_sid: str, at: datetime.datetime) -> dict[str, str]:
    """Return the event in CloudEvents' binary mode: all in headers, with empty JSON as the body.

    Pub/Sub writes a message's attributes as headers of its push request, without a wrapper
    (https://docs.cloud.google.com/pubsub/docs/payload-unwrapping).
    """
    return {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-type": "ringdown.call.ended.v1",
        "ce-source": "//ringdown/incoming_call",
        "ce-id": f"{call_sid}-ended",
        "ce-subject": f"{_SUBJECT}{call_sid}",
        "ce-time": at.isoformat(),
    }


EVENT_BODY = b"{}"


def call_of_event(attributes: Mapping[str, object]) -> str | None:
    """Return the SID of the call that an event is about; None if it isn't about a call."""
    subject = str(attributes.get("subject", ""))
    return subject.removeprefix(_SUBJECT) or None if subject.startswith(_SUBJECT) else None


class QueuedCall(msgspec.Struct, frozen=True, kw_only=True):
    """An announcement that waits in the store (`ended_calls/{sid}`)."""

    call_sid: str
    caller: str
    """Stored so that forgetting the caller erases the announcement, too."""
    ended_at: datetime.datetime
    due_at: datetime.datetime
    expires_at: datetime.datetime
    tries: int = 0

    def after_failure(self, now: datetime.datetime) -> "QueuedCall | None":
        """Return the announcement for the next try, later each time; None after the last one."""
        tries = self.tries + 1
        if tries >= MOST_TRIES:
            return None
        due_at = now + min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
        return msgspec.structs.replace(self, tries=tries, due_at=due_at)


class Queue:
    """Implements `EndedCalls` without Pub/Sub."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def announce(self, call_sid: str, caller: str, at: datetime.datetime) -> None:
        queued = QueuedCall(
            call_sid=call_sid, caller=caller, ended_at=at, due_at=at, expires_at=at + RETENTION
        )
        await self._documents.create(document_path(QUEUE, call_sid), queued)
