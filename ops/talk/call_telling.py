"""A call as it happens, for the page: each thing once, and again when it changes."""

from collections.abc import Iterator

import msgspec

from ops.call_page.contents import MomentKind
from ops.call_page.network_events import moments
from ops.talk.messages import Happened, Said, ToolUsed
from ringdown.calls import CallRecord, ToolCall, Turn
from simulators.twilio import CallEvent

_MOST_TEXT = 2_000


def told(event: CallEvent) -> Iterator[Happened]:
    """What a person would want to know of an event on the phone network."""
    for moment in moments((event,)):
        if moment.kind is not MomentKind.MARK:
            yield Happened(event.when.at_ms / 1000, moment.kind.value, moment.text)


class RecordTelling:
    """What is new in a record since it was looked at last."""

    def __init__(self) -> None:
        self._known: dict[str, Said | ToolUsed] = {}

    def news(self, record: CallRecord) -> Iterator[Said | ToolUsed]:
        items: dict[str, Said | ToolUsed] = {f"turn {turn.n}": _said(turn) for turn in record.turns}
        items |= {f"tool {tool.id}": _used(tool) for tool in record.tool_calls}
        for key, item in items.items():
            if self._known.get(key) != item:
                self._known[key] = item
                yield item


def _said(turn: Turn) -> Said:
    return Said(
        n=turn.n,
        who=turn.speaker.value,
        text=turn.text,
        interrupted=turn.interrupted,
        reply_ms=turn.reply_ms,
        barge_in_ms=turn.barge_in_ms,
    )


def _used(tool: ToolCall) -> ToolUsed:
    answer = tool.error if tool.error is not None else _json(tool.output)
    return ToolUsed(
        id=tool.id,
        name=tool.name,
        args=_json(tool.args),
        answer=answer[:_MOST_TEXT],
        outcome=tool.outcome.value,
        duration_ms=tool.duration_ms,
    )


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()[:_MOST_TEXT]
