"""Whose number says who calls: what may be counted, and remembered, for one caller."""

from ringdown.phone_numbers import is_e164

_KEYS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999", strict=True))
_WORDS = ("ANONYMOUS", "BLOCKED", "RESTRICTED", "UNAVAILABLE", "UNKNOWN")
_WITHHELD = frozenset("+" + "".join(_KEYS[letter] for letter in word) for word in _WORDS)
"""What Twilio gives as the number of callers without one: a word, as it is typed on a phone
(https://help.twilio.com/articles/223179988)."""


def is_somebody(caller: str) -> bool:
    """Whether `caller` is one telephone's number, and not what many callers share."""
    return is_e164(caller) and caller not in _WITHHELD


def caller_id(caller: str, called: str) -> str | None:
    """The number that somebody whom we dial sees: the caller's, else the one that was called.

    Without it Twilio shows what the call came from, and dials nobody if that is a SIP address, a
    client or a withheld number (https://www.twilio.com/docs/api/errors/13214). None if no party of
    the call has a number.
    """
    return next((number for number in (caller, called) if is_somebody(number)), None)
