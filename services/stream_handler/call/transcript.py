"""Who said what, when, and how much of it was heard.

A caller's turn opens with their voice (or its first transcript) and closes when the agent answers:
caller transcripts don't say when they are complete, and may still come late. An agent's turn is one
reply of the model; it closes when its audio has been played or cleared.
"""

import itertools
from collections import deque
from dataclasses import dataclass

from ringdown.calls import Speaker, Turn

_LATE_TEXT_MS = 8_000.0  # transcripts usually trail the voice by two seconds, sometimes by six
_LATE_TEXT_UNHEARD_MS = 1_500.0  # caller too soft for our detector: later text is their next turn
_ONE_TEXT_MS = 500.0  # the parts of a transcript follow each other closely
_EARLY_TEXT_MS = 1_000.0  # how far the text of a reply may run ahead of its sound
_SURELY_SPEECH_MS = 600.0  # longer than a cough or a door, as short as a "hello?"
_MOST_BACKCHANNEL_WORDS = 2  # "okay", "mm-hm", "I see"
_ONE_MATTER_MS = 6_000.0  # after a longer silence the caller starts a new matter
_FEWEST_REPEATED_WORDS = 3
_REMEMBERED = 60  # turns; earlier ones rarely matter to what comes next


@dataclass(frozen=True, slots=True)
class Said:
    """A turn, as it appears in a model session's history."""

    start_ms: float
    speaker: Speaker
    text: str


@dataclass(slots=True)
class _CallerTurn:
    start_ms: float
    end_ms: float
    text: str = ""
    n: int | None = None
    """Assigned when the turn is first saved, so that empty turns leave no gap."""
    earlier_text: str = ""
    """Text from a session that is gone. The next session hears the turn again."""

    was_heard: bool = True
    """Whether our detector heard it. If not, its text is all there is."""

    # What it asks for
    over_agent: bool = False
    """All of it was spoken while the agent could be heard, and the agent kept speaking."""
    has_words: bool = False
    """Whether it has words that ask for a reply."""
    spoken_ms: float = 0.0
    """Length of the speech that asks for a reply, with or without words."""
    waits_since_ms: float | None = None


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
    """All of its text has arrived too."""
    end_ms: float = 0.0
    n: int | None = None


class Transcript:
    """The transcript so far. Methods return the turns to save."""

    def __init__(self, history: tuple[Turn, ...] = (), *, handed_over: bool = False) -> None:
        """`history`: turns from earlier streams; `handed_over`: this stream follows directly on the
        last of them, which was the agent's."""
        self._made = max((turn.n for turn in history), default=0)
        self._saved = {turn.n: turn for turn in history[-_REMEMBERED:]}
        self._caller: _CallerTurn | None = None
        self._answered: _CallerTurn | None = None
        self._agent: deque[_AgentTurn] = deque()
        self._heard: _AgentTurn | None = None
        """The last turn heard to its end, as long as text for it may still come."""
        self._early_text = ""
        """Text for a reply whose sound hasn't come yet, or late words of the previous one."""
        self._early_text_ms = 0.0
        self._inaudible = False
        """Whether the current reply has no sound so far."""
        self._dropped = False
        """Whether text that comes now belongs to a reply that the model dropped."""
        self._sent_ms = 0.0
        """When the caller last sent something from their phone."""
        self._late_text_ms = 0.0
        """When text for the caller's previous turn last came."""
        self.agent_spoke_last = handed_over
        """Whether the agent has spoken since the caller last started to."""
        self.agent_has_spoken = handed_over
        self.last_agent_text = history[-1].text if handed_over else ""
        """What the caller last heard the agent say."""

    def since(self, from_ms: float, *, with_unanswered: bool) -> tuple[Said, ...]:
        """Return what was said since `from_ms`; what is still playing counts as heard.

        Replies count from their start and callers' turns from their end: a reply is known from the
        start, but what a caller says only once they have said it.
        """
        said = [
            Said(turn.start_ms, turn.speaker, turn.text)
            for turn in self._saved.values()
            if (turn.end_ms if turn.speaker is Speaker.CALLER else turn.start_ms) > from_ms
        ]
        said += [
            Said(turn.start_ms, Speaker.AGENT, _tidy(turn.text))
            for turn in self._agent
            if turn.start_ms > from_ms
        ]
        if with_unanswered and self._caller is not None:
            said.append(Said(self._caller.start_ms, Speaker.CALLER, _tidy(self._caller.text)))
        return tuple(one for one in said if one.text)

    # The caller

    @property
    def repetitions(self) -> int:
        """How many of the caller's latest turns are identical; 0 if they are under three words."""
        said = [turn.text for turn in self._saved.values() if turn.speaker is Speaker.CALLER]
        if not said or len(said[-1].split()) < _FEWEST_REPEATED_WORDS:
            return 0
        alike = itertools.takewhile(lambda text: text == said[-1], reversed(said))
        return len(list(alike))

    @property
    def caller_since_ms(self) -> float | None:
        """When the caller's unanswered turn began; None if everything they said was answered."""
        return None if self._caller is None else self._caller.start_ms

    @property
    def caller_waits(self) -> bool:
        """Whether the caller has said something that asks for a reply and has had none.

        Words do, and so does clear speech, because the model may be deaf to it. Speech over the
        agent doesn't, as long as the agent keeps speaking and it may be an "okay".
        """
        turn = self._caller
        return turn is not None and (turn.has_words or turn.spoken_ms >= _SURELY_SPEECH_MS)

    @property
    def waits_since_ms(self) -> float | None:
        """When we first knew that the caller's open turn asks for a reply."""
        return None if self._caller is None else self._caller.waits_since_ms

    @property
    def caller_text_so_far(self) -> str:
        """The caller's words that have no reply yet."""
        return "" if self._caller is None else _tidy(self._caller.text)

    def caller_is_heard_again(self) -> None:
        """Clear the open turn's text: another session hears the turn again and transcribes it."""
        if self._caller is not None:
            self._caller.earlier_text = self._caller.text or self._caller.earlier_text
            self._caller.text = ""

    def reopen_caller(self) -> None:
        """Reopen the caller's turn: its reply was lost and its words are unknown."""
        if self._caller is None and self._answered is not None:
            self._caller, self._answered = self._answered, None
            self.agent_spoke_last = False

    @property
    def answered_before_transcript(self) -> bool:
        """Whether the caller's latest turn was answered before its text arrived."""
        return self._answered is not None and not self._answered.text.strip()

    def caller_speech_started(self, onset_ms: float, *, over_agent: bool = False) -> None:
        self.agent_spoke_last = False
        if self._caller is None:
            self._caller = _CallerTurn(onset_ms, onset_ms, over_agent=over_agent)
            return
        if onset_ms - self._caller.end_ms > _ONE_MATTER_MS:
            self._caller.waits_since_ms = None
            if not (self._caller.text or self._caller.earlier_text).strip():
                self._caller.start_ms = onset_ms
        self._caller.was_heard = True

    def caller_speech_stopped(self, at_ms: float, end_ms: float, asking_ms: float) -> None:
        """Note at `at_ms` that an utterance ended, of which `asking_ms` asks for a reply."""
        turn = self._caller
        if turn is None:
            return
        turn.end_ms = max(turn.end_ms, end_ms)
        if asking_ms > 0:
            turn.over_agent = False
            turn.spoken_ms += asking_ms
            self._note_words(turn, at_ms)

    def _note_words(self, turn: _CallerTurn, at_ms: float) -> None:
        words = len(turn.text.split())
        turn.has_words |= words > (_MOST_BACKCHANNEL_WORDS if turn.over_agent else 0)
        if turn.waits_since_ms is None and (turn.has_words or turn.spoken_ms > 0):
            turn.waits_since_ms = at_ms

    def caller_text(self, text: str, at_ms: float) -> tuple[Turn, ...]:
        """Add text to the open turn, or to the previous one if they haven't spoken since its reply.

        Text that comes much later is new speech, too soft for voice activity detection.
        """
        answered = self._answered
        if answered is not None and self._may_be_late(at_ms):
            late_ms = _LATE_TEXT_MS if answered.was_heard else _LATE_TEXT_UNHEARD_MS
            if at_ms - answered.end_ms <= late_ms:
                answered.text += text
                self._late_text_ms = at_ms
                return self._save_caller(answered)
        if self._caller is None:
            self.agent_spoke_last = False
            self._caller = _CallerTurn(at_ms, at_ms, was_heard=False)
        self._caller.text += text
        if not self._caller.was_heard:
            self._caller.end_ms = at_ms
            if self._agent:  # late text of the turn being answered, or an "okay"
                return ()
        self._note_words(self._caller, at_ms)
        return ()

    def _may_be_late(self, at_ms: float) -> bool:
        """Whether text that comes now may belong to the caller's previous turn.

        It may if they haven't spoken since, or if that turn had no text when its reply began and
        they have only said a word over the reply.
        """
        if self._caller is None:
            return True
        goes_on = self.answered_before_transcript or at_ms - self._late_text_ms < _ONE_TEXT_MS
        return goes_on and self._caller.over_agent and bool(self._agent)

    def caller_sent(self, text: str, at_ms: float, *, upload: int) -> tuple[Turn, ...]:
        """Add a separate turn for something that the caller sent from their phone."""
        self.agent_spoke_last = False
        self._sent_ms = at_ms
        n, ms = self._number(), round(at_ms)
        return self._keep(
            Turn(
                n=n,
                speaker=Speaker.CALLER,
                text=_tidy(text),
                start_ms=ms,
                end_ms=ms,
                upload=upload,
            )
        )

    # The agent

    def agent_text(self, text: str, at_ms: float) -> tuple[Turn, ...]:
        """Add to what the agent says; text may run ahead of its audio, or trail behind it."""
        if self._agent and not self._agent[-1].over:
            self._agent[-1].text += text
        elif not self._agent and self._heard is not None and not self._heard.over:
            self._heard.text += text
            return self._save_agent(self._heard, self._heard.last_position, None)
        else:
            self._early_text += text
            self._early_text_ms = at_ms
        return ()

    def _late_text(self, at_ms: float) -> tuple[Turn, ...]:
        """Add what was taken for early text to the previous reply, if no sound has come with it."""
        is_early = self._inaudible or at_ms - self._early_text_ms < _EARLY_TEXT_MS
        if not self._early_text or is_early:
            return ()
        turn = self._agent[-1] if self._agent else self._heard
        text, self._early_text = self._early_text, ""
        if turn is None or self._dropped:
            return ()
        turn.text += text
        if turn is not self._heard:
            return ()
        return self._save_agent(turn, turn.last_position, None)

    def agent_inaudible(self, at_ms: float) -> tuple[Turn, ...]:
        """Note that the current reply is silent: its words belong to no other reply."""
        saved = self._late_text(at_ms)
        self._inaudible = True
        return saved

    def agent_audio(
        self, at_ms: float, position: int, length: int, last_voiced_ms: float | None
    ) -> tuple[Turn, ...]:
        """Note that `length` bytes of the agent's speech are sent, starting at `position`.

        `last_voiced_ms` is when the caller was last heard; from it follows the reply time, if the
        turn answers them.
        """
        saved: tuple[Turn, ...] = ()
        if not self._agent or self._agent[-1].complete:
            is_reply = self._caller is not None and self._caller.was_heard
            reply_ms = at_ms - last_voiced_ms if is_reply and last_voiced_ms is not None else None
            saved = (*self._late_text(at_ms), *self._answer_caller(last_voiced_ms))
            self._heard = None
            self._inaudible = self._dropped = False
            self._agent.append(_AgentTurn(at_ms, position, position, reply_ms, self._early_text))
            self._early_text = ""
        self._agent[-1].last_position = position + length
        self.agent_spoke_last = self.agent_has_spoken = True
        return saved

    def agent_complete(self) -> None:
        """Note that the model has sent all the audio of its reply."""
        if self._agent:
            self._agent[-1].complete = True

    def agent_turn_over(self) -> None:
        """End the model's turn: text from now on belongs to the next, if sound follows."""
        self._early_text = ""
        self._inaudible = False
        if self._heard is not None:
            self._heard.over = True
        if self._agent:
            self._agent[-1].over = True

    def agent_dropped(self) -> None:
        """End a dropped reply. What was sent keeps playing; later text isn't part of it."""
        self.agent_complete()
        self.agent_turn_over()
        self._dropped = True

    def agent_heard(self, at_ms: float, heard_to: int) -> tuple[Turn, ...]:
        """Close the complete turns that were played to their end."""
        closed = list(self._late_text(at_ms))
        while self._agent and self._agent[0].complete and self._agent[0].last_position <= heard_to:
            turn = self._agent.popleft()
            turn.end_ms = at_ms
            self._heard = turn
            closed.extend(self._save_agent(turn, heard_to, None))
        return tuple(closed)

    def agent_interrupted(
        self, at_ms: float, heard_to: int, onset_ms: float | None
    ) -> tuple[Turn, ...]:
        """Close every open turn, keeping the part that was heard.

        `onset_ms` is when the caller began to say what may have caused the interruption.
        """
        turns = list(self._late_text(at_ms))
        for turn in self._agent:
            turn.end_ms = at_ms
            barge_in_ms = None
            if onset_ms is not None and onset_ms > turn.start_ms:
                barge_in_ms = at_ms - onset_ms
            turns.extend(self._save_agent(turn, heard_to, barge_in_ms))
        self._agent.clear()
        self._heard = None
        self._early_text = ""
        # Some audio may have come between the caller's first word and the interruption.
        self.agent_spoke_last = False
        return tuple(turns)

    def close(self, at_ms: float, heard_to: int, last_voiced_ms: float | None) -> tuple[Turn, ...]:
        """Close all open turns, because the stream has ended."""
        agent = self.agent_interrupted(at_ms, heard_to, None)
        return (*agent, *self._answer_caller(last_voiced_ms))

    @property
    def latest_agent_text(self) -> str:
        """What the agent said last, whether or not it has been played."""
        return _tidy(self._agent[-1].text) if self._agent else self.last_agent_text

    def _answer_caller(self, last_voiced_ms: float | None) -> tuple[Turn, ...]:
        """Close the caller's open turn, but keep it: the rest of its text may come late."""
        turn, self._caller = self._caller, None
        if turn is None:
            return ()
        turn.end_ms = max(turn.end_ms, last_voiced_ms or 0.0)
        self._answered = turn
        return self._save_caller(turn)

    def _save_caller(self, turn: _CallerTurn) -> tuple[Turn, ...]:
        turn.text = turn.text if turn.text.strip() else turn.earlier_text
        text = _tidy(turn.text)
        if not text:
            return ()
        if turn.n is None:
            turn.n = self._number()
            turn.start_ms = max(turn.start_ms, self._sent_ms)  # keeps turns in order
            turn.end_ms = max(turn.end_ms, turn.start_ms)
        return self._keep(
            Turn(
                n=turn.n,
                speaker=Speaker.CALLER,
                text=text,
                start_ms=round(turn.start_ms),
                end_ms=round(turn.end_ms),
            )
        )

    def _save_agent(
        self, turn: _AgentTurn, heard_to: int, barge_in_ms: float | None
    ) -> tuple[Turn, ...]:
        """Save the turn up to position `heard_to`, or nothing if none of it was heard."""
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
        return self._keep(
            Turn(
                n=turn.n,
                speaker=Speaker.AGENT,
                text=text,
                start_ms=round(turn.start_ms),
                end_ms=round(turn.end_ms),
                interrupted=interrupted,
                reply_ms=None if turn.reply_ms is None else round(turn.reply_ms),
                barge_in_ms=None if cut_ms is None else round(cut_ms),
            )
        )

    def _keep(self, turn: Turn) -> tuple[Turn, ...]:
        self._saved[turn.n] = turn
        if len(self._saved) > _REMEMBERED:
            del self._saved[min(self._saved)]
        return (turn,)

    def _number(self) -> int:
        self._made += 1
        return self._made


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _heard_part(text: str, fraction: float) -> str:
    """Return the words in the heard `fraction` of the audio, assuming an even pace."""
    words = text.split()
    return " ".join(words[: round(len(words) * fraction)])
