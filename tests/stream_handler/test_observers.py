"""Observers see what happens, and can't disturb the session."""

import pytest

from stream_handler.call.actions import Action
from stream_handler.call.events import CallerAudio, DtmfReceived, Event, StreamStarted
from stream_handler.call.session import StreamSession
from stream_handler.observers import CallObserver, ObservedSession
from tests.ringdown.samples import a_call
from tests.stream_handler.call.stage import SILENT_FRAME, WORDS, Stage

FRAME = CallerAudio(20.0, SILENT_FRAME, -60.0)


class Watching:
    def __init__(self, *, raising: bool = False) -> None:
        self.seen: list[tuple[Event, tuple[Action, ...]]] = []
        self.ended = 0
        self._raising = raising

    def on_event(self, event: Event, actions: tuple[Action, ...]) -> None:
        self.seen.append((event, actions))
        if self._raising:
            raise ZeroDivisionError

    async def on_end(self) -> None:
        self.ended += 1
        if self._raising:
            raise ZeroDivisionError


def observed(*observers: CallObserver) -> ObservedSession:
    return ObservedSession(StreamSession(a_call(), WORDS), *observers)


def test_an_observer_sees_each_event_with_what_the_core_decides() -> None:
    watching, alone = Watching(), StreamSession(a_call(), WORDS)
    session = observed(watching)
    for event in (StreamStarted(0.0), FRAME):
        assert session.handle(event) == alone.handle(event)
    again = StreamSession(a_call(), WORDS)
    assert watching.seen == [(event, again.handle(event)) for event, _ in watching.seen]


async def test_an_observer_that_raises_is_left_out_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, watching = Watching(raising=True), Watching()
    session = observed(broken, watching)
    for event in (StreamStarted(0.0), FRAME, FRAME):
        session.handle(event)
    assert (len(broken.seen), len(watching.seen)) == (1, 3)
    assert [record.getMessage() for record in caplog.records] == ["observer failed"]

    await session.end()
    assert (broken.ended, watching.ended) == (1, 1)


class _BrokenCore(StreamSession):
    def handle(self, event: Event) -> tuple[Action, ...]:
        raise ZeroDivisionError


def test_the_event_that_breaks_the_core_is_seen() -> None:
    watching = Watching()
    session = ObservedSession(_BrokenCore(a_call(), WORDS), watching)
    with pytest.raises(ZeroDivisionError):
        session.handle(FRAME)
    assert watching.seen == [(FRAME, ())]


def test_an_observer_does_not_see_a_secret() -> None:
    watching = Watching()
    stage = Stage()
    stage.session = ObservedSession(StreamSession(stage.call, WORDS), watching)
    stage.greeted()
    stage.collect("c1", length=4, secret=True)
    stage.types("1234")
    seen = [event.digit for event, _ in watching.seen if isinstance(event, DtmfReceived)]
    assert len(seen) == 4
    assert len(set(seen)) == 1
