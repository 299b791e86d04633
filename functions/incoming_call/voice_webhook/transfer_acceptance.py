"""POST /whisper and /accept: the person who is dialled for a transfer hears who calls, and takes
the call by pressing 1. A mailbox answers like a person, but presses nothing.

Twilio asks /whisper once that person has answered, and connects nobody before it is through. The
form's CallSid is that person's leg, so the URL says which transfer it is about: call and attempt,
in a token that fits no other transfer.
"""

import datetime
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from ringdown.agents.phrases import Phrases, phrases_for
from ringdown.calls import Call, CallStore, NextAction
from ringdown.calls.stream_token import mint, verify
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.phone_numbers import is_somebody
from ringdown.stores.deadline import store_deadline
from voice_webhook.call_twiml import ask_to_accept, hang_up, nothing
from voice_webhook.webhook_settings import WebhookSettings

KNOW_WITHIN_S = 1.0
ACCEPT_WITHIN_S = 1.0
ACCEPT_KEY = "1"
_DIGITS_TOLD = 4

_log = Log("incoming_call.transfer_acceptance")


@dataclass(frozen=True, slots=True)
class Transfer:
    """The transfer that follows one of the call's streams."""

    call_sid: str
    attempt: int


class UnrecordedAcceptances:
    """Transfers that were taken while the store was away, as far as this process knows."""

    def __init__(self) -> None:
        self._latest: deque[Transfer] = deque(maxlen=256)

    def add(self, transfer: Transfer) -> None:
        self._latest.append(transfer)

    def __contains__(self, transfer: Transfer) -> bool:
        return transfer in self._latest


def whisper_url(call: Call, settings: WebhookSettings, now: datetime.datetime) -> str | None:
    """Where Twilio gets what the person hears first; None if they aren't asked anything."""
    if not call.agent.transfer_accept:
        return None
    token = mint(
        settings.stream_token_secret,
        call_sid=_bound_to(call.call_sid),
        attempt=call.attempt,
        now_s=now.timestamp(),
    )
    query = urlencode({"call": call.call_sid, "token": token})
    return f"{settings.public_url}/whisper?{query}"


def transfer_of(
    query: Mapping[str, str], settings: WebhookSettings, now: datetime.datetime
) -> Transfer:
    """The transfer that a URL of ours is about; TokenRefused if it isn't ours, or is too old."""
    call_sid = query.get("call", "")
    attempt = verify(
        settings.stream_token_secret,
        query.get("token", ""),
        call_sid=_bound_to(call_sid),
        now_s=now.timestamp(),
    )
    return Transfer(call_sid, attempt)


async def whisper(transfer: Transfer, *, store: CallStore, accept_url: str) -> str:
    """TwiML for the person who has answered: who calls and what about, and how to take the call."""
    try:
        async with store_deadline(KNOW_WITHIN_S):
            call = await store.read_call(transfer.call_sid)
    except RingdownError as error:
        _log.error("call could not be read", reason=str(error))
        phrases = phrases_for(None)
        sentences = [phrases.transfer_offer, phrases.transfer_accept]
        return ask_to_accept(" ".join(sentences), phrases.language, accept_url=accept_url)
    if call is None or call.attempt != transfer.attempt or call.next is not NextAction.TRANSFER:
        _log.warning("nobody is being transferred any more")
        return hang_up()
    phrases = phrases_for(call.agent.language)
    return ask_to_accept(_offer(call, phrases), phrases.language, accept_url=accept_url)


async def accept(
    transfer: Transfer, key: str, *, store: CallStore, unrecorded: UnrecordedAcceptances
) -> str:
    """TwiML that connects the person who pressed 1, and hangs up on anyone else.

    If the store is away, they are connected all the same: two people wait for each other.
    """
    if key != ACCEPT_KEY:
        _log.info("transfer declined")
        return hang_up()
    try:
        async with store_deadline(ACCEPT_WITHIN_S):
            call = await store.accept_transfer(transfer.call_sid, transfer.attempt)
    except RingdownError as error:
        _log.error("acceptance could not be recorded", reason=str(error))
        unrecorded.add(transfer)
        return nothing()
    if call is None:
        _log.warning("transfer accepted too late")
        return hang_up()
    _log.info("transfer accepted", attempt=call.attempt)
    return nothing()


def _bound_to(call_sid: str) -> str:
    """What the token covers: it is worth nothing for a stream, nor a stream's token here."""
    return f"{call_sid}/transfer"


def _offer(call: Call, phrases: Phrases) -> str:
    sentences = [phrases.transfer_offer]
    if call.transfer_reason:
        sentences.append(f"{call.transfer_reason.rstrip('.')}.")
    who = _who_calls(call.caller, phrases)
    if who is not None:
        sentences.append(who)
    return " ".join([*sentences, phrases.transfer_accept])


def _who_calls(caller: str, phrases: Phrases) -> str | None:
    """The number's last digits, one by one, or the name in an address; None if withheld."""
    scheme, has_scheme, address = caller.partition(":")
    party = address.partition("@")[0] if has_scheme else caller
    if is_somebody(party):
        return phrases.transfer_number.format(digits=" ".join(party[-_DIGITS_TOLD:]))
    if scheme in ("sip", "sips", "client") and party.lower() not in ("", "anonymous"):
        return phrases.transfer_name.format(name=party)
    return None
