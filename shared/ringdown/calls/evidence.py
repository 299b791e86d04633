"""Shows a call to a text model, and checks whether the words that it quotes were said. Pure.

The transcript comes from a stranger, and may tell the model what to answer. So an answer counts
only with a quote from a turn that exists.
"""

import re
import unicodedata
from collections.abc import Iterator

import msgspec

from ringdown.calls import CallRecord, ToolCall, Turn, timed_from_ring
from ringdown.tools import Json

MOST_TOKENS = 8_192
"""The limit for the answer; a thinking model spends some of it on thinking."""
_MOST_CHARACTERS = 200_000
"""The limit for the turns sent to the model; the longest call has half as many."""
_LONGEST_RESULT = 2_000
_WORD = re.compile(r"\w+")

EVIDENCE: dict[str, Json] = {
    "turn": {"type": "INTEGER", "nullable": True},
    "quote": {"type": "STRING", "nullable": True},
}
"""Properties for `object_schema`, to add to each answer that needs a turn as evidence."""


def form_request(asked: str, shown: Json, schema: Json) -> dict[str, Json]:
    """Return the body of a `generateContent` request to fill in a form."""
    return {
        "systemInstruction": {"parts": [{"text": asked}]},
        "contents": [{"role": "user", "parts": [{"text": msgspec.json.encode(shown).decode()}]}],
        "generationConfig": {
            "maxOutputTokens": MOST_TOKENS,
            "responseMimeType": "application/json",
            "responseSchema": schema,
        },
    }


def shown_record(record: CallRecord) -> dict[str, Json]:
    """Return a call as the model sees it. Sent as JSON, so no words can pose as another turn."""
    record = timed_from_ring(record)
    turns = [_turn(turn) for turn in record.turns]
    tool_calls = [_tool_call(tool) for tool in record.tool_calls]
    while turns and sum(len(turn["text"]) for turn in turns) > _MOST_CHARACTERS:
        turns.pop(0)
    return {
        "turns": turns,
        "tool_calls": tool_calls,
        "ended_because": record.call.end_reason,
        "transferred_to": record.call.accepted_by,
        "lasted_s": record.call.talk_s,
    }


def object_schema(properties: dict[str, Json]) -> dict[str, Json]:
    """Return an object schema, all of whose properties are required.

    `responseSchema` accepts only a subset of OpenAPI's schemas.
    """
    names = list(properties)
    return {
        "type": "OBJECT",
        "properties": properties,
        "required": names,
        "propertyOrdering": names,
    }


def stands_in(quote: str, said: str | None) -> bool:
    """Whether the turn contains the words of `quote` (at least one), consecutively and in this
    order."""
    wanted = list(_words(quote))
    words = [] if said is None else list(_words(said))
    return bool(wanted) and any(
        words[at : at + len(wanted)] == wanted for at in range(len(words) - len(wanted) + 1)
    )


def one_line(text: str, at_most: int) -> str:
    """Return `text` as one line of printable characters, cut off if it is too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= at_most else f"{line[: at_most - 1]}…"


def _turn(turn: Turn) -> dict[str, Json]:
    return {
        "turn": turn.n,
        "who": turn.speaker.value,
        "at_s": round(turn.start_ms / 1_000),
        "text": turn.text,
        "interrupted": turn.interrupted,
    }


def _tool_call(tool: ToolCall) -> dict[str, Json]:
    result = tool.error if tool.output is None else msgspec.json.encode(tool.output).decode()
    return {
        "name": tool.name,
        "at_s": round(tool.start_ms / 1_000),
        "arguments": msgspec.json.encode(tool.args).decode()[:_LONGEST_RESULT],
        "outcome": tool.outcome.value,
        "result": (result or "")[:_LONGEST_RESULT],
    }


def _words(text: str) -> Iterator[str]:
    """Yield words for comparison, without case, punctuation, or differences in encoding accents."""
    yield from _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
