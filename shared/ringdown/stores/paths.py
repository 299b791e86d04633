"""Where each record is kept. The paths are Firestore's, and the embedded store uses the same.

Many ids come from outside: a model names its tool calls, Twilio the called number, operators their
agents. Firestore takes no `/` in an id, no `.`, `..` or `__x__`, and 1,500 bytes at most
(https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields).
"""

import hashlib
from urllib.parse import quote

CALLS = "calls"

_LONGEST_ID = 200


def agent_path(agent_id: str) -> str:
    return f"agents/{document_id(agent_id)}"


def number_path(number: str) -> str:
    return f"numbers/{document_id(number)}"


def tool_path(name: str) -> str:
    return f"tools/{document_id(name)}"


def call_path(call_sid: str) -> str:
    return f"{CALLS}/{document_id(call_sid)}"


def attempt_path(call_sid: str, attempt: int) -> str:
    return f"{call_path(call_sid)}/attempts/{attempt:06}"


def claims_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/claims"


def claim_path(call_sid: str, attempt: int) -> str:
    return f"{claims_path(call_sid)}/{attempt:06}"


def turns_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/turns"


def turn_path(call_sid: str, n: int) -> str:
    return f"{turns_path(call_sid)}/{n:06}"


def tool_calls_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/tool_calls"


def tool_call_path(call_sid: str, tool_call_id: str) -> str:
    return f"{tool_calls_path(call_sid)}/{document_id(tool_call_id)}"


def document_id(text: str) -> str:
    """An id that every store takes, another one for every other `text`; ordinary ids stay as
    they are, and odd ones readable."""
    quoted = quote(text, safe="+@:", errors="surrogatepass")
    if len(quoted) > _LONGEST_ID:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{quoted[:_LONGEST_ID]}!{digest}"
    if not quoted.strip(".") or quoted.startswith("__"):
        return f"!{quoted}"  # `quote` leaves no "!", so nothing else gets this id
    return quoted
