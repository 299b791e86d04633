"""Outgoing webhooks: receivers, and what they get when a call has ended (docs/webhooks.md)."""

import datetime
from typing import Annotated, Literal, get_args

import msgspec

from ringdown.calls import Call, EndReason
from ringdown.calls.outcomes import Finding, Outcome, Success
from ringdown.stores.documents import Documents
from ringdown.stores.paths import WEBHOOKS

EventName = Literal["call.ended", "call.outcome"]
EVENTS: tuple[EventName, ...] = get_args(EventName)
MOST_RECEIVERS = 10
VERSION = 1
"""The payload's version. New fields don't change it; removing a field or changing its meaning
does."""


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A server that gets webhooks."""

    url: str
    secret: str
    """`whsec_…`: shared with the receiver, and used to sign messages."""
    events: tuple[EventName, ...] = EVENTS


class Receivers(msgspec.Struct, frozen=True, kw_only=True):
    """All receivers: the document `settings/webhooks`."""

    receivers: Annotated[tuple[Receiver, ...], msgspec.Meta(max_length=MOST_RECEIVERS)] = ()

    def having(self, receiver: Receiver) -> "Receivers":
        """Return these receivers with `receiver` replacing the one at its URL, or added at the
        end."""
        by_url = {each.url: each for each in self.receivers} | {receiver.url: receiver}
        return Receivers(receivers=tuple(by_url.values()))

    def without(self, url: str) -> "Receivers":
        return Receivers(receivers=tuple(each for each in self.receivers if each.url != url))

    def at(self, url: str) -> Receiver | None:
        return next((each for each in self.receivers if each.url == url), None)


async def read_receivers(documents: Documents) -> Receivers:
    """Read the receivers. Raises StoreUnavailable and InvalidDocument."""
    return await documents.read(Receivers, WEBHOOKS) or Receivers()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to post, and the call and caller that it is about."""

    id: str
    """The same for every try, so that a receiver can recognize a duplicate."""
    body: bytes
    event: EventName
    call_sid: str
    caller: str
    expires_at: datetime.datetime


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What `ringdown webhooks test` posts."""

    type: Literal["webhook.test"] = "webhook.test"
    version: int = VERSION
    timestamp: datetime.datetime
    data: dict[str, str] = {}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a message's delivery to one receiver (`webhook_deliveries/{message
    receiver}`)."""

    caller: str
    """Stored so that the delivery is erased with the caller."""
    tries: int
    due_at: datetime.datetime
    """When to try again, unless the delivery is over."""
    is_over: bool = False
    """Whether the message was delivered or abandoned."""
    expires_at: datetime.datetime


class LostWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A message that its receiver never accepted (`lost_webhooks/{message receiver}`)."""

    caller: str
    call_sid: str
    event: EventName
    url: str
    problem: str
    """What went wrong on the last try, in operators' words."""
    given_up_at: datetime.datetime
    expires_at: datetime.datetime


class EndedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call, without anything that was said in it."""

    call_sid: str
    agent_id: str
    agent_revision: str
    is_draft: bool
    caller: str
    caller_verified: bool
    called: str
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    talk_s: int | None
    end_reason: EndReason | None
    transfer_to: str | None
    accepted_by: str | None
    cost_usd: float | None


class FoundOut(msgspec.Struct, frozen=True, kw_only=True):
    """A call's outcome, from `ringdown.calls.outcomes.Outcome`."""

    questions: str
    asked_at: datetime.datetime
    fields: dict[str, Finding]
    success: Success
    success_turn: int | None
    summary: str
    topic: str
    follow_up: str | None


class Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    call: EndedCall
    outcome: FoundOut | None = None
    """Only in `call.outcome` messages."""


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a message, as specified by https://www.standardwebhooks.com."""

    type: EventName
    version: int = VERSION
    timestamp: datetime.datetime
    """When the event happened."""
    data: Data


def call_ended(call: Call) -> Message:
    at = call.ended_at or call.created_at
    return _message(call, Payload(type="call.ended", timestamp=at, data=Data(call=_ended(call))))


def call_outcome(call: Call, outcome: Outcome) -> Message:
    """Make the message to send once there are answers: `outcome` must have no problem."""
    found_out = FoundOut(**{name: getattr(outcome, name) for name in FoundOut.__struct_fields__})
    data = Data(call=_ended(call), outcome=found_out)
    return _message(call, Payload(type="call.outcome", timestamp=outcome.asked_at, data=data))


def _ended(call: Call) -> EndedCall:
    return EndedCall(**{name: getattr(call, name) for name in EndedCall.__struct_fields__})


def _message(call: Call, payload: Payload) -> Message:
    # No full stop, because one separates the id from the time in the text that is signed.
    id = f"{payload.type.replace('.', '_')}_{call.call_sid}"
    return Message(
        id=id,
        body=msgspec.json.encode(payload),
        event=payload.type,
        call_sid=call.call_sid,
        caller=call.caller,
        expires_at=call.expires_at,
    )
