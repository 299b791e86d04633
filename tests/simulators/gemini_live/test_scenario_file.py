"""Scenario files: what they contain, and errors that name the field."""

from pathlib import Path

import pytest

from simulators.gemini_live.faults import (
    After,
    Close,
    Fault,
    GoingAway,
    IgnoreShortSounds,
    Moment,
    ReciteBadly,
    RefuseSetup,
    RefuseUpgrade,
    ReplaceVoice,
    SendMessage,
)
from simulators.gemini_live.scenario import (
    Pace,
    PlannedCall,
    Reply,
    Scenario,
    Turn,
)
from simulators.gemini_live.scenario_file import load_scenario, parse_scenario
from simulators.speech.recognition import Recognizer
from simulators.speech.synthesis import Voice
from simulators.yaml_fields import ScenarioError

DEMONSTRATION = Path(__file__).parents[3] / "simulators" / "scenarios" / "demonstration.yaml"
WHOLE = """
caller: {anything: goes}
model:
  voice: de
  words_per_minute: 180
  decoys: [go away]
  pace: {thinking_ms: 100, chunk_ms: 20, speed: 8}
  greeting: {say: Hello.}
  turns:
    - name: balance
      heard: my balance
      say: Let me look.
      call: {tool: look_up, args: {number: "1"}}
      then: It is {output.balance}.
      otherwise: I cannot.
    - heard: [again, once more]
      needs: balance
      forgotten: What?
      call: [{tool: one}, {tool: two}]
    - text: silent
      say: Are you there?
    - seen: [label, meter]
      say: I see it.
  unknown: {say: "Pardon?"}
  faults:
    - do: refuse_upgrade
      status: 401
      session: 1
    - do: close
      code: 1008
      after: {turns: 2}
    - do: go_away
      time_left_s: 5
      after: {seconds: 1.5}
    - do: go_away
      every_s: 2
    - do: replace_voice
      by: tone
    - do: recite_badly
      by: cut_off
    - do: ignore_short_sounds
      below_s: 0.4
      stops: true
"""


def test_a_whole_scenario() -> None:
    assert parse_scenario(WHOLE) == Scenario(
        voice=Voice("de", words_per_minute=180),
        decoys=("go away",),
        pace=Pace(thinking_ms=100, chunk_ms=20, speed=8),
        greeting=Reply(say="Hello."),
        turns=(
            Turn(
                "balance",
                Reply(
                    say="Let me look.",
                    calls=(PlannedCall("look_up", {"number": "1"}),),
                    then="It is {output.balance}.",
                    otherwise="I cannot.",
                ),
                heard=("my balance",),
            ),
            Turn(
                "turn-2",
                Reply(calls=(PlannedCall("one"), PlannedCall("two"))),
                heard=("again", "once more"),
                needs="balance",
                forgotten="What?",
            ),
            Turn("turn-3", Reply(say="Are you there?"), text="silent"),
            Turn("turn-4", Reply(say="I see it."), seen=("label", "meter")),
        ),
        unknown=Reply(say="Pardon?"),
        faults=(
            Fault(RefuseUpgrade(401), session=1),
            Fault(Close(1008), After(Moment.TURNS, 2)),
            Fault(GoingAway(5), After(Moment.SECONDS, 1.5)),
            Fault(GoingAway(10, every_s=2)),
            Fault(ReplaceVoice("tone")),
            Fault(ReciteBadly("cut_off")),
            Fault(IgnoreShortSounds(0.4, stops=True)),
        ),
    )


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        ("[]", "model: must be a mapping; it is []"),
        ("{turn: []}", "model.turn: unknown field; the known ones are turns, greeting"),
        ("{voice: 5}", "model.voice: must be text; it is 5"),
        ("{greeting: {say: ''}}", "model.greeting.say: must be text; it is ''"),
        ("{greeting: {}}", "model.greeting.say: a reply needs say or call"),
        ("{turns: [{say: x}]}", "model.turns[0].heard: a turn needs heard, text or seen"),
        ("{turns: [{heard: [x, 5], say: x}]}", "model.turns[0].heard: must be text or a list"),
        ("{turns: [{heard: x, say: x, tell: y}]}", "model.turns[0].tell: unknown field"),
        ("{turns: [{heard: x, call: {args: {}}}]}", "model.turns[0].call[0].tool: must be text"),
        ("{turns: [{heard: x, say: x, then: y}]}", "turns[0].then: only makes sense after a call"),
        ("{turns: [{heard: x, say: x, needs: z}]}", "turn-1 needs z, which isn't a turn"),
        ("{turns: [{name: a, heard: x, say: x}, {name: a, heard: y, say: y}]}", "are named a"),
        ("{pace: {speed: 0}}", "model.pace.speed: must be a number of at least 0.1; it is 0"),
        ("{pace: {speed: true}}", "model.pace.speed: must be a number"),
        ("{words_per_minute: 99.5}", "model.words_per_minute: must be a whole number; it is 99.5"),
        ("{recognition: {}}", "model.recognition.by: must be grammar or matching; it is missing"),
        (
            "{recognition: {by: ear}}",
            "model.recognition.by: must be grammar or matching; it is 'ear'",
        ),
        (
            "{turns: [{seen: cat, say: x}]}",
            "turns[0].seen: must be one of broken_crate, label, letter",
        ),
        (
            "{recognition: {by: matching}}",
            "recognition.voice: must be the caller's voice; it is missing",
        ),
        ("{recognition: {by: grammar, voice: de}}", "model.recognition.voice: unknown field"),
        ("{faults: [{do: explode}]}", "model.faults[0].do: unknown fault 'explode'"),
        ("{faults: [{do: close, status: 1}]}", "model.faults[0].status: unknown field"),
        ("{faults: [{do: close, after: {moons: 1}}]}", "after: must have one of seconds"),
        ("{faults: [{do: stall, deaf: 1}]}", "model.faults[0].deaf: must be true or false"),
        (
            "{faults: [{do: replace_voice}]}",
            "faults[0].by: must be silence, noise or tone; it is missing",
        ),
        ("{faults: [{do: send_message, message: 5}]}", "faults[0].message: must be a mapping"),
    ],
)
def test_errors_name_the_field(model: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parse_scenario(f"model: {model}")
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("model", "voice"),
    [
        ("{}", None),
        ("{recognition: {by: grammar}}", None),
        ("{voice: en-us, recognition: {by: matching, voice: de}}", Voice("de")),
        (
            "{recognition: {by: matching, voice: de, words_per_minute: 200}}",
            Voice("de", words_per_minute=200),
        ),
    ],
)
def test_the_voice_that_sentences_are_known_by(model: str, voice: Voice | None) -> None:
    assert parse_scenario(f"model: {model}").caller_voice == voice


@pytest.mark.parametrize("text", ["", "a: [", "caller: {}", "model:"])
def test_files_without_a_model(text: str) -> None:
    with pytest.raises(ScenarioError):
        parse_scenario(text)


@pytest.mark.parametrize(
    "name",
    [
        "withhold_setup",
        "delay_setup",
        "abort",
        "phantom_interruption",
        "send_message",
        "send_binary",
        "ask_again",
        "flood",
        "change_speed",
        "delay_caller_transcripts",
        "trail_agent_transcripts",
        "end_empty_turns",
        "ignore_short_sounds",
        "hear_nobody",
        "end_turn_with_call",
        "repeat_turn_complete",
        "forget_handles",
        "forget_session",
        "refuse_long_setup",
        "refuse_resumption",
    ],
)
def test_every_fault_has_a_name(name: str) -> None:
    assert len(parse_scenario(f"model: {{faults: [{{do: {name}}}]}}").faults) == 1


def test_a_message_is_sent_as_written() -> None:
    scenario = parse_scenario("model: {faults: [{do: send_message, message: {error: {code: 13}}}]}")
    assert scenario.faults[0].action == SendMessage({"error": {"code": 13}})


@pytest.mark.parametrize(
    ("args", "given"),
    [
        ("[1, 2]", [1, 2]),
        ("x", "x"),
        ("5", 5),
        ("null", None),
        ("{parcel: 9400111899223197428490}", {"parcel": 9400111899223197428490}),
        (r'{name: "\ud83d"}', {"name": "\ud83d"}),
    ],
)
def test_arguments_may_be_what_models_have_been_seen_to_send(args: str, given: object) -> None:
    text = f"model: {{turns: [{{heard: x, call: {{tool: t, args: {args}}}}}]}}"
    (call,) = parse_scenario(text).turns[0].reply.calls

    assert call.args == given


def test_a_call_without_arguments_has_none() -> None:
    greeting = parse_scenario("model: {greeting: {call: {tool: t}}}").greeting
    assert greeting is not None
    (call,) = greeting.calls

    assert call.args == {}


def test_a_setup_is_refused_for_a_reason_that_is_known() -> None:
    text = "model: {faults: [{do: refuse_setup, why: %s}]}"
    [fault] = parse_scenario(text % "wrong_key").faults
    assert fault.action == RefuseSetup("wrong_key")
    with pytest.raises(ScenarioError, match="why: must be one of wrong_key, expired_key"):
        parse_scenario(text % "no_reason")


def test_the_demonstration_can_be_heard() -> None:
    scenario = load_scenario(DEMONSTRATION)
    Recognizer(scenario.phrases, scenario.decoys, rate_hz=8_000)
    assert scenario.greeting
    tools = {call.tool for turn in scenario.turns for call in turn.reply.calls}
    assert tools == {"lookup_account", "end_call"}
