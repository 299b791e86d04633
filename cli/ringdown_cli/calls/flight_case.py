"""Turns a flight record into a self-contained test, for `ringdown calls replay --test`."""

import base64
from collections.abc import Iterable, Iterator

from ringdown.calls.flights import FlightPart, pack, unpack
from ringdown_cli.calls.flight_account import told_decisions
from ringdown_cli.calls.without_words import without_words
from stream_handler.call.session import StreamSession
from stream_handler.observers import ObservedSession
from stream_handler.record.flight_record import Flight, FlightRecord, read_flight
from stream_handler.record.flight_replay import replay
from stream_handler.words import words_for

Decision = tuple[float, str]
"""The time in ms since the stream started, and the decision: an action, with its length or name."""

_WIDTH = 100
_LINE = 88
_HEAD = '''"""What the core decides in a call that went wrong.

Names and words are removed. Audio is kept as lengths and levels. Change the expectation to what
should have happened; then change the core until the test passes.
"""

from ringdown_cli.calls.flight_case import decisions

'''
_TEST = """

def test_the_core_decides{suffix}() -> None:
    assert decisions(FLIGHT{suffix_upper}) == EXPECTED{suffix_upper}
"""


def decisions(packed: str) -> tuple[Decision, ...]:
    """Replay a packed record. Returns the core's decisions and, last, how much audio it passed
    on."""
    body = base64.b64decode(packed)
    record = unpack([FlightPart(attempt=1, part=1, of=1, body=body)])
    return tuple(flight_decisions(read_flight(record)))


def flight_decisions(flight: Flight) -> Iterator[Decision]:
    at_ms, to_model, played = 0.0, 0, 0
    for step in replay(flight, words_for(flight.head.call.agent.language)):
        at_ms = step.event.at_ms
        to_model, played = step.answer.to_model_bytes, step.answer.played_bytes
        for decision in told_decisions(step):
            yield at_ms, decision
    yield at_ms, f"{to_model} bytes to the model, {played} bytes to the caller"


def case_source(flights: Iterable[Flight]) -> str:
    """Return a test module with a test for each stream of the call. Names, numbers and words are
    removed."""
    return _HEAD + "".join(
        _case(flight, "" if n == 1 else f"_in_stream_{n}") for n, flight in enumerate(flights, 1)
    )


def _case(flight: Flight, suffix: str) -> str:
    silent = without_words(flight)
    upper = suffix.upper()
    body = b"".join(part.body for part in pack(1, _recorded(silent)))
    text = base64.b64encode(body).decode()
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    packed = "\n".join(f'    "{line}"' for line in lines)
    expected = "\n".join(_expected(*decision) for decision in flight_decisions(silent))
    test = _TEST.format(suffix=suffix, suffix_upper=upper)
    gap = "\n\n" if suffix else ""
    return f"{gap}FLIGHT{upper} = (\n{packed}\n)\nEXPECTED{upper} = (\n{expected}\n)\n{test}"


def _expected(at_ms: float, decision: str) -> str:
    """Return an item of the tuple, laid out as the project's formatter would."""
    line = f"    ({at_ms}, {_quoted(decision)}),"
    if len(line) <= _WIDTH:
        return line
    return f"    (\n        {at_ms},\n        {_quoted(decision)},\n    ),"


def _quoted(decision: str) -> str:
    escaped = decision.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _recorded(flight: Flight) -> bytes:
    """Record a stream in which exactly the events of `flight` happen."""
    head = flight.head
    record = FlightRecord(head.call, head.history, tool_calls=head.tool_calls)
    words = words_for(head.call.agent.language)
    session = StreamSession(head.call, words, head.history, head.tool_calls)
    observed = ObservedSession(session, record)
    for happened in flight.happened:
        observed.handle(happened.event)
    return record.record()
