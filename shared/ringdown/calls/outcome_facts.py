"""What came of a call, as short facts. Pure."""

from collections.abc import Iterator

from ringdown.calls import CallRecord, timed_from_ring
from ringdown.calls.outcomes import Value


def outcome_facts(record: CallRecord) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each fact; nothing if the outcome is unknown.

    A value that has evidence includes the evidence's time, counted from the ring.
    """
    outcome = record.outcome
    if outcome is None or outcome.problem is not None:
        return
    starts_ms = {turn.n: turn.start_ms for turn in timed_from_ring(record).turns}

    def with_evidence(text: str, turn: int | None) -> str:
        at_ms = None if turn is None else starts_ms.get(turn)
        return text if at_ms is None else f"{text} (at {at_ms / 1000:.1f} s)"

    yield "success", with_evidence(outcome.success.value, outcome.success_turn)
    yield "summary", outcome.summary
    yield "topic", outcome.topic
    yield "follow-up", outcome.follow_up or "none"
    for name, finding in outcome.fields.items():
        yield name, with_evidence(_shown(finding.value), finding.turn)


def _shown(value: Value | None) -> str:
    match value:
        case None:
            return "not said"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
