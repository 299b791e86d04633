"""What the model does, second by second, without a clock, a socket or a voice."""

from typing import Any

import pytest

from simulators.gemini_live.actions import Problem, ToolCalled, TurnSpoken, UtteranceHeard
from simulators.gemini_live.memory import Memory
from simulators.gemini_live.messages import (
    ActivityEnded,
    ActivitySettings,
    ActivityStarted,
    AudioChunk,
    AudioStreamEnded,
    Behavior,
    ClientContent,
    ContextUpdate,
    GenerationComplete,
    HistoryTurn,
    InputTranscript,
    Interrupted,
    OutputTranscript,
    ResumptionUpdate,
    Scheduling,
    Setup,
    SetupComplete,
    TextInput,
    ToolCall,
    ToolCallCancellation,
    ToolDeclaration,
    ToolResponse,
    ToolResponses,
    TurnComplete,
    VideoInput,
)
from simulators.gemini_live.refusals import Refused
from simulators.gemini_live.scenario import Pace, PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.setup_rules import EXTENDED_THINKING
from tests.simulators.gemini_live.drive import Drive, setup

GREETING = "Hello, how can I help you?"
LOOK_UP = PlannedCall("look_up", {"number": "12"})
SCENARIO = Scenario(
    greeting=Reply(say=GREETING),
    turns=(
        Turn("name", Reply(say="Hello Anna."), heard=("my name is Anna",)),
        Turn(
            "ask name",
            Reply(say="You are Anna."),
            heard=("what is my name",),
            needs="name",
            forgotten="I do not know your name.",
        ),
        Turn(
            "balance",
            Reply(
                say="Let me look.",
                calls=(LOOK_UP,),
                then="It is {balance} dollars.",
                otherwise="I could not look it up.",
            ),
            heard=("my balance",),
        ),
        Turn("quick", Reply(calls=(LOOK_UP,), then="It is {balance}."), heard=("quickly",)),
        Turn("bye", Reply(say="Goodbye.", calls=(PlannedCall("end_call"),)), heard=("goodbye",)),
        Turn("nudge", Reply(say="Are you there?"), text="caller is silent"),
    ),
    unknown=Reply(say="Pardon?"),
    pace=Pace(thinking_ms=250, chunk_ms=40, speed=4),
)
BLOCKING = (ToolDeclaration("look_up", Behavior.BLOCKING),)


def test_greets_when_asked_and_plays_out() -> None:
    drive = Drive(SCENARIO, setup())
    drive.send(TextInput("Greet the caller."))
    drive.run(10_000)
    assert drive.kinds == [
        "SetupComplete",
        "ResumptionUpdate",
        "speech",
        "GenerationComplete",
        "TurnComplete",
        "ResumptionUpdate",
    ]
    length_ms = len(GREETING) * 50
    assert drive.audio_ms == length_ms
    assert drive.times_of(AudioChunk)[0] == 250
    (generated_ms,) = drive.times_of(GenerationComplete)
    assert generated_ms == pytest.approx(250 + length_ms / 4, abs=20), (
        "must be generated at four times real time"
    )
    (complete_ms,) = drive.times_of(TurnComplete)
    assert complete_ms == pytest.approx(250 + length_ms, abs=1), "must come when playback has ended"


def test_text_runs_ahead_of_the_audio_and_adds_up() -> None:
    drive = Drive(SCENARIO, setup())
    drive.send(TextInput("Greet the caller."))
    drive.run(10_000)
    texts = [m.text for m in drive.story if isinstance(m, OutputTranscript)]
    assert "".join(texts) == GREETING
    assert len(texts) > 1
    assert isinstance(drive.sent[2][1], OutputTranscript), "the first words must precede any audio"


def test_transcripts_and_handles_only_if_asked_for() -> None:
    quiet = setup(input_transcription=False, output_transcription=False, resumption=False)
    drive = Drive(SCENARIO, quiet)
    drive.send(TextInput("Greet the caller."))
    drive.run(10_000)
    drive.caller_says("my name is anna")
    drive.run(20_000)
    unwanted = (InputTranscript, OutputTranscript, ResumptionUpdate)
    assert not [message for message in drive.story if isinstance(message, unwanted)]
    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == [
        GREETING,
        "Hello Anna.",
    ]


def test_answers_what_was_said() -> None:
    drive = Drive(SCENARIO, setup())
    drive.caller_says("my name is anna")
    drive.run(10_000)
    heard = [m.text for m in drive.story if isinstance(m, InputTranscript)]
    assert "".join(heard) == "my name is anna"
    (utterance,) = [note for note in drive.notes if isinstance(note, UtteranceHeard)]
    assert utterance.phrase == "my name is anna"
    assert 0 <= utterance.start_ms < utterance.end_ms <= 2_500


def test_asks_again_when_it_does_not_understand() -> None:
    drive = Drive(SCENARIO, setup())
    drive.caller_says(None)
    drive.run(10_000)
    assert not [m for m in drive.story if isinstance(m, InputTranscript)]
    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == ["Pardon?"]


def test_text_is_answered_by_what_it_contains() -> None:
    drive = Drive(SCENARIO, setup())
    drive.send(TextInput("Greet the caller."))
    drive.run(10_000)
    drive.send(TextInput("[The caller is silent. Ask.]"))
    drive.send(TextInput("My name is Anna."))
    drive.run(20_000)
    said = [note.text for note in drive.notes if isinstance(note, TurnSpoken)]
    assert said == [GREETING, "Hello Anna."], "the second text must replace the first"


@pytest.mark.parametrize("after_ms", [400, 1_200])
def test_stops_when_the_caller_speaks(after_ms: float) -> None:
    """While it is generating (400 ms) and while only playback is left (1 200 ms)."""
    drive = Drive(SCENARIO, setup())
    drive.send(TextInput("Greet the caller."))
    drive.run(after_ms)
    drive.caller_starts()
    drive.run(5_000)
    assert drive.kinds[-3:] == ["Interrupted", "TurnComplete", "ResumptionUpdate"]
    assert drive.times_of(Interrupted) == [after_ms]
    assert max(drive.times_of(AudioChunk)) <= after_ms
    (turn,) = [note for note in drive.notes if isinstance(note, TurnSpoken)]
    assert turn.interrupted
    assert turn.heard_ms == pytest.approx(after_ms - 250, abs=1)
    assert turn.heard_ms <= turn.samples / 24


def test_speech_after_playback_interrupts_nothing() -> None:
    drive = Drive(SCENARIO, setup())
    drive.send(TextInput("Greet the caller."))
    drive.run(3_000)
    drive.caller_starts()
    assert not drive.times_of(Interrupted)


def test_a_caller_who_speaks_while_it_thinks_interrupts_nothing() -> None:
    drive = Drive(SCENARIO, setup())
    drive.caller_says("my name is anna")
    drive.caller_starts()
    drive.run(5_000)
    assert drive.kinds == ["SetupComplete", "InputTranscript", "InputTranscript"]


def test_no_interruption_if_the_setup_says_so() -> None:
    drive = Drive(SCENARIO, setup(activity=ActivitySettings(interrupts=False)))
    drive.send(TextInput("Greet the caller."))
    drive.run(400)
    drive.caller_says("my name is anna")
    drive.run(10_000)
    said = [note.text for note in drive.notes if isinstance(note, TurnSpoken)]
    assert said == [GREETING, "Hello Anna."], "the reply must wait for the end of the greeting"
    assert not drive.times_of(Interrupted)


def test_the_client_may_say_when_speech_begins_and_ends() -> None:
    drive = Drive(SCENARIO, setup(activity=ActivitySettings(automatic=False)))
    drive.send(TextInput("Greet the caller."))
    drive.run(400)
    drive.caller_starts()
    assert not drive.times_of(Interrupted), "sound alone must not interrupt"
    drive.send(ActivityStarted())
    assert drive.times_of(Interrupted) == [400]
    drive.caller_starts()
    drive.send(ActivityEnded())
    drive.understand("my name is anna")
    drive.run(5_000)
    assert drive.audio_ms > 0


def test_explicit_activity_is_refused_while_detection_is_automatic() -> None:
    drive = Drive(SCENARIO, setup())
    with pytest.raises(Refused, match="1007 Explicit activity control"):
        drive.send(ActivityStarted())


def test_the_end_of_the_stream_ends_the_utterance() -> None:
    drive = Drive(SCENARIO, setup())
    drive.caller_starts()
    drive.send(AudioStreamEnded())
    drive.understand("my name is anna")
    drive.run(5_000)
    drive.caller_says("what is my name")
    drive.run(10_000)
    said = [note.text for note in drive.notes if isinstance(note, TurnSpoken)]
    assert said == ["Hello Anna.", "You are Anna."]
    spans = [(n.start_ms, n.end_ms) for n in drive.notes if isinstance(n, UtteranceHeard)]
    assert spans[0][1] <= spans[1][0]


def test_a_tool_call_after_a_sentence() -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("my balance")
    drive.run(500)
    assert drive.kinds[-2:] == ["ToolCall", "GenerationComplete"]
    (call,) = [m for m in drive.story if isinstance(m, ToolCall)]
    assert (call.calls[0].name, call.calls[0].args) == ("look_up", {"number": "12"})
    drive.tool_answers({"output": {"balance": 42}})
    drive.run(10_000)
    said = [note.text for note in drive.notes if isinstance(note, TurnSpoken)]
    assert said == ["Let me look.", "It is 42 dollars."]
    assert drive.kinds.count("TurnComplete") == 2
    handles = [m.handle for m in drive.story if isinstance(m, ResumptionUpdate)]
    assert handles[-1] is not None


def test_is_not_resumable_while_a_tool_works() -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("my balance")
    drive.run(5_000)
    assert drive.story[-2:] == [
        TurnComplete(drive.story[-2].usage),  # type: ignore[union-attr]
        ResumptionUpdate(None),
    ]
    assert not drive.remembered


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        ({"balance": 7}, "It is 7."),
        ({"output": {"balance": 7}}, "It is 7."),
        ({"output": '{"balance": 7}'}, "It is 7."),
        ({"result": {"balance": 7}}, "It is 7."),
        ({"result": '{"balance": 7}'}, "It is 7."),
    ],
)
def test_a_tool_call_without_a_sentence_keeps_the_turn_open(
    response: dict[str, object], sentence: str
) -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("quickly")
    drive.run(5_000)
    assert drive.kinds[-1] == "ToolCall"
    drive.tool_answers(response)
    drive.run(10_000)
    assert drive.kinds.count("TurnComplete") == 1
    assert [n.text for n in drive.notes if isinstance(n, TurnSpoken)] == [sentence]


@pytest.mark.parametrize("output", ["7", "seven dollars", '["balance"]', ""])
def test_a_string_without_an_object_has_no_values(output: str) -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("my balance")
    drive.run(500)
    drive.tool_answers({"output": output})
    drive.run(10_000)
    assert [n.text for n in drive.notes if isinstance(n, TurnSpoken)][-1] == (
        "I could not look it up."
    )


def test_values_of_several_results_are_named_by_their_tool() -> None:
    both = (PlannedCall("one"), PlannedCall("two"))
    reply = Reply(calls=both, then="{one.name}, {two.name}.")
    drive = Drive(Scenario(turns=(Turn("both", reply, heard=("go",)),)), setup("one", "two"))
    drive.caller_says("go")
    drive.run(500)
    [message] = [m for m in drive.story if isinstance(m, ToolCall)]
    responses: tuple[dict[str, Any], ...] = ({"output": {"name": "Anna"}}, {"name": "Otto"})
    drive.send(
        ToolResponses(
            tuple(
                ToolResponse(call.call_id, call.name, response)
                for call, response in zip(message.calls, responses, strict=True)
            )
        )
    )
    drive.run(10_000)
    assert [n.text for n in drive.notes if isinstance(n, TurnSpoken)] == ["Anna, Otto."]


def test_an_error_has_its_own_sentence() -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("my balance")
    drive.run(500)
    drive.tool_answers({"error": "timed out"})
    drive.run(10_000)
    said = [note.text for note in drive.notes if isinstance(note, TurnSpoken)]
    assert said == ["Let me look.", "I could not look it up."]


def test_a_missing_value_is_a_problem_and_an_apology() -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("my balance")
    drive.run(500)
    drive.tool_answers({"output": {"status": "ok"}})
    drive.run(10_000)
    (problem,) = [note for note in drive.notes if isinstance(note, Problem)]
    assert "no balance" in problem.text
    assert drive.notes[-1] == next(n for n in reversed(drive.notes) if isinstance(n, TurnSpoken))


@pytest.mark.parametrize(
    ("behavior", "needs_call_ids", "last"),
    [
        (Behavior.BLOCKING, True, "Let me look."),
        (Behavior.NON_BLOCKING, True, "It is 42 dollars."),
        (Behavior.BLOCKING, False, "Let me look. It is 42 dollars."),
    ],
)
def test_a_response_without_an_id(behavior: Behavior, needs_call_ids: bool, last: str) -> None:
    """On Vertex AI, gemini-3.8-live drops such a response if the call is BLOCKING."""
    tools = (ToolDeclaration("look_up", behavior),)
    drive = Drive(SCENARIO, setup(tools=tools, needs_call_ids=needs_call_ids))
    drive.caller_says("my balance")
    drive.run(2_000)
    drive.send(ToolResponses((ToolResponse("", "look_up", {"balance": 42}),)))
    drive.run(10_000)
    drive.caller_starts()
    assert spoken(drive)[-1] == last


def test_an_undeclared_tool_is_never_called() -> None:
    drive = Drive(SCENARIO, setup())
    drive.caller_says("my balance")
    drive.run(10_000)
    assert not drive.times_of(ToolCall)
    (problem,) = [note for note in drive.notes if isinstance(note, Problem)]
    assert problem.text == "the setup declares no tool look_up"


def test_a_context_update_changes_the_tools() -> None:
    drive = Drive(SCENARIO, setup())
    drive.send(ContextUpdate("New.", (ToolDeclaration("look_up", Behavior.NON_BLOCKING),)))
    drive.caller_says("my balance")
    drive.run(2_000)
    assert drive.times_of(ToolCall)


def test_goodbye_then_the_tool_then_only_an_acknowledgement() -> None:
    drive = Drive(SCENARIO, setup("end_call"))
    drive.caller_says("goodbye")
    drive.run(500)
    assert drive.kinds[-3:] == ["speech", "ToolCall", "GenerationComplete"]
    drive.tool_answers({"output": "ok"})
    drive.run(5_000)
    assert drive.kinds[-5:] == [
        "ResumptionUpdate",
        "ResumptionUpdate",
        "GenerationComplete",
        "TurnComplete",
        "ResumptionUpdate",
    ]
    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == ["Goodbye."]


def test_a_blocking_call_is_cancelled_by_speech() -> None:
    drive = Drive(SCENARIO, setup(tools=BLOCKING))
    drive.caller_says("my balance")
    drive.run(2_000)
    drive.caller_starts()
    (cancelled,) = [m for m in drive.story if isinstance(m, ToolCallCancellation)]
    (called,) = [note for note in drive.notes if isinstance(note, ToolCalled)]
    assert cancelled.call_ids == (called.call_id,)
    assert drive.kinds[-4:] == [
        "ToolCallCancellation",
        "Interrupted",
        "TurnComplete",
        "ResumptionUpdate",
    ]
    drive.tool_answers({"output": {"balance": 1}})
    drive.run(9_000)
    assert drive.kinds[-1] == "ResumptionUpdate", "a late result must be ignored"


def test_a_blocking_call_holds_the_turn_open() -> None:
    drive = Drive(SCENARIO, setup(tools=BLOCKING))
    drive.caller_says("my balance")
    drive.run(5_000)
    assert drive.kinds[-1] == "ToolCall"
    drive.tool_answers({"output": {"balance": 1}})
    drive.run(10_000)
    assert drive.kinds[-4:] == ["speech", "GenerationComplete", "TurnComplete", "ResumptionUpdate"]
    (turn,) = [note for note in drive.notes if isinstance(note, TurnSpoken)]
    assert turn.text == "Let me look. It is 1 dollars."


def test_a_non_blocking_call_survives_speech() -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("my balance")
    drive.run(2_000)
    drive.caller_says("my name is anna")
    drive.tool_answers({"output": {"balance": 42}})
    drive.run(10_000)
    said = [note.text for note in drive.notes if isinstance(note, TurnSpoken)]
    assert said == ["Let me look.", "Hello Anna.", "It is 42 dollars."]
    assert not drive.times_of(ToolCallCancellation)


@pytest.mark.parametrize(
    ("scheduling", "said", "interrupted"),
    [
        (Scheduling.WHEN_IDLE, ["Let me look.", "It is 42 dollars."], 0),
        (Scheduling.INTERRUPT, ["Let me look.", "It is 42 dollars."], 1),
        (Scheduling.SILENT, ["Let me look."], 0),
    ],
)
def test_scheduling_of_a_result(scheduling: Scheduling, said: list[str], interrupted: int) -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("my balance")
    drive.run(500)
    drive.tool_answers({"output": {"balance": 42}}, scheduling=scheduling)
    drive.run(10_000)
    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == said
    assert len(drive.times_of(Interrupted)) == interrupted
    assert drive.remembered, "once every call has a result, the session can be resumed"


def test_several_calls_in_one_message() -> None:
    reply = Reply(
        calls=(PlannedCall("first"), PlannedCall("second")),
        then="{first.output} and {second.output}.",
    )
    scenario = Scenario(turns=(Turn("both", reply, heard=("both",)),))
    drive = Drive(scenario, setup("first", "second"))
    drive.caller_says("both")
    drive.run(2_000)
    (message,) = [m for m in drive.story if isinstance(m, ToolCall)]
    for word, call in zip(("One", "two"), message.calls, strict=True):
        drive.send(ToolResponses((ToolResponse(call.call_id, call.name, {"output": word}),)))
    drive.run(5_000)
    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == ["One and two."]


def test_unknown_and_repeated_answers_are_refused() -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    with pytest.raises(Refused, match="1008 Requested entity was not found"):
        drive.send(ToolResponses((ToolResponse("nobody", "look_up", {}),)))
    drive.caller_says("quickly")
    drive.run(2_000)
    drive.tool_answers({"balance": 1})
    with pytest.raises(Refused, match=r"1007 .* answered already"):
        drive.tool_answers({"balance": 1})


def test_an_answer_that_will_continue_is_not_the_last() -> None:
    drive = Drive(SCENARIO, setup("look_up"))
    drive.caller_says("quickly")
    drive.run(2_000)
    drive.tool_answers({"output": "working"}, will_continue=True)
    drive.run(3_000)
    drive.tool_answers({"balance": 5})
    drive.run(9_000)
    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == ["It is 5."]


def test_a_handle_brings_the_memory_back() -> None:
    first = Drive(SCENARIO, setup())
    first.send(TextInput("Greet the caller."))
    first.run(5_000)
    first.caller_says("my name is anna")
    first.run(10_000)
    last = [m.handle for m in first.story if isinstance(m, ResumptionUpdate)][-1]
    assert last is not None
    again = Drive(SCENARIO, setup(), memory=first.remembered[last])
    again.caller_says("what is my name")
    again.run(5_000)
    again.send(TextInput("Greet the caller."))
    again.run(10_000)
    said = [note.text for note in again.notes if isinstance(note, TurnSpoken)]
    assert said == ["You are Anna.", "Pardon?"], "the model must remember, and not greet twice"


def test_an_older_handle_has_lost_the_last_turn() -> None:
    first = Drive(SCENARIO, setup())
    first.send(TextInput("Greet the caller."))
    first.run(5_000)
    first.caller_says("my name is anna")
    first.run(10_000)
    oldest = next(iter(first.remembered.values()))
    again = Drive(SCENARIO, setup(), memory=oldest)
    again.caller_says("what is my name")
    again.run(5_000)
    (turn,) = [note for note in again.notes if isinstance(note, TurnSpoken)]
    assert turn.text == "I do not know your name."


def test_a_reported_history_counts() -> None:
    drive = Drive(SCENARIO, setup())
    history = (
        HistoryTurn("user", "Hi."),
        HistoryTurn("model", GREETING),
        HistoryTurn("user", "My name is Anna."),
        HistoryTurn("model", "Hello Anna."),
    )
    drive.send(ClientContent(history, turn_complete=False))
    drive.run(2_000)
    assert drive.kinds == ["SetupComplete"], "history alone must not make the model speak"
    drive.send(ClientContent((HistoryTurn("user", "What is my name?"),), turn_complete=True))
    drive.run(5_000)
    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == ["You are Anna."]


def test_content_with_several_turns_asks_by_its_last() -> None:
    drive = Drive(SCENARIO, setup())
    turns = (HistoryTurn("user", "My name is Anna."), HistoryTurn("user", "What is my name?"))
    drive.send(ClientContent(turns, turn_complete=True))
    drive.run(5_000)
    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == ["You are Anna."]


def content(role: str, text: str, *, complete: bool = True) -> ClientContent:
    return ClientContent((HistoryTurn(role, text),), turn_complete=complete)


def spoken(drive: Drive) -> list[str]:
    return [note.text for note in drive.notes if isinstance(note, TurnSpoken)]


@pytest.mark.parametrize("role", ["user", "model"])
def test_an_initial_history_is_not_answered_until_the_talk_begins(role: str) -> None:
    drive = Drive(SCENARIO, setup(begins_with_history=True))
    drive.send(content("user", "My name is Anna.", complete=False))
    drive.send(content(role, "Greet the caller."))
    drive.run(2_000)
    assert drive.kinds == ["SetupComplete"]
    drive.caller_says("what is my name")
    drive.run(5_000)
    assert spoken(drive) == ["You are Anna."]


def test_content_after_the_initial_history_is_answered() -> None:
    drive = Drive(SCENARIO, setup(begins_with_history=True))
    drive.send(content("user", "My name is Anna."))
    drive.send(content("user", "What is my name?"))
    drive.run(5_000)
    assert spoken(drive) == ["You are Anna."]


def test_a_resumed_session_has_no_initial_history() -> None:
    greeted = Memory().with_answer("greeting")
    drive = Drive(SCENARIO, setup(begins_with_history=True), memory=greeted)
    drive.send(content("user", "My name is Anna."))
    drive.run(5_000)
    assert spoken(drive) == ["Hello Anna."]


@pytest.mark.parametrize("text", [" ", ".", ""])
def test_a_text_without_words_asks_for_a_reply_to_the_latest_content(text: str) -> None:
    drive = Drive(SCENARIO, setup(begins_with_history=True))
    drive.send(content("user", "Greet the caller."))
    drive.send(TextInput(text))
    drive.run(5_000)
    assert spoken(drive) == [GREETING]
    drive.send(content("user", "My name is Anna.", complete=False))
    drive.send(TextInput(text))
    drive.run(10_000)
    assert spoken(drive) == [GREETING, "Hello Anna."]


def test_instructions_given_as_the_models_own_words_are_followed() -> None:
    """This is how LiveKit's Google plugin tells models before 3.x what to say."""
    drive = Drive(SCENARIO, setup())
    turns = (HistoryTurn("model", "Say hello."), HistoryTurn("user", "."))
    drive.send(ClientContent(turns, turn_complete=True))
    drive.run(5_000)
    assert spoken(drive) == [GREETING]


def test_a_first_text_without_words_asks_for_the_greeting() -> None:
    drive = Drive(SCENARIO, setup())
    drive.send(TextInput("."))
    drive.run(5_000)
    assert spoken(drive) == [GREETING]


def test_the_same_question_again_gets_the_next_answer() -> None:
    turns = (
        Turn("first", Reply(say="One."), heard=("count",)),
        Turn("second", Reply(say="Two."), heard=("count",)),
    )
    drive = Drive(Scenario(turns=turns), setup())
    for _ in range(3):
        drive.caller_says("count")
        drive.run(drive.now_ms + 3_000)
    said = [note.text for note in drive.notes if isinstance(note, TurnSpoken)]
    assert said == ["One.", "Two.", "Two."]


def test_a_conversation_reported_in_the_instructions_is_known() -> None:
    told = "Be brief. Until now:\nYou: Hello.\nCaller: My name is Anna.\nYou: Hello Anna."
    drive = Drive(SCENARIO, setup(system_instruction=told))

    drive.send(TextInput("What is my name?"))
    drive.run(5_000)

    assert [note.text for note in drive.notes if isinstance(note, TurnSpoken)] == ["You are Anna."]


def test_every_turn_bills_the_whole_context_again() -> None:
    drive = Drive(SCENARIO, setup(system_instruction="x" * 400))
    drive.send(TextInput("y" * 40))
    drive.run(5_000)
    drive.caller_says("my name is anna")
    drive.run(10_000)
    first, second = [m.usage for m in drive.story if isinstance(m, TurnComplete)]
    assert first is not None
    assert second is not None
    greeting_tokens = 33  # 1.3 s at 25 a second, rounded up
    assert (first.prompt_text, first.prompt_audio, first.response_audio) == (
        110,
        0,
        greeting_tokens,
    )
    assert second.prompt_text == 110
    assert second.prompt_audio > greeting_tokens, (
        "must count the model's greeting and the caller's question"
    )


def test_some_models_say_that_they_are_idle() -> None:
    drive = Drive(SCENARIO, setup(model=EXTENDED_THINKING))
    drive.send(TextInput("Greet the caller."))
    drive.run(5_000)
    assert [m.idle for m in drive.story if isinstance(m, TurnComplete)] == [True]


def test_setup_is_confirmed_first() -> None:
    assert Drive(SCENARIO, setup()).story == [SetupComplete("s1")]


SEEING = Scenario(
    greeting=Reply(say=GREETING),
    turns=(
        Turn("label", Reply(say="I see lot one."), seen=("label",)),
        Turn("meter", Reply(say="I see a meter."), seen=("meter",)),
        Turn("letter", Reply(calls=(PlannedCall("transfer_call"),)), seen=("letter",)),
        Turn(
            "lot",
            Reply(say="It is lot one."),
            heard=("what is the lot",),
            needs="label",
            forgotten="I have seen no label.",
        ),
        Turn("nudge", Reply(say="Are you there?"), text="caller is silent"),
    ),
    unknown=Reply(say="I cannot tell."),
)


def greeted(session: Setup | None = None) -> Drive:
    drive = Drive(SEEING, session or setup())
    drive.send(TextInput("Greet the caller."))
    drive.run(5_000)
    return drive


def said(drive: Drive) -> list[str]:
    return [note.text for note in drive.notes if isinstance(note, TurnSpoken)][1:]


def test_nothing_is_said_about_a_picture_before_a_text_asks() -> None:
    drive = greeted()
    drive.send(VideoInput("label"))
    drive.run(drive.now_ms + 3_000)
    assert said(drive) == []
    drive.send(TextInput("The caller has sent a photo."))
    drive.run(drive.now_ms + 5_000)
    assert said(drive) == ["I see lot one."]
    drive.send(TextInput("And now?"))
    drive.run(drive.now_ms + 5_000)
    assert said(drive)[1:] == ["I cannot tell."], "the photo must be mentioned only once"


def test_pictures_are_discussed_in_order() -> None:
    drive = greeted()
    for shows in ("meter", None, "label"):
        drive.send(VideoInput(shows))
    drive.send(TextInput("The caller has sent photos."))
    drive.run(drive.now_ms + 8_000)
    assert said(drive) == ["I see a meter. I see lot one. I cannot tell."]


def test_a_text_with_its_own_turn_is_not_about_the_picture() -> None:
    drive = greeted()
    drive.send(VideoInput("label"))
    drive.send(TextInput("The caller is silent."))
    drive.run(drive.now_ms + 5_000)
    assert said(drive) == ["Are you there?"]


def test_a_picture_is_known_to_the_session_and_to_those_that_resume_it() -> None:
    drive = greeted()
    drive.caller_says("what is the lot")
    drive.run(drive.now_ms + 5_000)
    drive.send(VideoInput("label"))
    drive.caller_says("what is the lot")
    drive.run(drive.now_ms + 8_000)
    assert said(drive) == ["I have seen no label.", "It is lot one."]


def test_a_picture_is_billed_in_every_turn() -> None:
    drive = greeted()
    drive.send(VideoInput("label"))
    for _ in range(2):
        drive.send(TextInput("And?"))
        drive.run(drive.now_ms + 5_000)
    usages = [m.usage for m in drive.story if isinstance(m, TurnComplete)]
    assert [usage.prompt_image for usage in usages if usage] == [0, 258, 258]
