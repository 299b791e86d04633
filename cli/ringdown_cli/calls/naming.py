"""Finds the call that the user means: `last`, a SID, or the start of one."""

import re

from ringdown.calls import RETENTION, CallIndex, CallQuery
from ringdown_cli.command import CannotGoOn

LAST = "last"
CALL_HELP = f"its SID, the start of it (CA3f9c1d), or `{LAST}`"
_BEGINNING = re.compile(r"(?:CA)?([0-9a-f]{4,32})", re.IGNORECASE)
_MOST_LISTED = 5


async def call_meant(store: CallIndex, text: str) -> str:
    """Return the SID of the call. Raises CannotGoOn if none or several match."""
    text = text.strip().rstrip("….")
    if text == LAST:
        newest = await store.list_calls(CallQuery(limit=1))
        if not newest:
            raise CannotGoOn("This store has no calls yet.")
        return newest[0].call_sid
    beginning = _BEGINNING.fullmatch(text)
    sid = f"CA{beginning[1].lower()}" if beginning else text
    found = await store.find_sids(sid, _MOST_LISTED) if sid else ()
    if sid in found or len(found) == 1:
        return found[0]
    if found:
        more = " and more" if len(found) == _MOST_LISTED else ""
        raise CannotGoOn(f"{text} may be {' or '.join(found)}{more}. Give more characters.")
    raise CannotGoOn(
        f"There is no call {text}. To find it: ringdown calls list."
        f" Records are kept for {RETENTION.days} days; a lost one may be in the log"
        " (ringdown calls restore)."
    )
