"""What a session is made of: the parts, each the only one that knows its subject."""

from dataclasses import dataclass, field

from msgspec.structs import replace

from ringdown.calls import (
    Call,
    CallChanges,
    EndReason,
    Reconnect,
    Speaker,
    ToolCall,
    Turn,
    Usage,
)
from stream_handler.call.actions import Action, CancelTimer, SaveCall, StartTimer
from stream_handler.call.deadlines import LENGTH_MS, Deadlines, Timer
from stream_handler.call.ending import Ending
from stream_handler.call.greeting import Greeting
from stream_handler.call.keypad import Keypad
from stream_handler.call.model_link import ModelLink
from stream_handler.call.playback import Playback
from stream_handler.call.reconnect import Reconnects
from stream_handler.call.replay_ring import ReplayRing
from stream_handler.call.speech import SpeechDetector
from stream_handler.call.tool_ledger import ToolLedger
from stream_handler.call.tool_results import ToolResults
from stream_handler.call.turns import Turns
from stream_handler.call.watchdog import Watchdog


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences in the agent's language that the session itself asks the model to say."""

    idle_nudge: str
    time_warning: str
    farewells: tuple[str, ...]
    """Lower case; a reply that holds one is taken for a goodbye."""


@dataclass(slots=True)
class Parts:
    """The state of one session. The parts know nothing of each other, nor of actions."""

    call: Call
    words: Words
    history: tuple[Turn, ...]
    """What was said in earlier streams of the call."""
    turns: Turns
    greeting: Greeting
    speech: SpeechDetector
    playback: Playback
    ledger: ToolLedger
    results: ToolResults
    keypad: Keypad
    link: ModelLink
    reconnects: Reconnects
    ring: ReplayRing
    watchdog: Watchdog
    deadlines: Deadlines
    ending: Ending
    usage: Usage
    _to_do: list[Action] = field(default_factory=list)

    def do(self, action: Action) -> None:
        """Add `action` to what the present event leads to."""
        self._to_do.append(action)

    def take_actions(self) -> tuple[Action, ...]:
        """What is to be done because of the present event, in order; the next one starts anew."""
        actions = tuple(self._to_do)
        self._to_do.clear()
        return actions

    def save(self, *, turns: tuple[Turn, ...] = (), tool_calls: tuple[ToolCall, ...] = ()) -> None:
        if turns or tool_calls:
            self.do(SaveCall(CallChanges(turns=turns, tool_calls=tool_calls)))

    def start(self, timer: Timer, after_ms: float | None = None) -> None:
        """Start `timer` unless it runs; without `after_ms` for its fixed length."""
        if self.deadlines.start(timer):
            self.do(StartTimer(timer, LENGTH_MS[timer] if after_ms is None else round(after_ms)))

    def note_reconnect(self, made: Reconnect) -> None:
        self.call = replace(self.call, reconnects=(*self.call.reconnects, made))

    def cancel(self, *timers: Timer) -> None:
        for timer in timers:
            if self.deadlines.cancel(timer):
                self.do(CancelTimer(timer))


def new_parts(call: Call, words: Words, history: tuple[Turn, ...]) -> Parts:
    """The parts of a session that goes on after the turns of `history`."""
    fresh = not history
    return Parts(
        call=call,
        words=words,
        history=history,
        turns=Turns(history, handed_over=_was_handed_over(call, history)),
        greeting=Greeting(protected=call.agent.protect_greeting and fresh),
        speech=SpeechDetector(),
        playback=Playback(),
        ledger=ToolLedger(),
        results=ToolResults(),
        keypad=Keypad(),
        link=ModelLink(),
        reconnects=Reconnects(call.resumption),
        ring=ReplayRing(),
        watchdog=Watchdog(call.agent),
        deadlines=Deadlines(),
        ending=Ending(),
        usage=call.usage,
    )


def _was_handed_over(call: Call, history: tuple[Turn, ...]) -> bool:
    """Whether the stream before this one ended where the caller was to speak next."""
    return (
        call.resumed_from is EndReason.HANDLER_STOPPED
        and bool(history)
        and history[-1].speaker is Speaker.AGENT
        and not history[-1].interrupted
    )
