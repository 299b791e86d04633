"""Telephone numbers, always written as E.164, and which of them identify a caller."""

import re

E164 = r"^\+[1-9][0-9]{6,14}\Z"
"""A plus, then 7 to 15 digits, the first not 0 (ITU-T E.164)."""

_KEYS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999", strict=True))
_WORDS = ("ANONYMOUS", "BLOCKED", "RESTRICTED", "UNAVAILABLE", "UNKNOWN")
_WITHHELD = frozenset("+" + "".join(_KEYS[letter] for letter in word) for word in _WORDS)
"""What Twilio sends when a caller withholds their number: a word, spelled on a phone's keypad
(https://help.twilio.com/articles/223179988)."""


def is_e164(number: str) -> bool:
    return re.match(E164, number) is not None


def is_somebody(party: str) -> bool:
    """Whether `party` is a phone number that can be called, sent a text, and recognized.

    Other callers withhold their number ("anonymous", "+266696687", ""), use a short code, or aren't
    on the telephone network ("sip:desk@example.com", "client:bob", "whatsapp:+14155550123").
    """
    return is_e164(party) and party not in _WITHHELD
