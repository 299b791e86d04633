"""What a flight record contains, and what it never contains."""

import zlib

import msgspec
import pytest

from ringdown.calls import Speaker, Usage
from ringdown.calls.flights import FlightPart
from ringdown.tools import ToolAnswer
from stream_handler.call.actions import Action, SendMark, SendToolResponse
from stream_handler.call.events import (
    CallerAudio,
    DtmfReceived,
    Event,
    MarkReceived,
    ModelAudio,
    ModelConnected,
    ModelDisconnected,
    ResumptionUpdated,
    StreamStarted,
    StreamStopped,
    ToolCallFinished,
    ToolCallRequested,
    TranscriptReceived,
    UsageReported,
)
from stream_handler.call.session import StreamSession
from stream_handler.observers import ObservedSession
from stream_handler.record.flight_record import (
    Flight,
    FlightRecord,
    UnreadableFlight,
    read_flight,
)
from stream_handler.record.flight_replay import replay
from tests.ringdown.samples import a_call
from tests.stream_handler.call.stage import SILENT_FRAME, WORDS, Stage


class Recorded:
    """A session and its flight record."""

    def __init__(self, session: StreamSession | None = None, *, most: int = 1_000_000) -> None:
        call = a_call()
        self._record = FlightRecord(call, (), most=most)
        self._session = ObservedSession(session or StreamSession(call, WORDS, ()), self._record)
        self.handle = self._session.handle
        self.record = self._record.record

    def flight(self) -> Flight:
        return read_flight(self.record())


def events_in(recorded: Recorded | FlightRecord) -> list[Event]:
    return [happened.event for happened in read_flight(recorded.record()).happened]


def digits_in(stage: Stage) -> str:
    events = events_in(stage.flight)
    return "".join(event.digit for event in events if isinstance(event, DtmfReceived))


def test_sound_is_kept_as_time_length_and_level_and_no_sample_of_it() -> None:
    recorded = Recorded()
    recorded.handle(CallerAudio(20.125, b"\x07" * 640, -31.5))
    recorded.handle(ModelAudio(60.0, b"\x08" * 70_000))

    caller, model = events_in(recorded)

    assert isinstance(caller, CallerAudio)
    assert (caller.at_ms, len(caller.pcm), caller.level_dbfs) == (20.125, 640, -31.5)
    assert isinstance(model, ModelAudio)
    assert (model.at_ms, len(model.mulaw)) == (60.0, 70_000)


def test_times_far_apart_and_times_that_go_back_are_kept() -> None:
    recorded = Recorded()
    times = [0.0, 3_600_000.125, 3_599_999.0, 5.0]
    for at_ms in times:
        recorded.handle(CallerAudio(at_ms, SILENT_FRAME, -60.0))
    assert [event.at_ms for event in events_in(recorded)] == times


def test_which_digits_were_typed_is_not_kept() -> None:
    stage = Stage().greeted()
    stage.types("0")
    stage.pass_ms(3_000)
    stage.types("4075")
    stage.collect("c1", length=4, secret=False)
    stage.types("0987")
    stage.types("60#")
    assert digits_in(stage) == "0" + "1111" + "1111" + "11#"


def test_what_is_said_while_a_secret_is_typed_is_not_kept() -> None:
    stage = Stage().greeted()
    stage.collect("c1", length=4, secret=True)
    stage.caller_text("it is swordfish")
    assert "swordfish" not in str(events_in(stage.flight))
    stage.types("1234")
    stage.caller_text("thank you")
    said = [e.text for e in events_in(stage.flight) if isinstance(e, TranscriptReceived)]
    assert said[-2:] == ["", "thank you"]


def test_a_record_ends_when_it_is_long_enough_and_the_call_goes_on() -> None:
    recorded = Recorded(most=4_000)
    recorded.handle(StreamStarted(0.0))
    recorded.handle(ModelConnected(100.0))
    sent = [recorded.handle(CallerAudio(n * 20.0, SILENT_FRAME, -60.0)) for n in range(3_000)]
    flight = read_flight(recorded.record())
    assert 4_000 < len(recorded.record()) < 10_000
    assert 500 < len(flight.happened) < 3_000
    assert flight.head.truncated
    assert flight.happened[0].event == StreamStarted(0.0)
    assert all(len(actions) == 1 for actions in sent[1:])


class _Broken(StreamSession):
    def handle(self, event: Event) -> tuple[()]:
        raise ZeroDivisionError


def test_the_event_that_breaks_the_core_is_the_last_of_the_record() -> None:
    recorded = Recorded(_Broken(a_call(), WORDS, ()))
    event = ToolCallRequested(7.0, "t1", "lookup_account", {"account": 1})
    with pytest.raises(ZeroDivisionError):
        recorded.handle(event)
    assert events_in(recorded) == [event]


PARCEL = 9400111899223197428490


@pytest.mark.parametrize(
    "event",
    [
        TranscriptReceived(5.0, Speaker.AGENT, "Grüß Gott 🙂"),
        ToolCallRequested(60.0, "t1", "lookup_account", {"parcel": PARCEL, "n": [1.5, None, True]}),
        ToolCallFinished(60.0, "t1", ToolAnswer(output={"parcel": -PARCEL}), certain=False),
        UsageReported(60.0, Usage(reports=1, prompt={"TEXT": 2**65}, response={})),
    ],
    ids=["words", "a call", "a result", "a count"],
)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    recorded = Recorded()
    recorded.handle(event)
    assert events_in(recorded) == [event]
    assert not recorded.flight().head.truncated


_HALF_A_PAIR = "\ud83d"

UNNOTABLE: dict[str, Event] = {
    "the agent's words": TranscriptReceived(60.0, Speaker.AGENT, _HALF_A_PAIR),
    "the caller's words": TranscriptReceived(60.0, Speaker.CALLER, _HALF_A_PAIR),
    "an argument": ToolCallRequested(60.0, "t1", "lookup_account", {"name": _HALF_A_PAIR}),
    "a tool's name": ToolCallRequested(60.0, "t1", _HALF_A_PAIR, {}),
    "a call's id": ToolCallRequested(60.0, _HALF_A_PAIR, "lookup_account", {}),
    "a handle": ResumptionUpdated(60.0, _HALF_A_PAIR),
    "why a session was lost": ModelDisconnected(60.0, _HALF_A_PAIR),
    "a mark": MarkReceived(60.0, _HALF_A_PAIR),
}


@pytest.mark.parametrize("event", UNNOTABLE.values(), ids=UNNOTABLE.keys())
def test_an_event_that_cannot_be_noted_ends_the_record_and_not_the_call(
    event: Event, caplog: pytest.LogCaptureFixture
) -> None:
    call = a_call()
    alone, recorded = StreamSession(call, WORDS, ()), Recorded()
    before: list[Event] = [StreamStarted(0.0), ModelConnected(40.0)]
    after: list[Event] = [CallerAudio(80.0, SILENT_FRAME, -60.0), event, StreamStopped(100.0)]

    for given in (*before, event, *after):
        assert recorded.handle(given) == alone.handle(given)

    flight = read_flight(recorded.record())
    assert [happened.event for happened in flight.happened] == before
    assert flight.head.truncated
    assert not [step for step in replay(flight, WORDS) if step.differs]
    assert [record.getMessage() for record in caplog.records] == ["flight record stopped"]


def test_a_decision_that_cannot_be_noted_takes_its_event_with_it() -> None:
    class _Starts(StreamSession):
        def handle(self, event: Event) -> tuple[Action, ...]:
            return (SendMark("m1"), SendToolResponse(_HALF_A_PAIR, "f", ToolAnswer(output={})))

    recorded = Recorded(_Starts(a_call(), WORDS, ()))

    assert len(recorded.handle(StreamStarted(0.0))) == 2

    flight = read_flight(recorded.record())
    assert (flight.happened, flight.head.truncated) == ((), True)


class _BrokenFlightStore:
    async def keep_flight(self, call_sid: str, parts: tuple[FlightPart, ...]) -> None:
        raise ZeroDivisionError

    async def read_flights(self, call_sid: str) -> tuple[FlightPart, ...]:
        raise NotImplementedError


async def test_a_record_that_cannot_be_kept_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    unwritable = msgspec.structs.replace(a_call(), caller=_HALF_A_PAIR)
    for call in (a_call(), unwritable):
        await FlightRecord(call, (), _BrokenFlightStore()).on_end()

    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["flight record not written"] * 2


def _with(**fields: object) -> bytes:
    record = msgspec.msgpack.decode(Recorded().record())
    return msgspec.msgpack.encode({**record, **fields})


def _packed(*entries: object) -> list[bytes]:
    return [zlib.compress(msgspec.msgpack.encode(entries))]


_ANSWER = ("answer", 0, 0, 0, ())
_OF_FORMAT_1 = b"\x02\0\0\0\x81\xa0\x00\x01\x00\x01\x00"


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (_with(entries=_packed(("never heard of", 1))), "Invalid value"),
        (_with(entries=_packed(("event", "X", b"{}"))), "KeyError: 'X'"),
        (_with(entries=_packed(("event", "StreamStarted", b"{}"))), "at_ms"),
        (_with(entries=_packed(_ANSWER)), "an answer without an event"),
        (_with(entries=[b"not packed"]), "incorrect header"),
        (_with(head={}), "missing required field"),
        (_with(format=2), "it has format 2, and this version reads 3"),
        (Recorded().record()[:-1], "truncated"),
        (b"\x09", "Expected"),
        (b"", "truncated"),
        (_OF_FORMAT_1, "it was made by an older version"),
    ],
    ids=range(11),
)
def test_a_record_that_cannot_be_read_says_why(record: bytes, why: str) -> None:
    with pytest.raises(UnreadableFlight, match=why):
        read_flight(record)


def test_a_long_frame_is_kept_like_any_other() -> None:
    recorded = Recorded()
    recorded.handle(CallerAudio(20.0, bytes(65_536), float("-inf")))
    [event] = events_in(recorded)
    assert event == CallerAudio(20.0, b"\xff" * 65_536, float("-inf"))
