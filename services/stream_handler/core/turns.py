"""Who said what, when, and how much of it was heard.

A caller's turn opens with their voice (or the first of its transcript) and closes when the agent
answers: transcripts of the caller carry no sign that they are complete, and may still come late.
An agent's turn is one reply of the model; it closes when its audio has been played or cleared.
"""

from collections import deque
from dataclasses import dataclass

from ringdown.calls import Speaker, Turn

_LATE_TEXT_MS = 3_000.0  # transcripts trail the voice by up to two seconds


@dataclass(slots=True)
class _CallerTurn:
    start_ms: float
    end_ms: float
    text: str = ""
    n: int | None = None
    """Given when the turn is first saved, so that empty turns leave no gap."""


@dataclass(slots=True)
class _AgentTurn:
    start_ms: float
    first_position: int
    last_position: int
    reply_ms: float | None
    text: str
    complete: bool = False
    """All of its audio has been sent."""
    over: bool = False
    """All of its text has come, too."""
    end_ms: float = 0.0
    n: int | None = None


class Turns:
    """The transcript in the making. Methods return the turns that are to be saved."""

    def __init__(self, turns_before: int = 0) -> None:
        self._made = turns_before
        self._caller: _CallerTurn | None = None
        self._answered: _CallerTurn | None = None
        self._agent: deque[_AgentTurn] = deque()
        self._heard: _AgentTurn | None = None
        """The turn last heard out, while text of it may still come."""
        self._early_text = ""
        self.agent_spoke_last = False
        """Whether the agent has spoken since the caller last began to."""
        self.agent_has_spoken = False
        self.last_agent_text = ""
        """What the caller last heard the agent say."""

    # The caller

    def caller_speech_started(self, onset_ms: float) -> None:
        self.agent_spoke_last = False
        if self._caller is None:
            self._caller = _CallerTurn(onset_ms, onset_ms)

    def caller_speech_stopped(self, end_ms: float) -> None:
        if self._caller is not None:
            self._caller.end_ms = max(self._caller.end_ms, end_ms)

    def caller_text(self, text: str, at_ms: float) -> tuple[Turn, ...]:
        """Add to what the caller said; a late fragment amends the turn that was answered.

        Later than that, it is new speech that was too soft for the voice activity to notice.
        """
        answered = self._answered
        if self._caller is None and answered is not None:
            if at_ms - answered.end_ms <= _LATE_TEXT_MS:
                answered.text += text
                return self._save_caller(answered)
            self.caller_speech_started(at_ms)
        if self._caller is None:
            self._caller = _CallerTurn(at_ms, at_ms)
        self._caller.text += text
        return ()

    # The agent

    def agent_text(self, text: str) -> tuple[Turn, ...]:
        """Add to what the agent says; text may run ahead of its audio, or trail behind it."""
        if self._agent and not self._agent[-1].over:
            self._agent[-1].text += text
        elif not self._agent and self._heard is not None:
            self._heard.text += text
            return self._save_agent(self._heard, self._heard.last_position, None)
        else:
            self._early_text += text
        return ()

    def agent_audio(
        self, at_ms: float, position: int, length: int, last_voiced_ms: float | None
    ) -> tuple[Turn, ...]:
        """`length` bytes of the agent's speech are sent from `position` on.

        `last_voiced_ms` is when the caller was last heard; it makes the reply time of a turn
        that answers them.
        """
        saved: tuple[Turn, ...] = ()
        if not self._agent or self._agent[-1].complete:
            saved = self._answer_caller(last_voiced_ms)
            reply_ms = None
            if not self.agent_spoke_last and last_voiced_ms is not None:
                reply_ms = at_ms - last_voiced_ms
            self._agent.append(_AgentTurn(at_ms, position, position, reply_ms, self._early_text))
            self._early_text = ""
        self._agent[-1].last_position = position + length
        self.agent_spoke_last = self.agent_has_spoken = True
        return saved

    def agent_complete(self) -> None:
        """The model has sent all the audio of its reply."""
        if self._agent:
            self._agent[-1].complete = True

    def agent_turn_over(self) -> None:
        """The model's turn is over: text that comes now belongs to the next."""
        self._early_text = ""
        self._heard = None
        if self._agent:
            self._agent[-1].over = True

    def agent_heard(self, at_ms: float, heard_to: int) -> tuple[Turn, ...]:
        """Close the complete turns that were played to their end."""
        closed: list[Turn] = []
        while self._agent and self._agent[0].complete and self._agent[0].last_position <= heard_to:
            turn = self._agent.popleft()
            turn.end_ms = at_ms
            self._heard = None if turn.over else turn
            closed.extend(self._save_agent(turn, heard_to, None))
        return tuple(closed)

    def agent_interrupted(
        self, at_ms: float, heard_to: int, barge_in_ms: float | None
    ) -> tuple[Turn, ...]:
        """Close every open turn with the part of it that was heard."""
        turns: list[Turn] = []
        for turn in self._agent:
            turn.end_ms = at_ms
            turns.extend(self._save_agent(turn, heard_to, barge_in_ms))
        self._agent.clear()
        self._heard = None
        self._early_text = ""
        # Some audio may have come between the caller's first word and the interruption.
        self.agent_spoke_last = False
        return tuple(turns)

    def close(self, at_ms: float, heard_to: int, last_voiced_ms: float | None) -> tuple[Turn, ...]:
        """The stream has ended: close whatever is open."""
        agent = self.agent_interrupted(at_ms, heard_to, None)
        return (*agent, *self._answer_caller(last_voiced_ms))

    def _answer_caller(self, last_voiced_ms: float | None) -> tuple[Turn, ...]:
        """Close the caller's open turn; keep it, for the rest of its text may come late."""
        turn, self._caller = self._caller, None
        if turn is None:
            return ()
        turn.end_ms = max(turn.end_ms, last_voiced_ms or 0.0)
        self._answered = turn
        return self._save_caller(turn)

    def _save_caller(self, turn: _CallerTurn) -> tuple[Turn, ...]:
        text = _tidy(turn.text)
        if not text:
            return ()
        if turn.n is None:
            turn.n = self._number()
        return (
            Turn(
                n=turn.n,
                speaker=Speaker.CALLER,
                text=text,
                start_ms=round(turn.start_ms),
                end_ms=round(turn.end_ms),
            ),
        )

    def _save_agent(
        self, turn: _AgentTurn, heard_to: int, barge_in_ms: float | None
    ) -> tuple[Turn, ...]:
        """The turn as far as position `heard_to`; nothing if nothing of it was heard."""
        length = turn.last_position - turn.first_position
        heard = min(max(heard_to - turn.first_position, 0), length)
        if heard == 0:
            return ()
        interrupted = heard < length or not turn.complete
        cut_ms = barge_in_ms if interrupted else None
        if turn.n is None:
            turn.n = self._number()
        text = _heard_part(turn.text, heard / length) if interrupted else _tidy(turn.text)
        self.last_agent_text = text
        return (
            Turn(
                n=turn.n,
                speaker=Speaker.AGENT,
                text=text,
                start_ms=round(turn.start_ms),
                end_ms=round(turn.end_ms),
                interrupted=interrupted,
                reply_ms=None if turn.reply_ms is None else round(turn.reply_ms),
                barge_in_ms=None if cut_ms is None else round(cut_ms),
            ),
        )

    def _number(self) -> int:
        self._made += 1
        return self._made


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _heard_part(text: str, fraction: float) -> str:
    """The words that go with the heard `fraction` of the audio, at an even pace."""
    words = text.split()
    return " ".join(words[: round(len(words) * fraction)])
