from pathlib import Path

import pytest

from simulators.speech.synthesis import Voice
from simulators.twilio import (
    Answers,
    CannotBeReached,
    DoesNotAnswer,
    IsBusy,
    Mailbox,
    load_script,
)
from simulators.twilio.script import (
    After,
    AgentSilent,
    AgentSpeaking,
    HangUpStep,
    MakeStep,
    PressStep,
    SayStep,
    Step,
    WaitForHangupStep,
)
from simulators.twilio.script_file import parse_script
from simulators.yaml_fields import ScenarioError

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
    - say: It is one.
      press: w1
    - make: cough
    - hang_up: true
    - wait: hangup
network:
  after_drop: end
  background: television
  dialled:
    "+15550191": busy
    "+15550192": no-answer
    "+15550193": failed
    "+15550194": {answers: Hello., after_s: 2, stays_s: 3}
    "+15550195": {answers: Hello., presses: "1", presses_after_s: 4}
    "+15550196": {mailbox: Leave a message., after_s: 2, records_s: 3}
    "+15550197": declined
    sip:desk@example.com: busy
    client:alex: no-answer
"""


def test_a_whole_script_is_read() -> None:
    script = parse_script(WHOLE)
    assert (script.to, script.from_) == ("+15550100", "+15550123")
    assert script.voice == Voice("de", words_per_minute=140, pitch=30)
    assert script.steps == (
        Step(SayStep("What is my balance?"), AgentSilent(0.6)),
        Step(SayStep("Stop."), AgentSpeaking(2.0), timeout_s=30),
        Step(PressStep("12#"), After(1.0)),
        Step(SayStep("It is one.", press="w1")),
        Step(MakeStep("cough")),
        Step(HangUpStep()),
        Step(WaitForHangupStep(), timeout_s=60),
    )
    assert (script.after_drop, script.background) == ("end", "television")
    assert script.dialled == {
        "+15550191": IsBusy(),
        "+15550192": DoesNotAnswer(),
        "+15550193": CannotBeReached(),
        "+15550194": Answers("Hello.", after_s=2, stays_s=3),
        "+15550195": Answers("Hello.", presses="1", presses_after_s=4),
        "+15550196": Mailbox("Leave a message.", after_s=2, records_s=3),
        "+15550197": IsBusy(after_s=4),
        "sip:desk@example.com": IsBusy(),
        "client:alex": DoesNotAnswer(),
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("caller: [", "invalid YAML"),
        ("- caller", "the file: must be a mapping"),
        ("model: {}", "caller: must be a mapping; it is missing"),
        ('caller: {from: "+15550123", steps: []}', "caller.to: must be text; it is missing"),
        ("caller: {to: 15550100}", "caller.to: must be text; it is 15550100"),
        ('caller: {to: "555"}', "caller.to: must be a number such as +15550100"),
        (HEAD + "[]}", "caller.steps: must be a list of steps"),
        (HEAD + "[hello]}", "caller.steps[0]: must be a mapping; it is 'hello'"),
        (HEAD + "[{say: a}, {}]}", "caller.steps[1]: must have one of say, make, press"),
        (HEAD + "[{say: a, make: cough}]}", "must have one of say, make, press"),
        (HEAD + "[{make: tea}]}", "caller.steps[0].make: must be cough or door; it is 'tea'"),
        (HEAD + "[{say: 7}]}", "caller.steps[0].say: must be text; it is 7"),
        (HEAD + "[{say: a, loud: true}]}", "caller.steps[0].loud: unknown field"),
        (HEAD + "[{press: 'abc'}]}", "caller.steps[0].press: must be 0-9"),
        (HEAD + "[{hang_up: no}]}", "caller.steps[0].hang_up: must be true"),
        (HEAD + "[{wait: tea}]}", "caller.steps[0].wait: must be hangup"),
        (HEAD + "[{say: a, when: {}}]}", "steps[0].when: must have one of agent_silent_s"),
        (
            HEAD + "[{say: a, when: {agent_silent_s: soon}}]}",
            "caller.steps[0].when.agent_silent_s: must be a number of at least 0; it is 'soon'",
        ),
        (HEAD + "[{say: a, timeout_s: -1}]}", "caller.steps[0].timeout_s: must be a number"),
        (HEAD + "[{say: a}], hat: red}", "caller.hat: unknown field"),
        (HEAD + "[{say: a}], voice: {volume: 3}}", "caller.voice.volume: unknown field"),
        (HEAD + "[{say: a}]}\nnetwork: {after_drop: stop}", "network.after_drop: must be contin"),
        (
            HEAD + "[{say: a}]}\nnetwork: {background: rain}",
            "network.background: must be silence, no_frames, comfort_noise, television or hold",
        ),
        (HEAD + "[{say: a}]}\nnetwork: {dialled: {x: busy}}", "network.dialled.x: must be a num"),
        (
            HEAD + '[{say: a}]}\nnetwork: {dialled: {"+15550100": {after_s: 1}}}',
            "network.dialled.+15550100: must have one of answers, mailbox",
        ),
        (
            HEAD + '[{say: a}]}\nnetwork: {dialled: {"+15550100": {answers: a, presses: w}}}',
            "network.dialled.+15550100.presses: must be 0-9, * and #; it is 'w'",
        ),
        (
            HEAD + '[{say: a}]}\nnetwork: {dialled: {"+15550100": gone}}',
            "network.dialled.+15550100: must be busy, declined, no-answer, failed or a mapping",
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
