"""Keeps what is being said until the record has it. The record gets a turn only when it ends."""

from dataclasses import dataclass, field

from devtools.model_wire import Cut, Words
from ringdown.calls import Speaker, Turn


@dataclass(slots=True)
class LiveWords:
    _open: dict[Speaker, str] = field(default_factory=lambda: dict.fromkeys(Speaker, ""))
    """The words of the current turns."""
    _cut_at: int = 0
    """How many of the agent's characters came before the caller's interruption."""
    _recorded: dict[int, str] = field(default_factory=dict)
    """The text of each turn in the record."""

    def text(self, who: Speaker) -> str:
        """Return what `who` has said that isn't in a turn yet."""
        return " ".join(self._open[who].split())

    def lose(self) -> tuple[tuple[Speaker, str], ...]:
        """Remove and return the words that the record will never have, because the handler is
        gone."""
        lost = tuple((who, text) for who in self._open if (text := self.text(who)))
        self._open, self._cut_at = dict.fromkeys(Speaker, ""), 0
        return lost

    def hear(self, heard: Words | Cut) -> tuple[Speaker, ...]:
        """Add words, or remember an interruption. Returns the speakers whose words changed."""
        match heard:
            case Words(who, text):
                self._open[who] += text
                return (who,)
            case Cut():
                self._cut_at = len(self._open[Speaker.AGENT])
                return ()

    def record(self, turn: Turn) -> tuple[Speaker, ...]:
        """Remove the words of `turn`, which is in the record now. It may come again, with more
        text. Returns the speakers whose words changed."""
        known = self._recorded.get(turn.n, "")
        self._recorded[turn.n] = turn.text
        who, before = turn.speaker, self.text(turn.speaker)
        if turn.interrupted and who is Speaker.AGENT and self._cut_at:
            self._open[who], self._cut_at = self._open[who][self._cut_at :], 0
        else:
            self._drop_through(who, turn.text.removeprefix(known).strip())
        return (who,) if self.text(who) != before else ()

    def _drop_through(self, who: Speaker, said: str) -> None:
        """Drop `said` and the words before it, which were never heard, or the record would have
        them."""
        text = self.text(who)
        at = text.find(said)
        if said and at >= 0:
            self._open[who] = text[at + len(said) :] + " "
            self._cut_at = max(self._cut_at - at - len(said), 0)
