"""How calls are described to people."""

import datetime
from collections.abc import Iterator

from ringdown.calls import Call, CallStatus, ListedCall
from ringdown.calls.figures import CountedCall
from ringdown.phone_numbers import is_e164

_SHORT = len("anonymous")


def number_shown(number: str, *, whole: bool) -> str:
    """Return a phone number's last digits, enough to recognize it, or all of it if `whole`.

    Anything else (`anonymous`, `sip:…`) is shortened, too.
    """
    if whole:
        return number
    if is_e164(number):
        return f"…{number[-4:]}"
    return number if len(number) <= _SHORT else f"{number[:4]}…"


def transfers_shown(call: Call) -> Iterator[str]:
    """Yield whom the caller was transferred to, in order, and whether they took the call."""
    for name in call.failed_transfers:
        yield f"{name}, who didn't take the call"
    if call.transfer_to is not None and not call.agent.transfer_accept:
        yield call.transfer_to
    elif call.transfer_to is not None:
        took = "took" if call.accepted_by is not None else "didn't take"
        yield f"{call.transfer_to}, who {took} the call"


def money(usd: float) -> str:
    if 0 < usd < 0.01:
        return "less than $0.01"
    return f"${usd:.2f}"


def ending(call: ListedCall) -> str:
    if call.end_reason is not None:
        return call.end_reason.value.replace("_", " ")
    if call.status is CallStatus.ENDED:
        return "ended"
    return "ringing" if call.status is CallStatus.RINGING else "live"


def length(call: ListedCall | CountedCall, now: datetime.datetime | None = None) -> str:
    """Return the call's length as minutes:seconds. A live call's is counted up to `now`, and empty
    without it."""
    until = call.ended_at or now
    if until is None:
        return ""
    minutes, seconds = divmod(int((until - call.created_at).total_seconds()), 60)
    return f"{minutes}:{seconds:02}"
