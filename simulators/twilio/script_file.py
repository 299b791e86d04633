"""Loads the `caller` and `network` parts of a scenario file.

caller:
  to: "+15550100"
  from: "+15550123"
  voice: en-gb                          # or {name, words_per_minute, pitch}
  steps:
    - say: What is my balance?
      when: {agent_silent_s: 0.6}       # or agent_speaking_s (interrupts), or after_s
      timeout_s: 20
    - say: It is one and two.
      press: w12                        # pressed while speaking, after half a second
    - make: cough                       # or door
    - press: "12#"
    - wait: hangup                      # or hang_up: true
network:                                # every field is optional
  dialled:
    "+15550199": {answers: Hello., after_s: 1, stays_s: 0.5}
    "+15550198": {answers: Hello., presses: "1", presses_after_s: 4}   # where a key is requested
    "+15550197": {mailbox: Leave a message after the tone., after_s: 1, records_s: 10}
    "sip:desk@example.com": busy        # or declined, no-answer, failed; or client:NAME
  after_drop: continue                  # or end
  background: silence                   # or no_frames, comfort_noise, television, hold_music
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from simulators.speech.synthesis import Voice
from simulators.yaml_fields import Fields, ScenarioError, parse_yaml

from .dialled import Answers, CannotBeReached, DialledParty, DoesNotAnswer, IsBusy, Mailbox
from .noises import Background, Noise
from .script import (
    Action,
    After,
    AgentSilent,
    AgentSpeaking,
    HangUpStep,
    MakeStep,
    Moment,
    PressStep,
    SayStep,
    Script,
    Step,
    WaitForHangupStep,
)
from .settings import AfterDrop

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_DIALLED = re.compile(rf"{_NUMBER.pattern}|sips?:[^\s@]+@[^\s@]+|client:[\w.-]+")
_NOISES: tuple[Noise, ...] = get_args(Noise)
_AFTER_DROP: tuple[AfterDrop, ...] = get_args(AfterDrop)
_BACKGROUNDS: tuple[Background, ...] = get_args(Background)
_PARTIES: dict[str, DialledParty] = {
    "busy": IsBusy(),
    "declined": IsBusy(after_s=4.0),
    "no-answer": DoesNotAnswer(),
    "failed": CannotBeReached(),
}


def load_script(path: Path) -> Script:
    """Read a scenario file.

    Raises:
        ScenarioError: the file isn't YAML, or a field is missing, unknown or malformed.
        OSError: the file can't be read.
    """
    try:
        return parse_script(path.read_text(encoding="utf-8"))
    except (ScenarioError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error


def parse_script(text: str) -> Script:
    """Like `load_script`, but from text. Ignores other top-level keys."""
    root = parse_yaml(text)
    caller = Fields(root.get("caller"), "caller")
    network = Fields(root.get("network") or {}, "network")
    script = Script(
        to=_number(caller, "to"),
        from_=_number(caller, "from"),
        voice=_voice(caller),
        steps=tuple(_step(fields) for fields in _steps(caller)),
        dialled=_dialled(network),
        after_drop=network.choice("after_drop", _AFTER_DROP, "continue"),
        background=network.choice("background", _BACKGROUNDS, "silence"),
    )
    caller.finish()
    network.finish()
    return script


def _steps(caller: Fields) -> Iterator[Fields]:
    if not caller.get("steps"):
        raise ScenarioError(f"{caller.at('steps')}: must be a list of steps")
    return caller.children("steps")


def _number(fields: Fields, key: str) -> str:
    number = fields.needed_text(key)
    if not _NUMBER.fullmatch(number):
        raise ScenarioError(f"{fields.at(key)}: must be a number such as +15550100")
    return number


def _voice(caller: Fields) -> Voice:
    if "voice" not in caller:
        return Voice()
    value = caller.get("voice")
    if isinstance(value, str) and value:
        return Voice(value)
    fields = Fields(value, caller.at("voice"))
    default = Voice()
    voice = Voice(
        name=fields.text("name") or default.name,
        words_per_minute=fields.whole("words_per_minute", default.words_per_minute, minimum=80),
        pitch=fields.whole("pitch", default.pitch, minimum=0),
    )
    fields.finish()
    return voice


def _step(fields: Fields) -> Step:
    action = _action(fields)
    when = _moment(fields.needed_child("when")) if "when" in fields else None
    default_s = 60.0 if isinstance(action, WaitForHangupStep) else 20.0
    step = Step(action, when, fields.number("timeout_s", default_s))
    fields.finish()
    return step


def _action(fields: Fields) -> Action:
    if "say" in fields and "press" in fields:
        return SayStep(fields.needed_text("say"), _keys(fields, "press", also="w"))
    key = fields.one_of("say", "make", "press", "hang_up", "wait")
    if key == "say":
        return SayStep(fields.needed_text("say"))
    if key == "make":
        return MakeStep(fields.choice("make", _NOISES))
    if key == "press":
        return PressStep(_keys(fields, "press", also="w"))
    if key == "hang_up":
        if fields.get("hang_up") is not True:
            raise ScenarioError(f"{fields.at('hang_up')}: must be true")
        return HangUpStep()
    if fields.text("wait") != "hangup":
        raise ScenarioError(f"{fields.at('wait')}: must be hangup")
    return WaitForHangupStep()


def _moment(fields: Fields) -> Moment:
    key = fields.one_of("agent_silent_s", "agent_speaking_s", "after_s")
    seconds = fields.number(key)
    fields.finish()
    if key == "after_s":
        return After(seconds)
    return AgentSilent(seconds) if key == "agent_silent_s" else AgentSpeaking(seconds)


def _dialled(network: Fields) -> dict[str, DialledParty]:
    if "dialled" not in network:
        return {}
    parties = network.needed_child("dialled")
    return {number: _party(parties, number) for number in parties.keys()}  # noqa: SIM118


def _party(parties: Fields, number: str) -> DialledParty:
    if not _DIALLED.fullmatch(number):
        raise ScenarioError(f"{parties.at(number)}: must be a number such as +15550100")
    value = parties.get(number)
    if isinstance(value, str):
        if value not in _PARTIES:
            known = ", ".join(_PARTIES)
            raise ScenarioError(f"{parties.at(number)}: must be {known} or a mapping")
        return _PARTIES[value]
    fields = Fields(value, parties.at(number))
    party = (
        _mailbox(fields) if fields.one_of("answers", "mailbox") == "mailbox" else _person(fields)
    )
    fields.finish()
    return party


def _person(fields: Fields) -> Answers:
    return Answers(
        says=fields.needed_text("answers"),
        after_s=fields.number("after_s", 1.0),
        stays_s=fields.number("stays_s", 0.5),
        presses=_keys(fields, "presses") if "presses" in fields else "",
        presses_after_s=fields.number("presses_after_s", 1.0),
    )


def _mailbox(fields: Fields) -> Mailbox:
    return Mailbox(
        greeting=fields.needed_text("mailbox"),
        after_s=fields.number("after_s", 1.0),
        records_s=fields.number("records_s", 10.0),
    )


def _keys(fields: Fields, key: str, also: str = "") -> str:
    keys = fields.needed_text(key)
    if set(keys) - set(f"0123456789*#{also}"):
        allowed = "0-9, *, # and w" if also else "0-9, * and #"
        raise ScenarioError(f"{fields.at(key)}: must be {allowed}; it is {keys!r}")
    return keys
