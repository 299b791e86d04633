"""A minimal Twilio: plays what it is sent in real time, echoes marks, obeys `clear`."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import TypeAlias

BYTES_PER_MS = 8


@dataclass(frozen=True, slots=True)
class Media:
    mulaw: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    pass


Message: TypeAlias = Media | Mark | Clear


class Line:
    """The phone line. It counts the audio the caller hears by the value of its bytes."""

    def __init__(self, *, down_ms: float = 0.0, up_ms: float = 0.0) -> None:
        self.down_ms = down_ms
        """How long a message takes from us to Twilio's buffer."""
        self.up_ms = up_ms
        """How long a mark's echo takes to reach us."""
        self.echoing = True
        self.played: Counter[int] = Counter()
        """How many bytes of each value the caller has heard."""
        self._now_ms = 0.0
        self._transit: deque[tuple[float, Message]] = deque()
        self._buffer: deque[Media | Mark] = deque()
        self._echoes: deque[tuple[float, str]] = deque()

    def send(self, message: Message, at_ms: float) -> None:
        self._transit.append((at_ms + self.down_ms, message))
        self._settle(at_ms)

    def advance(self, to_ms: float) -> tuple[str, ...]:
        """Play until `to_ms`, and return the marks whose echoes have reached us by then."""
        self._settle(to_ms)
        echoed = []
        while self._echoes and self._echoes[0][0] <= to_ms:
            echoed.append(self._echoes.popleft()[1])
        return tuple(echoed)

    def _settle(self, to_ms: float) -> None:
        while self._transit and self._transit[0][0] <= to_ms:
            arrived_ms, message = self._transit.popleft()
            self._play(arrived_ms)
            self._arrive(message)
        self._play(to_ms)

    def _arrive(self, message: Message) -> None:
        if not isinstance(message, Clear):
            self._buffer.append(message)
            return
        for waiting in self._buffer:
            if isinstance(waiting, Mark):
                self._echo(waiting.name)
        self._buffer.clear()

    def _play(self, to_ms: float) -> None:
        while self._buffer:
            head = self._buffer.popleft()
            if isinstance(head, Mark):
                self._echo(head.name)
                continue
            room = max(int((to_ms - self._now_ms) * BYTES_PER_MS), 0)
            now, later = head.mulaw[:room], head.mulaw[room:]
            self.played.update(now)
            self._now_ms += len(now) / BYTES_PER_MS
            if later:
                self._buffer.appendleft(Media(later))
                return
        self._now_ms = max(self._now_ms, to_ms)

    def _echo(self, name: str) -> None:
        if self.echoing:
            self._echoes.append((self._now_ms + self.up_ms, name))
