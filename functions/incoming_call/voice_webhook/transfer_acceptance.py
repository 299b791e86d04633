"""POST /whisper and /accept: tells the person dialled for a transfer who is calling, and connects
them if they press 1. Voicemail answers like a person, but doesn't press a key.

Twilio requests /whisper when someone has answered, and connects them after that TwiML has run. The
form's CallSid is that of the leg to the person, so the URL carries the SID of the caller's call and
a token for this attempt.
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
    """The transfer that followed attempt `attempt` of a call."""

    call_sid: str
    attempt: int


class UnrecordedAcceptances:
    """Transfers accepted in this process while the store was unavailable."""

    def __init__(self) -> None:
        self._latest: deque[Transfer] = deque(maxlen=256)

    def add(self, transfer: Transfer) -> None:
        self._latest.append(transfer)

    def __contains__(self, transfer: Transfer) -> bool:
        return transfer in self._latest


def whisper_url(call: Call, settings: WebhookSettings, now: datetime.datetime) -> str | None:
    """Return the URL of what the person hears first; None if they needn't accept the call."""
    if not call.agent.transfer_accept:
        return None
    token = mint(
        settings.stream_token_secrets,
        call_sid=_bound_to(call.call_sid),
        attempt=call.attempt,
        now_s=now.timestamp(),
    )
    query = urlencode({"call": call.call_sid, "token": token})
    return f"{settings.public_url}/whisper?{query}"


def transfer_of(
    query: Mapping[str, str], settings: WebhookSettings, now: datetime.datetime
) -> Transfer:
    """Return the transfer that the URL is for. Raises TokenRefused unless we issued it recently."""
    call_sid = query.get("call", "")
    attempt = verify(
        settings.stream_token_secrets,
        query.get("token", ""),
        call_sid=_bound_to(call_sid),
        now_s=now.timestamp(),
    )
    return Transfer(call_sid, attempt)


async def whisper(transfer: Transfer, *, store: CallStore, accept_url: str) -> str:
    """Return TwiML that tells the person who is calling and why, and asks them to press 1."""
    try:
        async with store_deadline(KNOW_WITHIN_S):
            call = await store.read_call(transfer.call_sid)
    except RingdownError as error:
        _log.error("call could not be read", reason=str(error))
        phrases = phrases_for(None)
        sentences = [phrases.transfer_offer, phrases.transfer_accept]
        return ask_to_accept(" ".join(sentences), phrases.language, accept_url=accept_url)
    if call is None or call.attempt != transfer.attempt or call.next is not NextAction.TRANSFER:
        _log.warning("transfer already over")
        return hang_up()
    phrases = phrases_for(call.agent.language)
    return ask_to_accept(_offer(call, phrases), phrases.language, accept_url=accept_url)


async def accept(
    transfer: Transfer, key: str, *, store: CallStore, unrecorded: UnrecordedAcceptances
) -> str:
    """Return TwiML that connects a person who pressed 1, and hangs up on anyone else.

    If the store fails, it connects them anyway, because two people are waiting for each other.
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
    """Return what the token is bound to, so that it can't open a stream, and a stream's token can't
    accept a call."""
    return f"{call_sid}/transfer"


def _offer(call: Call, phrases: Phrases) -> str:
    sentences = [phrases.transfer_offer]
    if call.transfer_reason:
        ends = call.transfer_reason.endswith((".", "!", "?"))
        sentences.append(call.transfer_reason if ends else f"{call.transfer_reason}.")
    who = _who_calls(call.caller, phrases)
    if who is not None:
        sentences.append(who)
    return " ".join([*sentences, phrases.transfer_accept])


def _who_calls(caller: str, phrases: Phrases) -> str | None:
    """Say who is calling: the last digits of their number, or the name in their address. None if
    withheld."""
    scheme, has_scheme, address = caller.partition(":")
    party = address.partition("@")[0] if has_scheme else caller
    if is_somebody(party):
        return phrases.transfer_number.format(digits=" ".join(party[-_DIGITS_TOLD:]))
    if scheme in ("sip", "sips", "client") and party.lower() not in ("", "anonymous"):
        return phrases.transfer_name.format(name=party)
    return None
