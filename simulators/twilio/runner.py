"""Plays a caller's script on a call."""

from dataclasses import dataclass
from typing import assert_never

from simulators.speech.synthesis import SpeechError

from .call import Call, CallError
from .call_flow import EndReason
from .script import (
    After,
    AgentSilent,
    AgentSpeaking,
    HangUpStep,
    MakeStep,
    PressStep,
    SayStep,
    Script,
    Step,
    WaitForHangupStep,
)


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """`start_ms` and `end_ms` are positions in the recording; `cut` means that it was cut short."""

    text: str
    start_ms: int
    end_ms: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ScriptResult:
    sentences: tuple[SpokenSentence, ...]
    end_reason: EndReason | None


class ScriptFailed(Exception):
    """A step couldn't be played; `result` covers the call until then."""

    def __init__(self, message: str, result: ScriptResult) -> None:
        super().__init__(message)
        self.result = result


async def run_script(call: Call, script: Script) -> ScriptResult:
    """Play all steps, starting when the call is answered; doesn't hang up afterwards.

    Raises:
        ScriptFailed: a step waited in vain (the message says what was heard), or espeak-ng can't
            say a sentence in the caller's voice.
    """
    try:
        await call.answered()
    except CallError as error:
        raise ScriptFailed(f"before step 1: {error}", _result(call)) from error
    for number, step in enumerate(script.steps, start=1):
        try:
            await _play(call, step)
        except (CallError, SpeechError) as error:
            message = f"step {number} ({_title(step)}): {error}"
            raise ScriptFailed(message, _result(call)) from error
    return _result(call)


async def _play(call: Call, step: Step) -> None:
    await _wait(call, step)
    match step.action:
        case SayStep(text, press):
            sentence = await call.start_saying(text)
            await call.press(press)
            await call.spoken(sentence)
        case MakeStep(noise):
            await call.make(noise)
        case PressStep(keys):
            await call.press(keys)
        case HangUpStep():
            await call.hang_up()
        case WaitForHangupStep():
            await call.ended(step.timeout_s)
        case _:
            assert_never(step.action)


async def _wait(call: Call, step: Step) -> None:
    match step.when:
        case AgentSilent(seconds):
            await call.agent_silent_for(seconds, step.timeout_s)
        case AgentSpeaking(seconds):
            await call.agent_speaking_for(seconds, step.timeout_s)
        case After(seconds):
            await call.wait(seconds)
        case None:
            pass
        case _:
            assert_never(step.when)


def _result(call: Call) -> ScriptResult:
    sentences = tuple(
        SpokenSentence(said.text, said.start_ms, said.end_ms or call.now_ms, said.cut)
        for said in call.utterances
        if said.start_ms is not None
    )
    return ScriptResult(sentences, call.end_reason)


def _title(step: Step) -> str:
    match step.action:
        case SayStep(text):
            return f"say {text!r}"
        case MakeStep(noise):
            return f"make a {noise}"
        case PressStep(keys):
            return f"press {keys!r}"
        case HangUpStep():
            return "hang up"
        case WaitForHangupStep():
            return "wait for the agent to hang up"
        case _:
            assert_never(step.action)
