"""A StreamSession on a virtual clock, between a minimal Twilio and a model played by the test."""

from dataclasses import dataclass, field
from typing import TypeVar, assert_never

import msgspec

from ringdown.calls import (
    Call,
    CallChanges,
    EndReason,
    Reconnect,
    Resumption,
    Speaker,
    ToolCall,
    Turn,
    Usage,
)
from ringdown.tools import Json, ToolAnswer
from stream_handler.call.actions import (
    Action,
    CallTool,
    CancelTimer,
    ClearPlayback,
    CloseModel,
    CloseStream,
    ConnectModel,
    PlayAudio,
    PlayRingback,
    PlayTone,
    SaveCall,
    SendMark,
    SendModelAudio,
    SendModelImage,
    SendModelText,
    SendToolResponse,
    StartTimer,
    UpdateModelContext,
)
from stream_handler.call.events import (
    CallerAudio,
    DtmfReceived,
    Event,
    GenerationCompleted,
    MarkReceived,
    ModelAudio,
    ModelConnected,
    ModelConnectFailed,
    ModelDisconnected,
    ModelInterrupted,
    SaveDone,
    StreamStarted,
    TimerFired,
    ToolCallFinished,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from stream_handler.call.limits import Words
from stream_handler.call.session import StreamSession
from stream_handler.call.timers import Timer
from stream_handler.observers import ObservedSession
from stream_handler.record.flight_record import FlightRecord
from tests.ringdown.samples import a_call, an_agent
from tests.stream_handler.call.line import BYTES_PER_MS, Clear, Line, Mark, Media

STEP_MS = 5
FRAME_MS = 20
PCM_PER_MS = 32
SILENT_FRAME = bytes(FRAME_MS * PCM_PER_MS)
TONE = 254
"""The value of the waiting tone's bytes."""
DIAL_MS = 100
VOICE_DBFS = -20.0
_SYLLABLE_DB = (0.0, 0.0, -3.0, -6.0, -3.0)
QUIET_DBFS = -70.0
SILENCE_DBFS = -96.0

WORDS = Words(
    idle_nudge="Are you still there?",
    time_warning="One minute is left.",
    farewells=("goodbye",),
)

_Kind = TypeVar("_Kind")


def call_of(*, fallback_number: str | None = None, **agent: object) -> Call:
    """A call whose agent has these fields changed."""
    return a_call(
        agent=msgspec.structs.replace(an_agent(), **agent), fallback_number=fallback_number
    )


@dataclass(slots=True)
class Record:
    """Everything the session has saved, as a store would hold it."""

    turns: dict[int, Turn] = field(default_factory=dict)
    turn_versions: list[Turn] = field(default_factory=list)
    tool_calls: dict[str, ToolCall] = field(default_factory=dict)
    tool_calls_saved: list[ToolCall] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    reconnects: tuple[Reconnect, ...] = ()
    resumption: Resumption | None = None
    end_reason: EndReason | None = None

    def add(self, changes: CallChanges) -> None:
        for turn in changes.turns:
            self.turns[turn.n] = turn
            self.turn_versions.append(turn)
        for tool_call in changes.tool_calls:
            self.tool_calls[tool_call.id] = tool_call
            self.tool_calls_saved.append(tool_call)
        self.usage = changes.usage or self.usage
        self.end_reason = changes.end_reason or self.end_reason
        self.reconnects = changes.reconnects or self.reconnects
        self.resumption = changes.resumption or self.resumption

    def by(self, speaker: Speaker) -> list[Turn]:
        return [turn for _, turn in sorted(self.turns.items()) if turn.speaker is speaker]

    def told(self) -> list[tuple[Speaker, str]]:
        return [(turn.speaker, turn.text) for _, turn in sorted(self.turns.items())]


class Stage:
    """Performs the session's actions, and fails the test if one is impossible."""

    def __init__(
        self,
        call: Call | None = None,
        *,
        line: Line | None = None,
        history: tuple[Turn, ...] = (),
        tool_calls: tuple[ToolCall, ...] = (),
        endpoints: tuple[str, ...] = (),
    ) -> None:
        call = call or a_call()
        self.endpoints = endpoints
        self.call, self.history = call, history
        self.flight = FlightRecord(call, history, tool_calls=tool_calls)
        session = StreamSession(call, WORDS, history, tool_calls)
        self.session = ObservedSession(session, self.flight)
        self.happened: list[Event] = []
        self.line = line or Line()
        self.now_ms = 0.0
        """For a stream that continues a call, set this to the call's age first."""
        self.actions: list[Action] = []
        self.record = Record()
        self.timers: dict[Timer, float] = {}
        self.dialled_ms: float | None = None
        """When we began to open a session other than the first; None if we aren't opening one."""
        self.sessions = 0
        self.model_is_there = False
        self.refusals: list[int | None] = []
        """Codes with which the next sessions are refused; after those, sessions open."""
        self.running_tools: set[str] = set()
        self.final_save: SaveCall | None = None
        self.closed: CloseStream | None = None

    # Setting the scene

    def begun(self) -> "Stage":
        """Start the stream and connect the model, which is asked for the greeting."""
        self.handle(StreamStarted(self.now_ms, self.endpoints))
        self.handle(ModelConnected(self.now_ms))
        return self

    def greeted(self, text: str = "Hello.") -> "Stage":
        """Start the call and let the caller hear the greeting."""
        self.begun()
        self.reply(text, 400)
        self.pass_ms(600)
        return self

    # What the caller, the model and time do

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Handle an event, and return the actions it leads to, except those on timers."""
        if isinstance(event, ModelConnected):
            self.model_is_there = True
            self.sessions += 1
        elif isinstance(event, ModelDisconnected):
            self.model_is_there = False
        self.happened.append(event)
        actions = self.session.handle(event)
        for action in actions:
            self._perform(action)
        return tuple(a for a in actions if not isinstance(a, StartTimer | CancelTimer))

    def lose_model(self, reason: str = "1011 internal") -> tuple[Action, ...]:
        return self.handle(ModelDisconnected(self.now_ms, reason))

    def pass_ms(self, length_ms: float) -> None:
        """Let time pass: echoes of marks arrive, timers fire, sessions open."""
        end_ms = self.now_ms + length_ms
        while self.now_ms < end_ms:
            self.now_ms = min(self.now_ms + STEP_MS, end_ms)
            for name in self.line.advance(self.now_ms):
                self.handle(MarkReceived(self.now_ms, name))
            while due := [t for t, at_ms in self.timers.items() if at_ms <= self.now_ms]:
                del self.timers[due[0]]  # this may cancel the next
                self.handle(TimerFired(self.now_ms, due[0]))
            if self.dialled_ms is not None and self.now_ms - self.dialled_ms >= DIAL_MS:
                self._answer_the_dial()

    def caller(self, length_ms: float, level_dbfs: float | None = None, value: int = 1) -> None:
        """Send the caller's frames for `length_ms`, in real time, with bytes of `value`.

        They are a voice, whose level rises and falls, or, with `level_dbfs`, a steady noise.
        """
        pcm = bytes([value]) * len(SILENT_FRAME)
        for n in range(int(length_ms // FRAME_MS)):
            self.pass_ms(FRAME_MS)
            level = VOICE_DBFS + _SYLLABLE_DB[n % 5] if level_dbfs is None else level_dbfs
            self.handle(CallerAudio(self.now_ms, pcm, level))

    def caller_says(self, text: str, length_ms: float = 1_000) -> None:
        """Send a whole utterance, half a second of silence, and the transcript."""
        self.caller(length_ms)
        self.caller(500, QUIET_DBFS)
        self.handle(TranscriptReceived(self.now_ms, Speaker.CALLER, text))

    def types(self, keys: str, every_ms: float = 300) -> None:
        """Press `keys` one after another."""
        for key in keys:
            self.pass_ms(every_ms)
            self.handle(DtmfReceived(self.now_ms, key))

    def audio(self, length_ms: float, value: int = 1) -> tuple[Action, ...]:
        """Send a chunk of the model's speech, with bytes of `value`."""
        mulaw = bytes([value]) * int(length_ms * BYTES_PER_MS)
        return self.handle(ModelAudio(self.now_ms, mulaw))

    def inaudible_audio(self, length_ms: float) -> None:
        """Send a chunk of silence from the model."""
        mulaw = bytes([0xFF]) * int(length_ms * BYTES_PER_MS)
        self.handle(ModelAudio(self.now_ms, mulaw, SILENCE_DBFS))

    def agent_text(self, text: str) -> None:
        self.handle(TranscriptReceived(self.now_ms, Speaker.AGENT, text))

    def caller_text(self, text: str) -> None:
        self.handle(TranscriptReceived(self.now_ms, Speaker.CALLER, text))

    def reply(self, text: str, length_ms: float, value: int = 1) -> None:
        """Send a whole reply from the model in one chunk."""
        self.agent_text(text)
        self.audio(length_ms, value)
        self.generation_completed()
        self.turn_completed()

    def generation_completed(self) -> tuple[Action, ...]:
        return self.handle(GenerationCompleted(self.now_ms))

    def turn_completed(self) -> tuple[Action, ...]:
        return self.handle(TurnCompleted(self.now_ms))

    def interrupted(self) -> tuple[Action, ...]:
        return self.handle(ModelInterrupted(self.now_ms))

    def tool_call(
        self,
        id: str,
        name: str = "lookup_account",
        args: dict[str, Json] | None = None,
        *,
        blocks: bool = False,
        twin: int = 0,
    ) -> tuple[Action, ...]:
        return self.handle(ToolCallRequested(self.now_ms, id, name, args or {}, blocks, twin))

    def collect(self, id: str = "c1", **args: Json) -> tuple[Action, ...]:
        return self.tool_call(id, "collect_digits", {"purpose": "pin", **args})

    def transfer(self, name: str, id: str = "x1") -> tuple[Action, ...]:
        return self.tool_call(id, "transfer_call", {"name": name, "reason": "wish"})

    def end_call(self, id: str = "end") -> tuple[Action, ...]:
        return self.tool_call(id, "end_call", {"reason": "done"})

    def tool_finished(
        self, id: str, answer: ToolAnswer, *, certain: bool = True
    ) -> tuple[Action, ...]:
        self.running_tools.discard(id)
        return self.handle(ToolCallFinished(self.now_ms, id, answer, certain))

    def usage(self, usage: Usage) -> tuple[Action, ...]:
        return self.handle(UsageReported(self.now_ms, usage))

    def saved(self) -> tuple[Action, ...]:
        return self.handle(SaveDone(self.now_ms))

    # Results

    def all(self, kind: type[_Kind]) -> list[_Kind]:
        return [action for action in self.actions if isinstance(action, kind)]

    def ended_for(self) -> EndReason | None:
        """Why the session ended; None until it does."""
        return self.final_save.changes.end_reason if self.final_save is not None else None

    @property
    def reconnects(self) -> tuple[Reconnect, ...]:
        return self.record.reconnects

    @property
    def told_the_model(self) -> list[str]:
        """The texts sent to the model after the one that opened the call."""
        return [action.text for action in self.all(SendModelText)][1:]

    def heard_by_the_model_ms(self, value: int) -> float:
        """How much of the caller's audio with bytes of `value` the model was sent."""
        return sum(action.pcm.count(value) for action in self.all(SendModelAudio)) / PCM_PER_MS

    def played_ms(self, value: int = 1) -> float:
        """How much of the model's speech with bytes of `value` the caller actually heard."""
        return self.line.played[value] / BYTES_PER_MS

    def _answer_the_dial(self) -> None:
        self.dialled_ms = None
        if self.refusals:
            self.handle(ModelConnectFailed(self.now_ms, "refused", self.refusals.pop(0)))
        else:
            self.handle(ModelConnected(self.now_ms))

    def _perform(self, action: Action) -> None:
        late_result = isinstance(action, SaveCall) and action.changes.tool_calls
        assert self.closed is None or late_result, f"{action} after the stream was closed"
        self.actions.append(action)
        match action:
            case PlayAudio():
                self.line.send(Media(action.mulaw), self.now_ms)
            case SendMark():
                self.line.send(Mark(action.name), self.now_ms)
            case ClearPlayback():
                self.line.send(Clear(), self.now_ms)
            case PlayRingback():
                self.line.send(Media(bytes(2_000 * BYTES_PER_MS)), self.now_ms)
            case PlayTone():
                self.line.send(Media(bytes([TONE]) * (440 * BYTES_PER_MS)), self.now_ms)
            case StartTimer():
                assert action.timer not in self.timers, f"{action}, but it is already running"
                self.timers[action.timer] = self.now_ms + action.after_ms
            case CancelTimer():
                assert action.timer in self.timers, f"{action}, but it isn't running"
                del self.timers[action.timer]
            case CallTool():
                assert action.id not in self.running_tools, f"{action}, but it is already running"
                self.running_tools.add(action.id)
            case SaveCall():
                self._save(action)
            case CloseStream():
                self._close(action)
            case ConnectModel():
                assert self.dialled_ms is None, "two sessions are being opened at the same time"
                if len(self.all(ConnectModel)) > 1:
                    self.dialled_ms = self.now_ms
            case CloseModel():
                self.dialled_ms = None
                self.model_is_there = False
            case (
                SendModelAudio()
                | SendModelText()
                | SendModelImage()
                | UpdateModelContext()
                | SendToolResponse()
            ):
                pass
            case _:
                assert_never(action)

    def _save(self, action: SaveCall) -> None:
        rest = msgspec.structs.replace(action.changes, tool_calls=())
        late = self.final_save is not None and rest != CallChanges()
        assert not late, f"{action} after the final save"
        self.record.add(action.changes)
        if action.final:
            self.final_save = action

    def _close(self, action: CloseStream) -> None:
        assert self.final_save is not None, "the stream was closed without a final save"
        assert not self.timers, f"{list(self.timers)} outlive the stream"
        assert self.dialled_ms is None, "the stream was closed while a session was being opened"
        self.closed = action
