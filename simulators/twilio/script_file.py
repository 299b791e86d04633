"""Loads the `caller` and `network` parts of a scenario file.

caller:
  to: "+15550100"
  from: "+15550123"
  voice: en-gb                          # or {name, words_per_minute, pitch}
  steps:
    - say: What is my balance?
      when: {agent_silent_s: 0.6}       # or agent_speaking_s (interrupts), or after_s
      timeout_s: 20
    - press: "12#"
    - wait: hangup                      # or hang_up: true
network:                                # all of it optional
  dialled:
    "+15550199": {answers: Hello., after_s: 1, stays_s: 0.5}   # or busy, no-answer, failed
  after_drop: continue                  # or end
  comfort_noise: false
"""

import re
from pathlib import Path

import yaml

from simulators.speech.synthesis import Voice

from .dialled import Answers, CannotBeReached, DialledParty, DoesNotAnswer, IsBusy
from .script import (
    Action,
    After,
    AgentSilent,
    AgentSpeaking,
    HangUpStep,
    Moment,
    PressStep,
    SayStep,
    Script,
    Step,
    WaitForHangupStep,
)
from .settings import AfterDrop
from .yaml_fields import Fields, ScenarioError

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_PARTIES: dict[str, DialledParty] = {
    "busy": IsBusy(),
    "no-answer": DoesNotAnswer(),
    "failed": CannotBeReached(),
}


def load_script(path: Path) -> Script:
    """Read a scenario file.

    Raises:
        ScenarioError: the file is no YAML, or a field is missing, unknown or malformed.
        OSError: the file cannot be read.
    """
    try:
        return parse_script(path.read_text(encoding="utf-8"))
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from error


def parse_script(text: str) -> Script:
    """As `load_script`, for the text of a file. Top-level keys of others are left alone."""
    try:
        root = Fields(yaml.safe_load(text), "")
    except yaml.YAMLError as error:
        raise ScenarioError(f"not YAML: {error}") from error
    caller = root.fields("caller")
    network = root.fields("network") if root.has("network") else Fields({}, "network")
    script = Script(
        to=_number(caller, "to"),
        from_=_number(caller, "from"),
        voice=_voice(caller),
        steps=tuple(_step(fields) for fields in caller.items("steps")),
        dialled=_dialled(network),
        after_drop=_after_drop(network),
        comfort_noise=network.flag("comfort_noise", False),
    )
    caller.done()
    network.done()
    return script


def _number(fields: Fields, key: str) -> str:
    number = fields.text(key)
    if not _NUMBER.fullmatch(number):
        raise ScenarioError(f"{fields.path(key)}: expected a number such as +15550100")
    return number


def _voice(caller: Fields) -> Voice:
    if not caller.has("voice"):
        return Voice()
    value = caller.take("voice")
    if isinstance(value, str) and value:
        return Voice(value)
    fields = Fields(value, caller.path("voice"))
    default = Voice()
    voice = Voice(
        name=fields.text("name", default.name),
        words_per_minute=int(fields.number("words_per_minute", default.words_per_minute)),
        pitch=int(fields.number("pitch", default.pitch)),
    )
    fields.done()
    return voice


def _step(fields: Fields) -> Step:
    action = _action(fields)
    when = _moment(fields.fields("when")) if fields.has("when") else None
    default_s = 60.0 if isinstance(action, WaitForHangupStep) else 20.0
    step = Step(action, when, fields.number("timeout_s", default_s))
    fields.done()
    return step


def _action(fields: Fields) -> Action:
    key = fields.one_of("say", "press", "hang_up", "wait")
    if key == "say":
        return SayStep(fields.text("say"))
    if key == "press":
        keys = fields.text("press")
        if set(keys) - set("0123456789*#w"):
            raise ScenarioError(f"{fields.path('press')}: expected 0-9, *, # and w, not {keys!r}")
        return PressStep(keys)
    if key == "hang_up":
        if fields.take("hang_up") is not True:
            raise ScenarioError(f"{fields.path('hang_up')}: expected true")
        return HangUpStep()
    if fields.text("wait") != "hangup":
        raise ScenarioError(f"{fields.path('wait')}: expected hangup")
    return WaitForHangupStep()


def _moment(fields: Fields) -> Moment:
    key = fields.one_of("agent_silent_s", "agent_speaking_s", "after_s")
    seconds = fields.number(key)
    fields.done()
    if key == "after_s":
        return After(seconds)
    return AgentSilent(seconds) if key == "agent_silent_s" else AgentSpeaking(seconds)


def _dialled(network: Fields) -> dict[str, DialledParty]:
    if not network.has("dialled"):
        return {}
    parties = network.fields("dialled")
    return {number: _party(parties, number) for number in parties.keys()}  # noqa: SIM118


def _party(parties: Fields, number: str) -> DialledParty:
    if not _NUMBER.fullmatch(number):
        raise ScenarioError(f"{parties.path(number)}: expected a number such as +15550100")
    value = parties.take(number)
    if isinstance(value, str):
        if value not in _PARTIES:
            expected = ", ".join(_PARTIES)
            raise ScenarioError(f"{parties.path(number)}: expected {expected} or a mapping")
        return _PARTIES[value]
    fields = Fields(value, parties.path(number))
    answers = Answers(
        says=fields.text("answers"),
        after_s=fields.number("after_s", 1.0),
        stays_s=fields.number("stays_s", 0.5),
    )
    fields.done()
    return answers


def _after_drop(network: Fields) -> AfterDrop:
    match network.text("after_drop", "continue"):
        case "continue":
            return "continue"
        case "end":
            return "end"
        case other:
            path = network.path("after_drop")
            raise ScenarioError(f"{path}: expected continue or end, not {other!r}")
