"""Telephone numbers as everything here writes them: E.164."""

import re

E164 = r"^\+[1-9][0-9]{6,14}\Z"
"""A plus, then 7 to 15 digits, the first not 0 (ITU-T E.164)."""


def is_e164(number: str) -> bool:
    return re.match(E164, number) is not None
