"""Carries out a fault plan on what a conversation sends."""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from simulators.gemini_live.actions import Abort, Action, Disconnect, Remember, Send, StopReading
from simulators.gemini_live.faults import (
    AbortConnection,
    AskAgain,
    ChangeSpeed,
    Close,
    FaultPlan,
    Flood,
    ForgetHandles,
    GoingAway,
    InSession,
    Moment,
    PhantomInterruption,
    RepeatTurnComplete,
    SendBinary,
    SendMessage,
    Stall,
)
from simulators.gemini_live.messages import (
    AudioChunk,
    Binary,
    GoAway,
    InputTranscript,
    Interrupted,
    ServerMessage,
    ToolCall,
    TurnComplete,
    Unspecified,
)
from simulators.gemini_live.refusals import CloseCode
from simulators.gemini_live.speaking import Speaker

_NOT_JSON = b"\x00\xff\xfe{"


class Trouble:
    """`pass_on` takes the actions of the conversation and returns those that really happen."""

    def __init__(self, plan: FaultPlan, speaker: Speaker) -> None:
        self._plan = plan
        self._speaker = speaker
        self._stalled = self._over = self._repeats = self._forgets = False
        self._close_at_ms: float | None = None

    @property
    def next_due_ms(self) -> float | None:
        timed_s = self._plan.next_s
        times = [self._close_at_ms, None if timed_s is None else timed_s * 1000]
        return min((time for time in times if time is not None), default=None)

    def advance(self, now_ms: float) -> list[Action]:
        """The faults whose time has come."""
        actions = self._misbehave(self._plan.at(now_ms / 1000), now_ms)
        if self._close_at_ms is not None and now_ms >= self._close_at_ms:
            self._close_at_ms = None
            actions += self.pass_on([Disconnect(CloseCode.NORMAL, "")], now_ms)
        return actions

    def cause(self, fault: InSession, now_ms: float) -> list[Action]:
        """One that was not planned."""
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
            case RepeatTurnComplete():
                self._repeats = True
            case ForgetHandles():
                self._forgets = True
            case GoingAway(time_left_s):
                self._close_at_ms = now_ms + time_left_s * 1000
                return self.pass_on([Send(GoAway(time_left_s))], now_ms)
            case _:
                assert_never(fault)
        return []
