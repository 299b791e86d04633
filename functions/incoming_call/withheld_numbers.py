"""Whose number says who calls: what may be counted, and remembered, for one caller."""

from ringdown.settings import is_e164

_KEYS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999", strict=True))
_WORDS = ("ANONYMOUS", "BLOCKED", "RESTRICTED", "UNAVAILABLE", "UNKNOWN")
_WITHHELD = frozenset("+" + "".join(_KEYS[letter] for letter in word) for word in _WORDS)
"""What Twilio gives as the number of callers without one: a word, as it is typed on a phone
(https://help.twilio.com/articles/223179988)."""


def is_somebody(caller: str) -> bool:
    """Whether `caller` is one telephone's number, and not what many callers share."""
    return is_e164(caller) and caller not in _WITHHELD
