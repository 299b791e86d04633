"""Applies a fault plan to what a conversation sends."""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from simulators.gemini_live.actions import Abort, Action, Disconnect, Remember, Send, StopReading
from simulators.gemini_live.false_voice import FalseSound
from simulators.gemini_live.faults import (
    AbortConnection,
    AskAgain,
    ChangeSpeed,
    Close,
    DelayCallerTranscripts,
    EndEmptyTurns,
    EndTurnWithCall,
    FaultPlan,
    Flood,
    ForgetHandles,
    GoingAway,
    HearNobody,
    IgnoreShortSounds,
    InSession,
    Moment,
    PhantomInterruption,
    ReciteBadly,
    RepeatTurnComplete,
    ReplaceVoice,
    SendBinary,
    SendMessage,
    Stall,
    TrailAgentTranscripts,
)
from simulators.gemini_live.hearing import Listening
from simulators.gemini_live.messages import (
    AudioChunk,
    Binary,
    GoAway,
    InputTranscript,
    Interrupted,
    OutputTranscript,
    ServerMessage,
    ToolCall,
    TurnComplete,
    Unspecified,
)
from simulators.gemini_live.refusals import CloseCode
from simulators.gemini_live.speaking import Speaker

_NOT_JSON = b"\x00\xff\xfe{"


class Trouble:
    """Injects faults: `pass_on` turns a conversation's actions into what really happens."""

    def __init__(self, plan: FaultPlan, speaker: Speaker, listening: Listening) -> None:
        self._plan = plan
        self._speaker = speaker
        self._listening = listening
        self._stalled = self._over = self._repeats = self._forgets = False
        self._close_at_ms: float | None = None
        self._sound: FalseSound | None = None
        self._caller_words_late_ms = 0.0
        self._agent_words_late_ms: float | None = None
        self._agent_words: list[ServerMessage] = []
        """The current turn's words, if they are held back until it is over."""
        self._later: list[tuple[float, ServerMessage | GoingAway]] = []

    @property
    def next_due_ms(self) -> float | None:
        timed_s = self._plan.next_s
        times = [self._close_at_ms, None if timed_s is None else timed_s * 1000]
        times += [at_ms for at_ms, _ in self._later]
        return min((time for time in times if time is not None), default=None)

    def advance(self, now_ms: float) -> list[Action]:
        """Cause the faults whose time has come."""
        actions = self._misbehave(self._plan.at(now_ms / 1000), now_ms)
        actions += self._send_later(now_ms)
        if self._close_at_ms is not None and now_ms >= self._close_at_ms:
            self._close_at_ms = None
            actions += self.pass_on([Disconnect(CloseCode.NORMAL, "")], now_ms)
        return actions

    def cause(self, fault: InSession, now_ms: float) -> list[Action]:
        """Cause a fault that wasn't planned."""
        return self._cause(fault, now_ms)

    def pass_on(self, actions: Iterable[Action], now_ms: float) -> list[Action]:
        passed: list[Action] = []
        for action in actions:
            if self._over:
                break
            match action:
                case Send(message):
                    passed += self._pass_message(message, now_ms)
                case Remember():
                    passed.append(replace(action, lost=self._forgets))
                case Disconnect() | Abort():
                    self._over = True
                    passed.append(action)
                case _:
                    passed.append(action)
        return passed

    def _pass_message(self, message: ServerMessage, now_ms: float) -> list[Action]:
        if self._stalled:
            return []
        match message:
            case AudioChunk(data) if self._sound is not None:
                message = AudioChunk(self._sound.next(len(data)))
            case OutputTranscript() if self._sound is not None and self._sound.by == "tone":
                return []
            case OutputTranscript() if self._agent_words_late_ms is not None:
                self._agent_words.append(message)
                return []
            case InputTranscript() if self._caller_words_late_ms:
                self._later.append((now_ms + self._caller_words_late_ms, message))
                return []
            case TurnComplete() if self._agent_words_late_ms is not None:
                due_ms = now_ms + self._agent_words_late_ms
                self._later += [(due_ms, words) for words in self._agent_words]
                self._agent_words = []
            case _:
                pass
        actions: list[Action] = [Send(message)]
        if isinstance(message, TurnComplete) and self._repeats:
            actions.append(Send(message))
        match message:
            case AudioChunk():
                moment = Moment.AUDIO_CHUNKS
            case TurnComplete():
                moment = Moment.TURNS
            case ToolCall():
                moment = Moment.TOOL_CALLS
            case _:
                return actions
        return actions + self._misbehave(self._plan.count(moment), now_ms)

    def _send_later(self, now_ms: float) -> list[Action]:
        """Send what was held back until now."""
        due = [what for at_ms, what in self._later if at_ms <= now_ms]
        self._later = [(at_ms, what) for at_ms, what in self._later if at_ms > now_ms]
        actions: list[Action] = []
        for what in due:
            if isinstance(what, GoingAway):
                actions += self._cause(what, now_ms)
            elif not (self._stalled or self._over):
                actions.append(Send(what))
        return actions

    def _misbehave(self, faults: Iterable[InSession], now_ms: float) -> list[Action]:
        return [action for fault in faults for action in self._cause(fault, now_ms)]

    def _cause(self, fault: InSession, now_ms: float) -> list[Action]:
        match fault:
            case Close(code, reason):
                return self.pass_on([Disconnect(code, reason)], now_ms)
            case AbortConnection():
                return self.pass_on([Abort()], now_ms)
            case Stall(deaf):
                self._stalled = True
                return [StopReading()] if deaf else []
            case PhantomInterruption():
                stopped = self._speaker.interrupt(now_ms)
                return self.pass_on(stopped or [Send(Interrupted())], now_ms)
            case SendMessage(message):
                return self.pass_on([Send(Unspecified(message))], now_ms)
            case SendBinary():
                return self.pass_on([Send(Binary(_NOT_JSON))], now_ms)
            case AskAgain():
                self._speaker.asks_again = True
            case Flood(count):
                return self.pass_on([Send(InputTranscript("flood "))] * count, now_ms)
            case ChangeSpeed(speed):
                self._speaker.change_speed(speed)
            case ReplaceVoice(by):
                self._sound = FalseSound(by)
            case ReciteBadly(by):
                self._speaker.misquotes = by
            case DelayCallerTranscripts(delay_s):
                self._caller_words_late_ms = delay_s * 1000
            case TrailAgentTranscripts(delay_s):
                self._agent_words_late_ms = delay_s * 1000
            case EndEmptyTurns(reason):
                self._speaker.empty_because = reason
            case IgnoreShortSounds(below_s, stops):
                self._listening.ignored_below_ms = below_s * 1000
                self._listening.stops_for_all = stops
            case HearNobody():
                self._listening.deaf = True
            case EndTurnWithCall():
                self._speaker.ends_turn_with_call = True
            case RepeatTurnComplete():
                self._repeats = True
            case ForgetHandles():
                self._forgets = True
            case GoingAway(time_left_s, every_s):
                if self._close_at_ms is None:
                    self._close_at_ms = now_ms + time_left_s * 1000
                if every_s is not None and now_ms + every_s * 1000 < self._close_at_ms:
                    self._later.append((now_ms + every_s * 1000, fault))
                left_s = (self._close_at_ms - now_ms) / 1000
                return self.pass_on([Send(GoAway(left_s))], now_ms)
            case _:
                assert_never(fault)
        return []
