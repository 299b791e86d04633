"""Shrinks a rehearsed call so that Firestore can store it: fewer bytes, less nesting. Pure."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from ringdown.calls import CallRecord, ToolCall
from ringdown.rehearsals import Must, MustNot, Persona, PersonaRun, ServedTool, Verdict
from ringdown.stores.storable import to_plain
from ringdown.tools import Json

MOST_BYTES = 500_000
"""The limit for a call's JSON. A Firestore document holds 1 MiB."""
_MOST_ITEMS = (200, 100, 50, 25)
"""How many turns, tool calls and so on to keep; the first number that fits is used."""
_LONGEST_TEXT = 600
_LONGEST_VALUE = 4_000
_DEEPEST_VALUE = 6

Text = TypeVar("Text", str, str | None)


def bounded(run: PersonaRun) -> PersonaRun:
    """Remove what no reader needs and, if the call is too long, what came last."""
    lean = replace(
        run,
        record=None if run.record is None else _without_agent(run.record),
        persona=_known_by(run.persona),
    )
    for most in _MOST_ITEMS:
        kept = _cut(lean, most)
        if len(msgspec.json.encode(to_plain(kept))) <= MOST_BYTES:
            break
    return kept


def _without_agent(record: CallRecord) -> CallRecord:
    """Strip the agent, which its revision identifies. Its language, notice and limits stay, because
    they are still shown."""
    call = record.call
    agent = replace(
        call.agent,
        instructions=f"Not stored here. See revision {call.agent_revision}.",
        vocabulary=(),
        transfer_numbers={},
        waiting_phrases=(),
        examples=(),
        after_call=None,
    )
    lean = replace(
        call,
        agent=agent,
        tools=(),
        failed_transfers=call.failed_transfers[:10],
        applied_revisions=(),
        reconnects=call.reconnects[:25],
        resumption=None,
        caller_memory=None,
        caller_facts=None,
        agent_problem=_shorter(call.agent_problem),
        model_error=_shorter(call.model_error),
        stream_error=_shorter(call.stream_error),
    )
    return replace(record, call=lean)


def _known_by(persona: Persona) -> Persona:
    """Keep only who the persona is. What it says, knows and expects is in its own document, and in
    the verdicts."""
    return replace(persona, knows="", lines=(), tools={}, must=Must(), must_not=MustNot())


def _cut(run: PersonaRun, most: int) -> PersonaRun:
    record = run.record
    if record is not None:
        turns = (replace(it, text=_shorter(it.text)) for it in record.turns[:most])
        tools = tuple(map(_short_call, record.tool_calls[:most]))
        record = replace(record, turns=tuple(turns), tool_calls=tools)
    kept = replace(
        run,
        record=record,
        ledger=tuple(map(_short_request, run.ledger[:most])),
        said=run.said[:most],
        silences_ms=run.silences_ms[:most],
        alerts=tuple(_shorter(it) for it in run.alerts[:most]),
        partial=_shorter(run.partial),
        unmet=_shorter(run.unmet),
        verdicts=tuple(_short_verdicts(run, most)),
    )
    return replace(kept, is_shortened=_items(kept) < _items(run))


def _items(run: PersonaRun) -> int:
    record = run.record
    in_record = 0 if record is None else len(record.turns) + len(record.tool_calls)
    return in_record + len(run.ledger) + len(run.said) + len(run.verdicts)


def _short_verdicts(run: PersonaRun, most: int) -> Iterator[Verdict]:
    """Yield the verdicts with shorter texts. If some must be left out, failed ones come first."""
    verdicts = run.verdicts
    if len(verdicts) > most:
        verdicts = tuple(sorted(verdicts, key=lambda it: it.passed is not False))[:most]
    for it in verdicts:
        yield replace(it, what=_shorter(it.what), why=_shorter(it.why), quote=_shorter(it.quote))


def _short_call(call: ToolCall) -> ToolCall:
    return replace(
        call,
        args=_short_value(call.args),
        output=None if call.output is None else _short_value(call.output),
        error=_shorter(call.error),
    )


def _short_request(request: ServedTool) -> ServedTool:
    """Shorten the arguments, and drop the result, which is in the record, too."""
    return replace(request, args=_short_value(request.args), result=None)


def _short_value(value: dict[str, Json]) -> dict[str, Json]:
    text = msgspec.json.encode(to_plain(value)).decode()
    if len(text) <= _LONGEST_VALUE and _depth(value) <= _DEEPEST_VALUE:
        return value
    return {"not_kept": "it is too long, or nested too deeply", "beginning": _shorter(text)}


def _depth(value: Json) -> int:
    depth, level = 0, [value]
    while level := [child for item in level for child in _children(item)]:
        depth += 1
    return depth


def _children(item: Json) -> list[Json]:
    match item:
        case dict():
            return list(item.values())
        case list() | tuple():
            return list(item)
        case _:
            return []


def _shorter(text: Text) -> Text:
    return text if text is None or len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
