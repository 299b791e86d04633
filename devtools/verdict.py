"""Checks whether a call went as expected; lists the problems."""

from collections.abc import Sequence

from devtools.call_display import is_fault
from devtools.judge import Heard
from ringdown.calls import CallRecord, EndReason, Speaker, ToolOutcome
from simulators.speech.recognition import normalise
from simulators.twilio import Alert

CALL_WITHIN_S = 75.0


def structure_problems(record: CallRecord) -> list[str]:
    """Check what must be true of the demonstration call, whatever its words."""
    problems: list[str] = []
    agent = [turn for turn in record.turns if turn.speaker is Speaker.AGENT]
    if record.call.end_reason is not EndReason.AGENT_HUNG_UP:
        problems.append(f"the agent didn't end the call: {record.call.end_reason}")
    if not agent or agent[0].start_ms > min(turn.start_ms for turn in record.turns):
        problems.append("the agent didn't speak first")
    if not any(turn.reply_ms is not None for turn in agent):
        problems.append("no reply was timed")
    if not any(turn.interrupted and turn.barge_in_ms is not None for turn in agent):
        problems.append("the agent was never interrupted")
    if not any(
        tool.outcome is ToolOutcome.ANSWERED and tool.name != "end_call"
        for tool in record.tool_calls
    ):
        problems.append("no tool answered")
    if record.call.usage.reports == 0:
        problems.append("the model reported no usage")
    return problems


def arrival_problems(direction: str, heard: Sequence[Heard]) -> list[str]:
    return [f"{direction}: “{item.sentence}” {item.why}" for item in heard if not item.ok]


def transcript_problems(record: CallRecord, said: Sequence[str]) -> list[str]:
    """Check that the caller's turns in the record are the sentences that were said."""
    turns = [normalise(turn.text) for turn in record.turns if turn.speaker is Speaker.CALLER]
    expected = [normalise(sentence) for sentence in said]
    return [] if turns == expected else [f"in the record the caller says {turns}, not {expected}"]


def network_problems(alerts: Sequence[Alert], duration_ms: int) -> list[str]:
    problems = [
        f"Twilio would report {int(alert.code)}: {alert.detail}"
        for alert in alerts
        if is_fault(alert.code)
    ]
    if duration_ms > CALL_WITHIN_S * 1000:
        problems.append(f"the call took {duration_ms / 1000:.0f} s, over {CALL_WITHIN_S:g} s")
    return problems
