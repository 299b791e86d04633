from pathlib import Path

import pytest

from simulators.speech.synthesis import Voice
from simulators.twilio import Answers, CannotBeReached, DoesNotAnswer, IsBusy, load_script
from simulators.twilio.script import (
    After,
    AgentSilent,
    AgentSpeaking,
    HangUpStep,
    PressStep,
    SayStep,
    Step,
    WaitForHangupStep,
)
from simulators.twilio.script_file import parse_script
from simulators.twilio.yaml_fields import ScenarioError

HEAD = 'caller: {to: "+15550100", from: "+15550123", steps: '

WHOLE = """
model: {greeting: {say: Hello.}}
caller:
  to: "+15550100"
  from: "+15550123"
  voice: {name: de, words_per_minute: 140, pitch: 30}
  steps:
    - say: What is my balance?
      when: {agent_silent_s: 0.6}
    - say: Stop.
      when: {agent_speaking_s: 2}
      timeout_s: 30
    - press: "12#"
      when: {after_s: 1}
    - hang_up: true
    - wait: hangup
network:
  after_drop: end
  comfort_noise: true
  dialled:
    "+15550191": busy
    "+15550192": no-answer
    "+15550193": failed
    "+15550194": {answers: Hello., after_s: 2, stays_s: 3}
"""


def test_a_whole_script_is_read() -> None:
    script = parse_script(WHOLE)
    assert (script.to, script.from_) == ("+15550100", "+15550123")
    assert script.voice == Voice("de", words_per_minute=140, pitch=30)
    assert script.steps == (
        Step(SayStep("What is my balance?"), AgentSilent(0.6)),
        Step(SayStep("Stop."), AgentSpeaking(2.0), timeout_s=30),
        Step(PressStep("12#"), After(1.0)),
        Step(HangUpStep()),
        Step(WaitForHangupStep(), timeout_s=60),
    )
    assert (script.after_drop, script.comfort_noise) == ("end", True)
    assert script.dialled == {
        "+15550191": IsBusy(),
        "+15550192": DoesNotAnswer(),
        "+15550193": CannotBeReached(),
        "+15550194": Answers("Hello.", after_s=2, stays_s=3),
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("caller: [", "not YAML"),
        ("- caller", "the file: expected a mapping"),
        ("model: {}", "caller: expected a mapping, not nothing"),
        ('caller: {from: "+15550123", steps: []}', "caller.to: expected a text, not nothing"),
        ("caller: {to: 15550100}", "caller.to: expected a text, not 15550100"),
        ('caller: {to: "555"}', "caller.to: expected a number such as +15550100"),
        (HEAD + "[]}", "caller.steps: expected a list, not []"),
        (HEAD + "[hello]}", "caller.steps[0]: expected a mapping, not 'hello'"),
        (HEAD + "[{say: a}, {}]}", "caller.steps[1]: expected exactly one of say, press"),
        (HEAD + "[{say: a, press: '1'}]}", "expected exactly one of say, press"),
        (HEAD + "[{say: 7}]}", "caller.steps[0].say: expected a text, not 7"),
        (HEAD + "[{say: a, loud: true}]}", "unknown: caller.steps[0].loud"),
        (HEAD + "[{press: 'abc'}]}", "caller.steps[0].press: expected 0-9"),
        (HEAD + "[{hang_up: no}]}", "caller.steps[0].hang_up: expected true"),
        (HEAD + "[{wait: tea}]}", "caller.steps[0].wait: expected hangup"),
        (HEAD + "[{say: a, when: {}}]}", "steps[0].when: expected exactly one of agent_silent_s"),
        (
            HEAD + "[{say: a, when: {agent_silent_s: soon}}]}",
            "caller.steps[0].when.agent_silent_s: expected a number of at least 0, not 'soon'",
        ),
        (HEAD + "[{say: a, timeout_s: -1}]}", "caller.steps[0].timeout_s: expected a number"),
        (HEAD + "[{say: a}], hat: red}", "unknown: caller.hat"),
        (HEAD + "[{say: a}], voice: {volume: 3}}", "unknown: caller.voice.volume"),
        (HEAD + "[{say: a}]}\nnetwork: {after_drop: stop}", "network.after_drop: expected contin"),
        (HEAD + "[{say: a}]}\nnetwork: {dialled: {x: busy}}", "network.dialled.x: expected a num"),
        (
            HEAD + '[{say: a}]}\nnetwork: {dialled: {"+15550100": gone}}',
            "network.dialled.+15550100: expected busy, no-answer, failed or a mapping",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parse_script(text)
    assert complaint in str(error.value)


def test_the_message_for_a_file_begins_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("model: {}", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"wrong\.yaml: caller: "):
        load_script(path)
