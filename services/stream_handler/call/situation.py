"""Who is speaking, who is waiting, what is playing and what is running.

Every question of the form "is the line quiet now?" is answered here. The answers look alike but
differ on purpose: each property says how and why.
"""

from dataclasses import dataclass

import msgspec

from ringdown.tools import Waiting
from stream_handler.call.keypad import Keypad
from stream_handler.call.playback import Playback
from stream_handler.call.speech import SpeechDetector
from stream_handler.call.state import CallState, LinkState
from stream_handler.call.timers import background_ms
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.transcript import Transcript


class Situation(msgspec.Struct, frozen=True, gc=False):
    """A call at one moment."""

    talking: bool
    """The conversation continues, and the model hasn't asked to end it."""
    goodbye_begun: bool
    """The model has asked to end the call, and has begun to say goodbye."""

    # The caller
    caller_speaks: bool
    """There is a voice on their line that isn't background noise."""
    caller_waits: bool
    """They have certainly said something that hasn't been answered."""
    types_secret: bool

    # The agent
    playing: bool
    """The caller hasn't yet heard everything that was sent."""
    generating: bool
    """A reply has begun, and its last audio hasn't arrived."""
    agent_has_spoken: bool
    agent_spoke_last: bool
    first_turn_empty: bool
    """The model should greet the caller, but sends no sound or has ended its turn."""

    # What is connected, and what runs
    listening: bool
    """A session accepts what is sent."""
    reconnecting: bool
    connecting_after_clip: bool
    """The first session is being opened, and a clip has greeted the caller."""
    awaits_upload: bool
    """The caller was just sent the link for photos, and is busy with their phone."""
    tools_run: bool
    """The model has called something that hasn't returned yet."""
    waiting_with: frozenset[Waiting]
    """What the running tools want a waiting caller to hear."""

    @property
    def nobody_speaks(self) -> bool:
        return not (self.caller_speaks or self.playing or self.generating)

    @property
    def is_silent(self) -> bool:
        """Whether it is the caller's turn and both sides are silent: this silence counts.

        Without a listening session, the silence is our fault and doesn't count.
        """
        return (
            self.talking
            and self.listening
            and self.agent_has_spoken
            and self.nobody_speaks
            and not self.tools_run
            and not self.awaits_upload
        )

    @property
    def may_be_shown(self) -> bool:
        """Whether the model can be shown what the caller sent, and speak about it.

        Not while it is calling a tool: the result would get mixed up with the upload.
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
        """Whether another handler can take over without cutting anyone off or losing a reply.

        Unlike silence, this can hold before the first word, and without a session: the next handler
        opens its own.
        """
        return (
            self.talking
            and self.nobody_speaks
            and not self.tools_run
            and (self.agent_spoke_last or not self.agent_has_spoken)
        )

    @property
    def session_may_be_left(self) -> bool:
        """Whether the model's session can be replaced without losing anything.

        What was sent to the caller keeps playing, so `playing` doesn't matter.
        """
        return not (self.caller_speaks or self.generating or self.tools_run or self.caller_waits)

    @property
    def model_may_owe_a_word(self) -> bool:
        """Whether it may be the model's turn to speak. The watchdog knows what it owes.

        A reply can break off while its beginning is still playing, so `playing` matters only
        when nothing is being generated.
        """
        return (
            self.talking
            and self.listening
            and (self.agent_has_spoken or self.first_turn_empty)
            and (not self.playing or self.generating)
            and not self.caller_speaks
            and not self.tools_run
        )

    @property
    def caller_waits_in_silence(self) -> bool:
        """Whether the caller should hear a tone or a phrase, for a tool or for a new session.

        A reply may need the tool's result to continue, so `generating` doesn't matter. Before the
        agent's first word the caller hears ringback instead.
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
        """Whether the goodbye has been heard to its end.

        A caller who is speaking by then is answering it: "bye", or "wait".
        """
        return self.goodbye_begun and not self.generating and not self.playing

    @property
    def greeting_is_heard(self) -> bool:
        """Whether the agent's first words have been heard to their end."""
        return self.agent_has_spoken and not self.generating and not self.playing

    @property
    def _waits_for_tool(self) -> bool:
        return bool(self.waiting_with - {"nothing"})

    @property
    def _waits_for_session(self) -> bool:
        """After the greeting clip it is the caller's turn: they wait only once they have spoken."""
        if self.connecting_after_clip:
            return self.caller_waits
        return self.reconnecting and self.agent_has_spoken


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Puts together the situation from the objects that each know a part of it."""

    state: CallState
    transcript: Transcript
    playback: Playback
    speech: SpeechDetector
    ledger: ToolLedger
    keypad: Keypad

    def now(self, at_ms: float) -> Situation:
        state, turns = self.state, self.transcript
        link = state.link
        background = self.is_background(at_ms)
        return Situation(
            talking=state.talking,
            goodbye_begun=state.ending.goodbye_begun,
            caller_speaks=self.speech.speaking and not background,
            caller_waits=turns.caller_waits and not background,
            types_secret=self.keypad.hides_the_caller,
            playing=not self.playback.idle,
            generating=link.generating,
            agent_has_spoken=turns.agent_has_spoken,
            agent_spoke_last=turns.agent_spoke_last,
            first_turn_empty=state.first_turn_empty,
            listening=link.listening,
            reconnecting=link.state is LinkState.RECONNECTING,
            connecting_after_clip=link.state is LinkState.CONNECTING and state.clip_bytes > 0,
            awaits_upload=state.awaits_upload,
            tools_run=self.ledger.busy,
            waiting_with=self.ledger.waiting,
        )

    def is_background(self, at_ms: float) -> bool:
        """Whether the voices on the line are background, such as a television or hold music.

        They count as background once the model has left them unanswered for a minute.
        """
        since_ms = self.state.unanswered_since_ms
        return since_ms is not None and at_ms - since_ms >= background_ms(self.state.call.agent)
