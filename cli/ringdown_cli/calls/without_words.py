"""Removes names, numbers and words from a flight record, so that it can be kept in a repository.

Each word becomes a placeholder, and the same word always becomes the same one, so texts that the
core compares stay equal or different. A placeholder is as long as its word, or longer once all of
that length are taken. The words of farewells stay, because the core listens for them.
"""

import datetime
import itertools
import re
from collections import defaultdict
from typing import Any, assert_never

import msgspec

from ringdown.agents import Agent
from ringdown.agents.phrases import phrases_for
from ringdown.calls import GO_AWAY, Call, Reconnect, ToolCall, Turn
from ringdown.tools import Json, ToolAnswer, ToolDeclaration
from ringdown.tools.arguments import problems_with
from ringdown.tools.request import order_key
from stream_handler.call.events import (
    AgentEdited,
    CallerAudio,
    DrainRequested,
    DtmfReceived,
    Event,
    GenerationCompleted,
    GoAwayReceived,
    MarkReceived,
    ModelAudio,
    ModelConnected,
    ModelConnectFailed,
    ModelDisconnected,
    ModelInterrupted,
    PictureReceived,
    ResumptionUpdated,
    SaveDone,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TextReceived,
    TimerFired,
    ToolCallCancelled,
    ToolCallFinished,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from stream_handler.call.functions import BUILT_IN
from stream_handler.record.flight_record import Flight, Happened

_WORD = re.compile(r"\w+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CALL_SID = "CA" + "0" * 32
_CALLER, _CALLED, _PERSON = "+14155550123", "+14155550100", "+14155550199"
_CREATED_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


# Kept unchanged; everything else may contain names, numbers or words.
_KEPT_OF_CALL = (
    "caller_verified",
    "status",
    "attempt",
    "end_reason",
    "next",
    "resumed_from",
    "is_draft",
    "usage",
    "talk_s",
    "cost_usd",
)
_KEPT_OF_AGENT = (
    "voice",
    "volume_db",
    "language",
    "model",
    "temperature",
    "thinking",
    "tools",
    "google_search",
    "photos",
    "keep_photos",
    "transfer_accept",
    "protect_greeting",
    "turn_taking",
    "idle",
    "max_call_s",
    "max_cost_usd",
    "time_zone",
    "remember_callers",
    "apply_to_live_calls",
)
_KEPT_OF_TOOL = ("name", "timeout_s", "behavior", "scheduling", "waiting")
_KEPT_OF_TURN = (
    "n",
    "speaker",
    "start_ms",
    "end_ms",
    "interrupted",
    "reply_ms",
    "barge_in_ms",
    "upload",
)
_KEPT_OF_TOOL_CALL = ("id", "name", "outcome", "start_ms", "duration_ms")

replace = msgspec.structs.replace


def _named(record: msgspec.Struct, fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in fields}


class Placeholders:
    """Gives each word its own placeholder, ignoring case."""

    def __init__(self, kept: frozenset[str]) -> None:
        self._kept = kept
        self._words: dict[str, str] = {}
        self._made: defaultdict[int, int] = defaultdict(int)
        """The number of placeholders made so far, by length."""
        self._numbers: dict[float, int] = {}

    def text(self, text: str) -> str:
        return _WORD.sub(lambda match: self._word(match[0].casefold()), text)

    def value(self, value: Json) -> Json:
        """Replace all texts and numbers in `value`. Field names stay: they are the tool's own."""
        match value:
            case str():
                return self.text(value)
            case bool() | None:
                return value
            case int() | float():
                return self._numbers.setdefault(value, len(self._numbers) + 1)
            case list():
                return [self.value(item) for item in value]
            case dict():
                return {name: self.value(item) for name, item in value.items()}
            case _:
                return None

    def texts(self, value: dict[str, Json]) -> dict[str, Json]:
        """Like `value`, for built-in functions: keep their numbers, which are lengths."""
        return {n: self.text(v) if isinstance(v, str) else v for n, v in value.items()}

    def _word(self, word: str) -> str:
        if word in self._kept:
            return word
        if word not in self._words:
            self._words[word] = self._unused(len(word))
        return self._words[word]

    def _unused(self, shortest: int) -> str:
        """A unique placeholder that isn't a farewell."""
        for length in itertools.count(shortest):
            while self._made[length] < len(_LETTERS) ** length:
                placeholder = _made_up(self._made[length], length)
                self._made[length] += 1
                if placeholder not in self._kept:
                    return placeholder
        raise AssertionError("there is always a longer one")


def _made_up(n: int, length: int) -> str:
    letters = ""
    for _ in range(length):
        n, letter = divmod(n, len(_LETTERS))
        letters = _LETTERS[letter] + letters
    return letters


def without_words(flight: Flight) -> Flight:
    farewells = phrases_for(flight.head.call.agent.language).farewells
    kept = frozenset(word for farewell in farewells for word in farewell.split())
    return _Removal(flight, Placeholders(kept)).flight()


class _Removal:
    def __init__(self, flight: Flight, placeholders: Placeholders) -> None:
        self._flight = flight
        self._made_up = placeholders
        self._tools = {tool.name: tool for tool in flight.head.call.tools}

    def flight(self) -> Flight:
        head = self._flight.head
        made_up = replace(
            head,
            call=self._call(head.call),
            history=tuple(map(self._turn, head.history)),
            tool_calls=tuple(map(self._earlier_call, head.tool_calls)),
        )
        happened = (Happened(self._event(h.event), h.answer) for h in self._flight.happened)
        return Flight(made_up, tuple(happened))

    def _call(self, call: Call) -> Call:
        """Keep only what is listed here, because a new field may hold words."""
        text = self._made_up.text
        later = _CREATED_AT - call.created_at
        return Call(
            **_named(call, _KEPT_OF_CALL),
            call_sid=_CALL_SID,
            caller=_CALLER,
            called=_CALLED,
            agent_id="agent",
            agent=self._agent(call.agent),
            agent_revision=text(call.agent_revision),
            applied_revisions=tuple(map(text, call.applied_revisions)),
            tools=tuple(map(self._tool, call.tools)),
            created_at=_CREATED_AT,
            expires_at=call.expires_at + later,
            started_at=None if call.started_at is None else call.started_at + later,
            take_ups=tuple(at + later for at in call.take_ups),
            failed_transfers=tuple(map(text, call.failed_transfers)),
            fallback_number=None if call.fallback_number is None else _PERSON,
            reconnects=tuple(map(self._reconnect, call.reconnects)),
            resumption=None
            if call.resumption is None
            else replace(call.resumption, handle=text(call.resumption.handle)),
        )

    def _agent(self, agent: Agent) -> Agent:
        text = self._made_up.text
        return Agent(
            **_named(agent, _KEPT_OF_AGENT),
            instructions="Be brief.",
            greeting="Hello.",
            transfer_numbers={text(name): _PERSON for name in agent.transfer_numbers},
            waiting_phrases=tuple(map(text, agent.waiting_phrases)),
        )

    def _tool(self, tool: ToolDeclaration) -> ToolDeclaration:
        return ToolDeclaration(
            **_named(tool, _KEPT_OF_TOOL),
            description="A tool.",
            url="https://tools.example/",
            digits=tuple(map(self._made_up.text, tool.digits)),
        )

    def _turn(self, turn: Turn) -> Turn:
        return Turn(**_named(turn, _KEPT_OF_TURN), text=self._made_up.text(turn.text))

    def _reconnect(self, made: Reconnect) -> Reconnect:
        return made if made.reason == GO_AWAY else replace(made, reason="")

    def _event(self, event: Event) -> Event:
        match event:
            case TranscriptReceived() | TextReceived():
                return replace(event, text=self._made_up.text(event.text))
            case ToolCallRequested():
                return self._tool_call(event)
            case ToolCallFinished():
                return replace(event, answer=self._answer(event.answer))
            case ResumptionUpdated():
                return replace(event, handle=self._made_up.text(event.handle))
            case AgentEdited():
                revision = self._made_up.text(event.revision)
                return replace(event, agent=self._agent(event.agent), revision=revision)
            case ModelConnectFailed() | ModelDisconnected():
                return replace(event, reason="")
            case (
                CallerAudio()
                | ModelAudio()
                | MarkReceived()
                | DtmfReceived()
                | StreamStarted()
                | StreamStopped()
                | StreamLost()
                | ModelConnected()
                | GoAwayReceived()
                | ModelInterrupted()
                | GenerationCompleted()
                | TurnCompleted()
                | ToolCallCancelled()
                | UsageReported()
                | TimerFired()
                | SaveDone()
                | SaveFailed()
                | PictureReceived()
                | DrainRequested()
            ):
                return event
            case _:
                assert_never(event)

    def _earlier_call(self, call: ToolCall) -> ToolCall:
        args, key = self._made_up.value(call.args), call.idempotency_key
        if key is not None:
            key = f"{order_key(_CALL_SID, call.name, args)}/{key.rpartition('/')[2]}"
        return ToolCall(
            **_named(call, _KEPT_OF_TOOL_CALL),
            args=args,
            output=None if call.output is None else {},
            error=None if call.error is None else "A failure.",
            idempotency_key=key,
        )

    def _tool_call(self, event: ToolCallRequested) -> ToolCallRequested:
        """Rename a call that its schema refused, so that it is refused as an unknown tool instead:
        schemas are dropped, because placeholders wouldn't fit them."""
        if event.name in BUILT_IN:
            return replace(event, args=self._made_up.texts(event.args))
        tool = self._tools.get(event.name)
        refused = tool is not None and problems_with(event.args, tool.parameters) is not None
        args = self._made_up.value(event.args)
        return replace(event, args=args, name=f"refused_{event.name}" if refused else event.name)

    def _answer(self, answer: ToolAnswer) -> ToolAnswer:
        if answer.error is None:
            return ToolAnswer(output={})
        return ToolAnswer.failed("A failure.", retryable=answer.error.retryable)
