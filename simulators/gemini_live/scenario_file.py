"""Reads scenario files: YAML with the model's part under the key `model`."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from simulators.gemini_live.faults import (
    AbortConnection,
    After,
    AskAgain,
    ChangeSpeed,
    Close,
    DelayCallerTranscripts,
    DelaySetup,
    EndEmptyTurns,
    EndTurnWithCall,
    FalseVoice,
    Fault,
    Flood,
    ForgetHandles,
    ForgetSession,
    GoingAway,
    HearNobody,
    IgnoreShortSounds,
    Misbehaviour,
    Misquote,
    Moment,
    PhantomInterruption,
    ReciteBadly,
    RefuseLongSetup,
    RefuseResumption,
    RefuseSetup,
    RefuseUpgrade,
    RepeatTurnComplete,
    ReplaceVoice,
    SendBinary,
    SendMessage,
    Stall,
    TrailAgentTranscripts,
    WithholdSetup,
)
from simulators.gemini_live.refusals import KNOWN_REFUSALS
from simulators.gemini_live.scenario import (
    Pace,
    PlannedCall,
    Reply,
    Scenario,
    Turn,
)
from simulators.pictures import PICTURES
from simulators.speech.synthesis import Voice
from simulators.yaml_fields import Fields, ScenarioError, parse_yaml

_FALSE_VOICES: tuple[FalseVoice, ...] = get_args(FalseVoice)
_MISQUOTES: tuple[Misquote, ...] = get_args(Misquote)


def load_scenario(path: Path) -> Scenario:
    """Read the model's part of a scenario file. Raises ScenarioError naming the field."""
    return parse_scenario(path.read_text(encoding="utf-8"))


def parse_scenario(text: str) -> Scenario:
    """Like `load_scenario`, but from text. Ignores other top-level keys."""
    return _read_model(Fields(parse_yaml(text).get("model"), "model"))


def _read_model(model: Fields) -> Scenario:
    scenario = Scenario(
        turns=tuple(
            _read_turn(turn, number) for number, turn in enumerate(model.children("turns"))
        ),
        greeting=_read_optional_reply(model.child("greeting")),
        unknown=_read_optional_reply(model.child("unknown")),
        decoys=model.texts("decoys"),
        voice=_read_voice(model),
        caller_voice=_read_caller_voice(model.child("recognition")),
        pace=_read_pace(model.child("pace")),
        faults=tuple(_read_fault(fault) for fault in model.children("faults")),
    )
    model.finish()
    names = [turn.name for turn in scenario.turns]
    for turn in scenario.turns:
        if turn.needs and turn.needs not in names:
            raise ScenarioError(f"model.turns: {turn.name} needs {turn.needs}, which isn't a turn")
        if names.count(turn.name) > 1:
            raise ScenarioError(f"model.turns: two turns are named {turn.name}")
    return scenario


def read_misbehaviour(fields: Mapping[str, object]) -> Misbehaviour:
    """Read a fault written as in scenario files, such as `do: go_away`. Raises ScenarioError."""
    reader = Fields(dict(fields), "fault")
    misbehaviour = _read_misbehaviour(reader)
    reader.finish()
    return misbehaviour


def read_plan(fields: Mapping[str, object]) -> tuple[Fault, ...]:
    """Read `faults` written as in scenario files. Raises ScenarioError."""
    reader = Fields(dict(fields), "plan")
    plan = tuple(_read_fault(fault) for fault in reader.children("faults"))
    reader.finish()
    return plan


def _read_turn(fields: Fields, number: int) -> Turn:
    turn = Turn(
        name=fields.text("name") or f"turn-{number + 1}",
        heard=fields.texts("heard"),
        text=fields.text("text"),
        seen=fields.texts("seen"),
        needs=fields.text("needs"),
        forgotten=fields.text("forgotten"),
        reply=_read_reply(fields),
    )
    fields.finish()
    if not (turn.heard or turn.seen) and turn.text is None:
        raise ScenarioError(f"{fields.path}.heard: a turn needs heard, text or seen")
    for name in turn.seen:
        if name not in PICTURES:
            raise ScenarioError(
                f"{fields.path}.seen: must be one of {', '.join(PICTURES)}; it is {name!r}"
            )
    return turn


def _read_optional_reply(fields: Fields | None) -> Reply | None:
    if fields is None:
        return None
    reply = _read_reply(fields)
    fields.finish()
    return reply


def _read_reply(fields: Fields) -> Reply:
    reply = Reply(
        say=fields.text("say"),
        calls=tuple(_read_call(call) for call in fields.children("call")),
        then=fields.text("then"),
        otherwise=fields.text("otherwise"),
    )
    if not reply.say and not reply.calls:
        raise ScenarioError(f"{fields.path}.say: a reply needs say or call")
    if (reply.then or reply.otherwise) and not reply.calls:
        raise ScenarioError(f"{fields.path}.then: only makes sense after a call")
    return reply


def _read_call(fields: Fields) -> PlannedCall:
    args = fields.get("args") if "args" in fields else {}
    call = PlannedCall(fields.needed_text("tool"), args)
    fields.finish()
    return call


def _read_voice(model: Fields) -> Voice:
    default = Scenario().voice
    name = model.text("voice") or default.name
    words_per_minute = model.whole("words_per_minute", default.words_per_minute, minimum=80)
    return Voice(name=name, words_per_minute=words_per_minute)


def _read_caller_voice(recognition: Fields | None) -> Voice | None:
    """Read the caller's voice; None for `grammar`, which understands English from any voice."""
    if recognition is None:
        return None
    voice = None
    if recognition.choice("by", ("grammar", "matching")) == "matching":
        name = recognition.text("voice")
        if name is None:
            raise ScenarioError(
                f"{recognition.path}.voice: must be the caller's voice; it is missing"
            )
        words_per_minute = recognition.whole(
            "words_per_minute", Voice().words_per_minute, minimum=80
        )
        voice = Voice(name, words_per_minute=words_per_minute)
    recognition.finish()
    return voice


def _read_pace(fields: Fields | None) -> Pace:
    default = Pace()
    if fields is None:
        return default
    pace = Pace(
        thinking_ms=fields.number("thinking_ms", default.thinking_ms, minimum=0),
        chunk_ms=fields.number("chunk_ms", default.chunk_ms, minimum=5),
        speed=fields.number("speed", default.speed, minimum=0.1),
    )
    fields.finish()
    return pace


def _read_fault(fields: Fields) -> Fault:
    session = fields.whole("session", 0, minimum=1) or None
    after = fields.child("after")
    fault = Fault(_read_misbehaviour(fields), _read_after(after) if after else None, session)
    fields.finish()
    return fault


def _read_after(fields: Fields) -> After:
    moment = Moment(fields.one_of(*(moment.value for moment in Moment)))
    after = After(moment, fields.number(moment.value))
    fields.finish()
    return after


def _read_misbehaviour(fields: Fields) -> Misbehaviour:
    name = fields.text("do")
    match name:
        case "refuse_upgrade":
            return RefuseUpgrade(fields.whole("status", 503, minimum=400))
        case "withhold_setup":
            return WithholdSetup()
        case "delay_setup":
            return DelaySetup(fields.number("delay_s", 5, minimum=0))
        case "refuse_resumption":
            refusal = RefuseResumption()
            code = fields.whole("code", refusal.code, minimum=1000)
            return RefuseResumption(code, fields.text("reason") or refusal.reason)
        case "refuse_setup":
            why = fields.needed_text("why")
            if why not in KNOWN_REFUSALS:
                known = ", ".join(KNOWN_REFUSALS)
                raise ScenarioError(f"{fields.path}.why: must be one of {known}")
            return RefuseSetup(why)
        case "refuse_long_setup":
            longest = RefuseLongSetup().characters
            return RefuseLongSetup(fields.whole("characters", longest, minimum=0))
        case "forget_session":
            return ForgetSession()
        case "close":
            default = Close()
            code = fields.whole("code", default.code, minimum=1000)
            return Close(code, fields.text("reason") or default.reason)
        case "abort":
            return AbortConnection()
        case "stall":
            return Stall(fields.flag("deaf"))
        case "phantom_interruption":
            return PhantomInterruption()
        case "send_message":
            message = fields.mapping("message")
            return SendMessage(message) if message else SendMessage()
        case "send_binary":
            return SendBinary()
        case "ask_again":
            return AskAgain()
        case "flood":
            return Flood(fields.whole("count", Flood().count, minimum=1))
        case "change_speed":
            return ChangeSpeed(fields.number("speed", 0.8, minimum=0.05))
        case "replace_voice":
            return ReplaceVoice(fields.choice("by", _FALSE_VOICES))
        case "recite_badly":
            return ReciteBadly(fields.choice("by", _MISQUOTES))
        case "delay_caller_transcripts":
            delay_s = DelayCallerTranscripts().delay_s
            return DelayCallerTranscripts(fields.number("delay_s", delay_s))
        case "trail_agent_transcripts":
            delay_s = TrailAgentTranscripts().delay_s
            return TrailAgentTranscripts(fields.number("delay_s", delay_s))
        case "end_empty_turns":
            return EndEmptyTurns(fields.text("reason") or EndEmptyTurns().reason)
        case "ignore_short_sounds":
            below_s = fields.number("below_s", IgnoreShortSounds().below_s)
            return IgnoreShortSounds(below_s, fields.flag("stops"))
        case "hear_nobody":
            return HearNobody()
        case "end_turn_with_call":
            return EndTurnWithCall()
        case "repeat_turn_complete":
            return RepeatTurnComplete()
        case "go_away":
            every_s = fields.number("every_s", minimum=0.1) if "every_s" in fields else None
            left_s = fields.number("time_left_s", GoingAway().time_left_s, minimum=0)
            return GoingAway(left_s, every_s)
        case "forget_handles":
            return ForgetHandles()
        case _:
            raise ScenarioError(f"{fields.path}.do: unknown fault {name!r}")
