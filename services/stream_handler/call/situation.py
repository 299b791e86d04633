"""Who speaks, who is owed what, what plays and what runs: asked in one place, for everyone.

The questions look alike and differ on purpose; each says where and why.
"""

from dataclasses import dataclass

import msgspec

from ringdown.tools import Waiting
from stream_handler.call.keypad import Keypad
from stream_handler.call.playback import Playback
from stream_handler.call.speech import SpeechDetector
from stream_handler.call.state import CallState, LinkState
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.transcript import Transcript


class Situation(msgspec.Struct, frozen=True, gc=False):
    """A call at one moment."""

    talking: bool
    """The conversation goes on, and no goodbye has been asked for."""
    goodbye_begun: bool
    """The model has begun the goodbye that it asked for."""

    # The caller
    caller_speaks: bool
    caller_waits: bool
    """They have surely said something that has no reply yet."""
    types_secret: bool

    # The agent
    playing: bool
    """The caller has not heard all that was sent."""
    generating: bool
    """A reply has begun whose last audio has not come yet."""
    agent_has_spoken: bool
    agent_spoke_last: bool

    # What is connected, and what runs
    listening: bool
    """A session takes what is sent."""
    reconnecting: bool
    tools_run: bool
    """A function call of the model has no result yet."""
    waiting_with: frozenset[Waiting]
    """What the tools that run say a waiting caller should get."""

    @property
    def nobody_speaks(self) -> bool:
        return not (self.caller_speaks or self.playing or self.generating)

    @property
    def is_silent(self) -> bool:
        """Whether it is up to the caller to speak: this silence is counted.

        While no session listens, the silence is ours.
        """
        return (
            self.talking
            and self.listening
            and self.agent_has_spoken
            and self.nobody_speaks
            and not self.tools_run
        )

    @property
    def is_between_turns(self) -> bool:
        """Whether the call can be handed over with nobody cut off, and no reply owed.

        Unlike a silence it may be so before the first word, and without a session: the next
        handler opens one of its own.
        """
        return (
            self.talking
            and self.nobody_speaks
            and not self.tools_run
            and (self.agent_spoke_last or not self.agent_has_spoken)
        )

    @property
    def session_may_be_left(self) -> bool:
        """Whether the model's session can be replaced with nothing lost.

        What was sent to the caller plays on meanwhile, so `playing` doesn't matter.
        """
        return not (self.caller_speaks or self.generating or self.tools_run or self.caller_waits)

    @property
    def model_may_owe_a_word(self) -> bool:
        """Whether it is the model that is silent. What it owes, the watchdog knows.

        A reply that has begun may break off while some of it still plays.
        """
        return (
            self.talking
            and self.listening
            and self.agent_has_spoken
            and (not self.playing or self.generating)
            and not self.caller_speaks
            and not self.tools_run
        )

    @property
    def caller_waits_in_silence(self) -> bool:
        """Whether a tone or a phrase is due: for a tool, or for a session that is made anew.

        A reply may go on only with the tool's result, so `generating` says nothing. Before the
        agent's first word it rings instead.
        """
        return (
            (self._waits_for_tool if self.listening else self._waits_for_session)
            and self.talking
            and not self.playing
            and not self.caller_speaks
            and not self.types_secret
        )

    @property
    def goodbye_is_heard(self) -> bool:
        """Whether the goodbye has been said and heard to its end.

        The caller may have begun to speak: that is their answer to it.
        """
        return self.goodbye_begun and not self.generating and not self.playing

    @property
    def greeting_is_heard(self) -> bool:
        """Whether the agent has said its first words and nothing of them is left to play."""
        return self.agent_has_spoken and not self.generating and not self.playing

    @property
    def _waits_for_tool(self) -> bool:
        return bool(self.waiting_with - {"nothing"})

    @property
    def _waits_for_session(self) -> bool:
        return self.reconnecting and self.agent_has_spoken


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Takes stock of a call."""

    state: CallState
    transcript: Transcript
    playback: Playback
    speech: SpeechDetector
    ledger: ToolLedger
    keypad: Keypad

    def now(self) -> Situation:
        state, turns = self.state, self.transcript
        link = state.link
        return Situation(
            talking=state.talking,
            goodbye_begun=state.ending.goodbye_begun,
            caller_speaks=self.speech.speaking,
            caller_waits=turns.caller_waits,
            types_secret=self.keypad.hides_the_caller,
            playing=not self.playback.idle,
            generating=link.generating,
            agent_has_spoken=turns.agent_has_spoken,
            agent_spoke_last=turns.agent_spoke_last,
            listening=link.listening,
            reconnecting=link.state is LinkState.RECONNECTING,
            tools_run=self.ledger.busy,
            waiting_with=self.ledger.waiting,
        )
