"""Describes a call to the page as it happens: each item once, and again when it changes."""

from collections.abc import Iterator

import msgspec

from devtools import model_wire
from devtools.model_wire import Heard
from devtools.network_events import words_for
from devtools.talk.live_words import LiveWords
from devtools.talk.messages import Answering, Happened, Lost, Said, Saying, ToolUsed
from ringdown.call_page.contents import MomentKind
from ringdown.calls import CallRecord, Speaker, ToolCall, Turn
from simulators.twilio import CallEvent

_MOST_TEXT = 2_000


def told(event: CallEvent) -> Iterator[Happened]:
    """Put an event on the phone network into words, if it is worth showing."""
    for kind, words in words_for(event):
        if kind is not MomentKind.MARK:
            yield Happened(event.when.at_ms / 1000, kind.value, words)


class Telling:
    """Finds what the page doesn't know yet, in the record and in the model's transcripts."""

    def __init__(self) -> None:
        self._known: dict[str, Said | ToolUsed | Answering] = {}
        self._words = LiveWords()

    def heard(self, heard: Heard) -> Iterator[Saying | Lost]:
        """Yield words as they arrive from the model, long before the record has them."""
        if isinstance(heard, model_wire.Lost):
            for who, text in self._words.lose():
                yield Lost(who.value, text)
            return
        for who in self._words.hear(heard):
            yield self._saying(who)

    def record(self, record: CallRecord) -> Iterator[Said | Saying | ToolUsed | Answering]:
        call = record.call
        answering = Answering(call.agent_id, call.agent_revision, call.is_draft)
        if self._is_news("answering", answering):
            yield answering
        for turn in record.turns:
            if self._is_news(f"turn {turn.n}", said := _said(turn)):
                yield said
                for who in self._words.record(turn):
                    yield self._saying(who)
        for tool in record.tool_calls:
            if self._is_news(f"tool {tool.id}", used := _used(tool)):
                yield used

    def _saying(self, who: Speaker) -> Saying:
        return Saying(who.value, self._words.text(who))

    def _is_news(self, key: str, item: Said | ToolUsed | Answering) -> bool:
        if self._known.get(key) == item:
            return False
        self._known[key] = item
        return True


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
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()[:_MOST_TEXT]
