"""What a caller heard, in a sentence: for the message of a wait that was in vain."""

from collections.abc import Sequence

from .events import AlertRaised, CallEvent, Party, SpeechStarted, SpeechStopped


def tell(events: Sequence[CallEvent], now_ms: int | None) -> str:
    """Times are seconds into the recording; `now_ms` None means that nobody has answered."""
    if now_ms is None:
        heard = "the call was never answered"
    else:
        spans = [
            f"{event.started_ms / 1000:.1f}-{event.stopped_ms / 1000:.1f} s"
            for event in events
            if isinstance(event, SpeechStopped) and event.who is Party.AGENT
        ]
        if _speaking(events):
            spans.append("and is still speaking")
        spoke = "the agent spoke at " + ", ".join(spans) if spans else "the agent never spoke"
        heard = f"{spoke}; it is now {now_ms / 1000:.1f} s"
    alerts = [str(event.alert) for event in events if isinstance(event, AlertRaised)]
    return heard + (f"; alerts: {'; '.join(alerts)}" if alerts else "")


def _speaking(events: Sequence[CallEvent]) -> bool:
    for event in reversed(events):
        if isinstance(event, SpeechStarted | SpeechStopped) and event.who is Party.AGENT:
            return isinstance(event, SpeechStarted)
    return False
