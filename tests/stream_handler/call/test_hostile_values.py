"""The core and its observers survive any values in an event's fields."""

from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest

from ringdown.agents import Agent
from ringdown.calls import CallChanges, Speaker, Usage
from ringdown.stores.storable import documents_below, to_document
from ringdown.tools import ToolAnswer
from stream_handler.call.actions import Action, SaveCall
from stream_handler.call.events import Event, StreamStopped, TimerFired
from stream_handler.call.timers import Timer
from stream_handler.record.flight_record import outline, read_flight
from stream_handler.record.stream_report import StreamReport
from tests.ringdown.samples import CALL_SID, an_agent
from tests.stream_handler.call.stage import Stage

HALF_A_PAIR = "\ud83d"
TEXTS = [HALF_A_PAIR, "", "\0\r\n", "‮", "9" * 5_000, "x" * 100_000]
NUMBERS = [-1.0, 1e21, 1e308]


def _nested(depth: int) -> Any:
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]
    return nested


VALUES: dict[str, Any] = {
    "half a pair": HALF_A_PAIR,
    "half a name": {HALF_A_PAIR: 1},
    "22 digits": 9400111899223197428490,
    "not a number": float("nan"),
    "infinity": float("-inf"),
    "as deep as allowed": _nested(30),
    "32 kB": "x" * 32_000,
    "nothing": None,
}
OF_TYPE: dict[Any, list[Any]] = {
    str: TEXTS,
    bytes: [b"", b"\0", b"\xff" * 65_536],
    float: NUMBERS,
    int: [1, 2, 10],
    int | None: [None, -1, 10**21],
    bool: [False, True],
    tuple[str, ...]: [(), (HALF_A_PAIR,), ("t1", "t1")],
    dict[str, Any]: [{"a": value} for value in VALUES.values()],
    ToolAnswer: [
        *(ToolAnswer(output={"a": value}) for value in VALUES.values()),
        *(ToolAnswer.failed(text) for text in TEXTS),
    ],
    Usage: [Usage(reports=1, prompt={HALF_A_PAIR: 2**52}, total=2**52)],
    Speaker: list(Speaker),
    Timer: list(Timer),
    Agent: [an_agent(greeting=HALF_A_PAIR), an_agent(transfer_numbers={HALF_A_PAIR: "+1"})],
}


def _usual(kind: type[msgspec.Struct], at_ms: float) -> dict[str, Any]:
    """Ordinary values for an event's fields."""
    usual = {str: "lookup_account", bytes: bytes(640), float: 1.0, int: 0, bool: False}
    values: dict[str, Any] = {"at_ms": at_ms}
    for field in msgspec.structs.fields(kind):
        if field.name not in values:
            values[field.name] = usual.get(field.type, OF_TYPE[field.type][0])
    return values


def _hostile_events() -> dict[str, Callable[[float], list[Event]]]:
    """For each field of each kind of event, a function that makes events with odd values there."""

    def one(kind: Any, name: str, type_: Any) -> Callable[[float], list[Event]]:
        return lambda at_ms: [
            kind(**{**_usual(kind, at_ms), name: value}) for value in OF_TYPE[type_]
        ]

    return {
        f"{kind.__name__}.{field.name}": one(kind, field.name, field.type)
        for kind in get_args(Event)
        for field in msgspec.structs.fields(kind)
        if field.name != "at_ms"  # comes from our own clock
    }


HOSTILE = _hostile_events()


@pytest.mark.parametrize("events", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_value_ends_a_call(events: Callable[[float], list[Event]]) -> None:
    for n in range(len(events(0.0))):
        stage = Stage().greeted()
        stage.caller_says("Please.")
        stage.tool_call("t1")
        stage.running_tools.clear()

        event = events(stage.now_ms)[n]
        if isinstance(event, TimerFired):
            stage.timers.pop(event.timer, None)
        done: list[Action] = list(stage.handle(event))
        if stage.closed is None:
            stage.handle(StreamStopped(stage.now_ms))

        assert read_flight(stage.flight.record()).happened
        report = StreamReport()
        for action in done:
            assert outline(action)
            if isinstance(action, SaveCall):
                report.add(action.changes)
                _is_storable(action.changes)


def _is_storable(changes: CallChanges) -> None:
    for _, document in documents_below(CALL_SID, changes):
        msgspec.json.encode(document)
    fields = to_document(msgspec.structs.replace(changes, turns=(), tool_calls=()))
    msgspec.json.encode(fields)


def test_every_kind_of_event_is_tried() -> None:
    tried = {name.partition(".")[0] for name in HOSTILE}
    without_fields = {
        kind.__name__
        for kind in get_args(Event)
        if {field.name for field in msgspec.structs.fields(kind)} == {"at_ms"}
    }
    assert tried | without_fields == {kind.__name__ for kind in get_args(Event)}
