"""Where each record is kept. The paths are Firestore's, and the embedded store uses the same ones.

Many ids come from outside: a model names its tool calls, Twilio the called number, operators their
agents. Firestore doesn't accept `/` in an id, the ids `.`, `..` and `__x__`, or more than 1,500
bytes (https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields).
"""

import datetime
import hashlib
import re
from urllib.parse import unquote

AGENTS = "agents"
CALLERS = "callers"
CALLS = "calls"
DAYS = "days"
DRAFTS = "drafts"
BELOW_CALLS = ("attempts", "claims", "flights", "outcome", "tool_calls", "turns", "uploads")
"""In the order in which they are erased: once the attempts are gone, no outcome can be written."""
FORGOTTEN_BLOCKS = "settings/forgotten_blocks"
LIMITS = "settings/limits"
LOST_WEBHOOKS = "lost_webhooks"
WEBHOOK_DELIVERIES = "webhook_deliveries"
WEBHOOKS = "settings/webhooks"
NUMBERS = "numbers"
REHEARSAL_RUNS = "rehearsal_runs"
REHEARSALS = "rehearsals"
TOOLS = "tools"

LAST_CHARACTER = "\U0010ffff"
"""Sorts after anything that an id may continue with."""

OF_A_CALLER = ("callbacks", "ended_calls", LOST_WEBHOOKS, WEBHOOK_DELIVERIES)
"""Collections whose documents name a `caller`, and are erased with the caller."""
BY_CALLER = ("sent_texts",)
"""Tools' collections with one document per caller, which is erased with the caller."""

_NAMED_BY_NUMBER = frozenset({CALLERS, NUMBERS, *OF_A_CALLER, *BY_CALLER})
_LONGEST_ID = 200
_NOT_IN_IDS = re.compile(r"[/%!\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that ids can't contain, that we mark ids with, or that consoles don't show."""


def agent_path(agent_id: str, *, draft: bool = False) -> str:
    return f"{DRAFTS if draft else AGENTS}/{document_id(agent_id)}"


def revisions_path(agent_id: str) -> str:
    return f"{agent_path(agent_id)}/revisions"


def revision_path(agent_id: str, revision: str) -> str:
    return f"{revisions_path(agent_id)}/{document_id(revision)}"


def clips_path(agent_id: str) -> str:
    return f"{agent_path(agent_id)}/clips"


def clip_path(agent_id: str, key: str) -> str:
    return f"{clips_path(agent_id)}/{document_id(key)}"


def number_path(number: str) -> str:
    return f"{NUMBERS}/{document_id(number)}"


def tool_path(name: str) -> str:
    return f"{TOOLS}/{document_id(name)}"


def caller_path(number: str) -> str:
    return f"{CALLERS}/{document_id(number)}"


def call_path(call_sid: str) -> str:
    return f"{CALLS}/{document_id(call_sid)}"


def attempt_path(call_sid: str, attempt: int) -> str:
    return f"{call_path(call_sid)}/attempts/{attempt:06}"


def early_end_path(call_sid: str) -> str:
    """Return the path of the call's first attempt, so that creating one fails if the other
    exists."""
    return attempt_path(call_sid, 1)


def claims_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/claims"


def claim_path(call_sid: str, attempt: int) -> str:
    return f"{claims_path(call_sid)}/{attempt:06}"


def turns_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/turns"


def turn_path(call_sid: str, n: int) -> str:
    return f"{turns_path(call_sid)}/{n:06}"


def flights_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/flights"


def flight_path(call_sid: str, attempt: int, part: int) -> str:
    return f"{flights_path(call_sid)}/{attempt:06}-{part:03}"


def outcome_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/outcome/answers"


def uploads_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/uploads"


def upload_path(call_sid: str, n: int) -> str:
    return f"{uploads_path(call_sid)}/{n:06}"


def tool_calls_path(call_sid: str) -> str:
    return f"{call_path(call_sid)}/tool_calls"


def tool_call_path(call_sid: str, tool_call_id: str) -> str:
    return f"{tool_calls_path(call_sid)}/{document_id(tool_call_id)}"


def day_path(since: datetime.datetime, until: datetime.datetime) -> str:
    return f"{DAYS}/{'_'.join(f'{each:%Y-%m-%dT%H:%MZ}' for each in (since, until))}"


def rehearsal_run_path(rehearsal_id: str) -> str:
    return f"{REHEARSAL_RUNS}/{document_id(rehearsal_id)}"


def rehearsed_calls_path(rehearsal_id: str) -> str:
    return f"{rehearsal_run_path(rehearsal_id)}/rehearsed_calls"


def rehearsed_call_path(rehearsal_id: str, persona: str, run: int) -> str:
    return f"{rehearsed_calls_path(rehearsal_id)}/{document_id(f'{persona}-{run:03}')}"


def document_path(collection: str, id: str) -> str:
    """Return the path of a record that has no function of its own in this module."""
    return f"{collection}/{document_id(id)}"


def document_id(text: str) -> str:
    """Return an id for `text` that every store accepts and no other text gets.

    Ids that operators create in a console, in any language, stay unchanged.
    """
    quoted = _NOT_IN_IDS.sub(_quoted, text)
    if len(quoted) > _LONGEST_ID:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{quoted[:_LONGEST_ID]}!{digest}"
    if not quoted.strip(".") or quoted.startswith("__"):
        return f"!{quoted}"  # no other id begins with "!", so this one is unique
    return quoted


def shown_path(path: str) -> str:
    """Return `path` without phone numbers, for logs and messages."""
    collection = path.partition("/")[0]
    return f"{collection}/…" if collection in _NAMED_BY_NUMBER else path


def text_of_id(path: str) -> str:
    """Return the text from which `document_id` made the last part of `path`; a shortened id stays
    shortened."""
    last = path.rpartition("/")[2]
    return unquote(last.removeprefix("!"), errors="surrogatepass")


def _quoted(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))
