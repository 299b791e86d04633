"""The record of a call as files: `call-network.json` and `call.wav`."""

import json
from pathlib import Path

from .call import Call
from .events import StreamStarted, WebhookAnswered, event_record
from .runner import ScriptResult


def write_report(folder: Path, call: Call, result: ScriptResult, failure: str | None) -> None:
    """Write both files into `folder`; `failure` says why the script stopped early, if it did."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(call_record(call, result, failure), indent=2, ensure_ascii=False)
    (folder / "call-network.json").write_text(text + "\n", encoding="utf-8")
    call.write_wav(folder / "call.wav")


def call_record(call: Call, result: ScriptResult, failure: str | None) -> dict[str, object]:
    """Describe a call as JSON. `line_ms`, `start_ms`, `end_ms` are positions in the recording."""
    events = call.events
    return {
        "call_sid": call.identity.call_sid,
        "to": call.identity.to,
        "from": call.identity.from_,
        "end_reason": None if call.end_reason is None else call.end_reason.value,
        "failure": failure,
        "recording_ms": call.recording.duration_ms,
        "stream_sids": [event.stream_sid for event in events if isinstance(event, StreamStarted)],
        "sentences": [
            {
                "text": sentence.text,
                "start_ms": sentence.start_ms,
                "end_ms": sentence.end_ms,
                "cut": sentence.cut,
            }
            for sentence in result.sentences
        ],
        "errors": [
            {"code": int(alert.code), "level": alert.code.level.value, "detail": alert.detail}
            for alert in call.alerts
        ],
        "documents": [
            {
                "at_ms": event.when.at_ms,
                "url": event.url,
                "status": event.status,
                "body": event.body,
            }
            for event in events
            if isinstance(event, WebhookAnswered)
        ],
        "events": [event_record(event) for event in events],
    }
