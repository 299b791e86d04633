"""What the core decided, in short: enough to see whether it decides the same again.

An outline has kinds, lengths, timers and positions, and of texts and arguments the length only.
"""

from typing import assert_never

from ringdown.calls import CallChanges
from stream_handler.call.actions import (
    Action,
    CallTool,
    CancelTimer,
    CancelTool,
    ClearPlayback,
    CloseModel,
    CloseStream,
    ConnectModel,
    PlayAudio,
    PlayRingback,
    PlayTone,
    SaveCall,
    SendMark,
    SendModelAudio,
    SendModelText,
    SendToolResponse,
    StartTimer,
    UpdateModelContext,
)


def outline(action: Action) -> str:
    """One action, beginning with its kind."""
    kind = type(action).__name__
    match action:
        case SendModelAudio(pcm):
            details = f"{len(pcm)} bytes"
        case PlayAudio(mulaw):
            details = f"{len(mulaw)} bytes"
        case SendMark(name):
            details = name
        case SendModelText(text):
            details = f"{len(text)} characters"
        case UpdateModelContext(instructions):
            details = f"{len(instructions)} characters"
        case ConnectModel():
            resumed = "fresh" if action.config.handle is None else "by handle"
            details = f"{resumed} within {action.within_ms:g} ms"
        case CallTool():
            details = f"{action.id} {action.tool.name}"
        case CancelTool(id):
            details = id
        case SendToolResponse():
            details = f"{action.id} {'output' if action.answer.error is None else 'error'}"
        case StartTimer(timer, after_ms):
            details = f"{timer} {after_ms} ms"
        case CancelTimer(timer):
            details = timer
        case SaveCall(changes, final):
            details = f"{'final ' if final else ''}{_changed(changes)}"
        case CloseStream(next):
            details = next or "undecided"
        case PlayRingback() | PlayTone() | ClearPlayback() | CloseModel():
            details = ""
        case _:
            assert_never(action)
    return f"{kind} {details}".rstrip()


def _changed(changes: CallChanges) -> str:
    turns = [
        f"turn {turn.n} {turn.speaker} {turn.start_ms}-{turn.end_ms} {len(turn.text)} characters"
        + (" interrupted" if turn.interrupted else "")
        for turn in changes.turns
    ]
    calls = [f"tool call {call.id} {call.outcome}" for call in changes.tool_calls]
    named = {"end_reason": changes.end_reason, "next": changes.next}
    told = [f"{name} {value}" for name, value in named.items() if value is not None]
    others = sorted(changes.fields().keys() - named.keys() - {"ended_at"})
    return ", ".join((*turns, *calls, *told, *others))
