"""What a person sees during a live call, with a clock and a record that the test controls."""

import dataclasses

from msgspec.structs import replace

from devtools.call_display import CallDisplay
from ringdown.calls import CallRecord, Speaker, ToolCall, ToolOutcome, Turn
from simulators.twilio.call_flow import EndReason
from simulators.twilio.events import (
    CallAnswered,
    CallEnded,
    PlaybackCleared,
    StreamEnd,
    StreamEnded,
    StreamStarted,
    VerbStarted,
    WebhookAnswered,
    When,
)
from simulators.twilio.twiml import Play
from tests.ringdown.samples import a_call

GREETING = Turn(n=0, speaker=Speaker.AGENT, text="Hello.", start_ms=300, end_ms=900)
STORY = Turn(n=1, speaker=Speaker.AGENT, text="Once", start_ms=2_000, end_ms=2_400)
LOOKUP = ToolCall(
    id="a", name="look_up", args={}, outcome=ToolOutcome.ANSWERED, start_ms=1_500, duration_ms=100
)


@dataclasses.dataclass
class Screen:
    """A display and its clock."""

    now_s: float = 100.0

    def __post_init__(self) -> None:
        self.lines: list[str] = []
        self.display = CallDisplay(self.lines.append, lambda: self.now_s)

    def shown(self) -> list[str]:
        """The times and kinds of the moments shown."""
        return [" ".join(line.split()[:3:2]) for line in self.lines]

    def passes(self, seconds: float, *turns: Turn, tools: tuple[ToolCall, ...] = ()) -> None:
        self.now_s += seconds
        self.display.record(record(*turns, tools=tools))


def record(*turns: Turn, tools: tuple[ToolCall, ...] = ()) -> CallRecord:
    return CallRecord(call=a_call(), claims=(), turns=turns, tool_calls=tools)


def at(at_ms: int) -> When:
    return When(at_ms, None)


def test_a_notice_that_is_played_has_its_line() -> None:
    screen = Screen()
    screen.display.event(VerbStarted(at(0), Play("https://webhook.example/clips/default/0")))
    screen.display.finish(None)

    assert screen.lines[0].endswith("notice    (in the agent's own voice)")


def test_what_the_record_has_later_is_still_shown_in_order() -> None:
    screen = Screen()
    screen.display.event(CallAnswered(at(0)))
    screen.display.event(StreamStarted(at(1_000), "MZ1", "wss://stream.example"))
    screen.display.event(PlaybackCleared(at(3_500), 800, ()))
    screen.display.event(StreamEnded(at(4_000), "MZ1", StreamEnd.CLOSED_BY_SERVER, 1000, "", 0))
    screen.passes(4.5)
    assert screen.shown() == ["0.00 phone"], "something earlier may still arrive"
    screen.passes(2.0, GREETING, STORY, tools=(LOOKUP,))
    screen.display.event(CallEnded(at(6_500), EndReason.AGENT_HUNG_UP, "completed"))
    screen.display.finish(record(GREETING, STORY, tools=(LOOKUP,)))
    assert screen.shown() == [
        "0.00 phone",
        "1.00 stream",
        "1.90 agent",
        "2.60 tool",
        "3.40 agent",
        "3.50 barge-in",
        "4.00 stream",
        "6.50 phone",
    ]


def test_a_turn_that_grows_is_shown_whole() -> None:
    screen = Screen()
    screen.display.event(StreamStarted(at(0), "MZ1", "wss://stream.example"))
    screen.passes(3.0, STORY)
    screen.passes(3.0, replace(STORY, text="Once upon a time", end_ms=5_000))
    screen.passes(3.5, replace(STORY, text="Once upon a time", end_ms=5_000))
    screen.display.finish(None)
    assert [line.split("agent")[-1].strip() for line in screen.lines[1:]] == ["Once upon a time"]


def test_a_tool_is_shown_when_its_outcome_is_known() -> None:
    screen = Screen()
    running = replace(LOOKUP, outcome=ToolOutcome.UNKNOWN)
    screen.display.event(StreamStarted(at(0), "MZ1", "wss://stream.example"))
    screen.passes(9.0, tools=(running,))
    assert len(screen.lines) == 1, "the tool may still be running"
    screen.passes(9.0, tools=(LOOKUP,))
    assert screen.lines[1].endswith("look_up answered in 100 ms")


def test_a_webhook_is_named_by_its_path() -> None:
    screen = Screen()
    for n, url in enumerate(("http://127.0.0.1:1", "https://a.example/after-stream?attempt=1")):
        screen.display.event(WebhookAnswered(at(n), url, 200, 20, ""))
    screen.display.finish(None)
    assert [line.split()[3] for line in screen.lines] == ["/", "/after-stream"]
