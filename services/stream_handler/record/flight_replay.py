"""Replays a flight record through the current core."""

from collections.abc import Iterator
from dataclasses import dataclass

from stream_handler.call.actions import Action, PlayAudio, SendMark, SendModelAudio
from stream_handler.call.events import Event
from stream_handler.call.limits import Words
from stream_handler.call.session import StreamSession
from stream_handler.record.flight_record import Answer, Flight, outline


@dataclass(frozen=True, slots=True)
class Step:
    """An event and the core's decisions about it."""

    event: Event
    actions: tuple[Action, ...]
    answer: Answer
    """The current core's answer; it has no decisions if the core only passed sound on."""
    recorded: Answer | None

    @property
    def differs(self) -> bool:
        """Whether the recorded decisions differ from today's.

        How much sound was passed on is compared only at events with other decisions.
        """
        if self.recorded is None:
            return bool(self.answer.decisions)
        return self.recorded != self.answer


def replay(flight: Flight, words: Words) -> Iterator[Step]:
    """Yield every step in order. Raises whatever the current core raises."""
    head = flight.head
    session = StreamSession(head.call, words, head.history, head.tool_calls)
    to_model_bytes = played_bytes = marks = 0
    for happened in flight.happened:
        actions = session.handle(happened.event)
        decisions: list[str] = []
        for action in actions:
            match action:
                case SendModelAudio(pcm):
                    to_model_bytes += len(pcm)
                case PlayAudio(mulaw):
                    played_bytes += len(mulaw)
                case SendMark():
                    marks += 1
                case _:
                    decisions.append(outline(action))
        answer = Answer(to_model_bytes, played_bytes, marks, tuple(decisions))
        yield Step(happened.event, actions, answer, happened.answer)
