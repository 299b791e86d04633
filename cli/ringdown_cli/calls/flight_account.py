"""Describes a flight record in readable lines: what happened when, and what the core decided."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from ringdown.calls import Speaker
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
    ResumptionUpdated,
    SaveDone,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TimerFired,
    ToolCallCancelled,
    ToolCallFinished,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from stream_handler.call.speech import SpeechDetector, SpeechStarted, SpeechStopped
from stream_handler.record.flight_replay import Step

_PCM_BYTES_PER_MS = 32
_NEW_REPLY_MS = 1_000.0
_ROUTINE = ("StartTimer", "CancelTimer", "SaveCall")


@dataclass(frozen=True, slots=True)
class AccountLine:
    at_ms: float
    who: str
    what: str
    decisions: tuple[str, ...] = ()


def told_decisions(step: Step) -> tuple[str, ...]:
    """The core's decisions worth showing: no timers, no routine saves."""
    return tuple(
        decision
        for decision in step.answer.decisions
        if not decision.startswith(_ROUTINE) or decision.startswith("SaveCall final")
    )


def account(steps: Iterable[Step]) -> Iterator[AccountLine]:
    """Yield the lines, in order. What one side says without a break becomes a single line."""
    ears = _Ears()
    said: AccountLine | None = None
    for step in steps:
        event, decisions = step.event, told_decisions(step)
        if isinstance(event, TranscriptReceived) and not decisions:
            if said is not None and said.who == event.speaker:
                said = AccountLine(said.at_ms, said.who, said.what + event.text)
                continue
            if said is not None:
                yield _quoted(said)
            said = AccountLine(event.at_ms, event.speaker, event.text)
            continue
        who, what = ears.heard(event) or _told(event)
        if not what and not decisions:
            continue
        if said is not None and not (said.who == who and isinstance(event, ModelAudio)):
            yield _quoted(said)
            said = None
        yield AccountLine(event.at_ms, who, what or f"({_name(event)})", decisions)
    if said is not None:
        yield _quoted(said)


def _quoted(said: AccountLine) -> AccountLine:
    return AccountLine(said.at_ms, said.who, f"“{' '.join(said.what.split())}”")


class _Ears:
    """Works out from lengths and levels when each side starts and stops speaking."""

    def __init__(self) -> None:
        self._speech = SpeechDetector()
        self._agent_ms = float("-inf")

    def heard(self, event: Event) -> tuple[str, str] | None:
        match event:
            case CallerAudio():
                length_ms = len(event.pcm) / _PCM_BYTES_PER_MS
                change = self._speech.frame(event.at_ms, event.level_dbfs, length_ms)
                return Speaker.CALLER, _change(change, event.at_ms)
            case ModelAudio():
                begins = bool(event.mulaw) and event.at_ms - self._agent_ms > _NEW_REPLY_MS
                if event.mulaw:
                    self._agent_ms = event.at_ms
                return Speaker.AGENT, "first sound of a reply" if begins else ""
            case TurnCompleted() | ModelInterrupted():
                self._agent_ms = float("-inf")
            case _:
                pass
        return None


def _change(change: SpeechStarted | SpeechStopped | None, at_ms: float) -> str:
    match change:
        case SpeechStarted(onset_ms):
            return f"started speaking {at_ms - onset_ms:.0f} ms ago"
        case SpeechStopped(end_ms):
            return f"stopped speaking {at_ms - end_ms:.0f} ms ago"
        case None:
            return ""
        case _:
            assert_never(change)


def _told(event: Event) -> tuple[str, str]:
    """Return who did what; empty for events that matter only if the core decides something."""
    match event:
        case StreamStarted():
            return "line", "the stream started"
        case StreamStopped():
            return "caller", "hung up"
        case StreamLost():
            return "line", "the stream was lost"
        case DrainRequested():
            return "line", f"must be handed over within {event.within_ms:g} ms"
        case DtmfReceived():
            return "caller", "pressed a key"
        case AgentEdited():
            return "ops", "edited the agent"
        case SaveDone():
            return "store", "accepted the last save"
        case SaveFailed():
            return "store", "didn't accept the last save"
        case TimerFired():
            return "timer", ""
        case _:
            return _told_of_model(event)


def _told_of_model(event: Event) -> tuple[str, str]:
    match event:
        case ModelConnected():
            return "model", "the session is open"
        case ModelConnectFailed():
            return "model", f"no session: {event.reason}"
        case ModelDisconnected():
            return "model", f"the session broke: {event.reason}"
        case GoAwayReceived():
            return "model", f"the session ends in {event.left_ms / 1000:g} s"
        case ModelInterrupted():
            return "model", "noticed the caller speaking"
        case ToolCallRequested():
            return "model", f"calls {event.name}"
        case ToolCallCancelled():
            return "model", f"cancels {', '.join(event.ids)}"
        case ToolCallFinished():
            failed = event.answer.error is not None
            return "tool", f"{event.id} {'failed' if failed else 'answered'}"
        case TranscriptReceived():
            return event.speaker, f"“{event.text.strip()}”"
        case GenerationCompleted() | TurnCompleted() | ResumptionUpdated() | UsageReported():
            return "model", ""
        case MarkReceived():
            return "line", ""
        case _:
            return "", ""


def _name(event: Event) -> str:
    return event.timer if isinstance(event, TimerFired) else type(event).__name__
