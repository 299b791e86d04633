"""Situations to record, played on the virtual stage, so that every branch of a call is covered.

Each function plays one call, and the recording has its name.
"""

from collections.abc import Callable

import msgspec

from ringdown.agents import Idle
from ringdown.calls import EndReason, Speaker, Turn, Usage
from ringdown.tools import ASK_FOR_PHOTO, ToolAnswer, ToolDeclaration
from stream_handler.call.events import (
    AgentEdited,
    DrainRequested,
    GoAwayReceived,
    ModelAudio,
    ModelConnected,
    ModelConnectFailed,
    PictureReceived,
    ResumptionUpdated,
    SaveFailed,
    StreamLost,
    StreamStarted,
    StreamStopped,
    TextReceived,
    TimerFired,
    ToolCallCancelled,
)
from stream_handler.call.timers import Timer
from tests.ringdown.samples import a_call, a_tool, a_turn, an_agent
from tests.stream_handler.call.line import Line
from tests.stream_handler.call.stage import QUIET_DBFS, WORDS, Stage, call_of

FALLBACK = "+14155550177"
CLIP, CLIP_WORDS = bytes([2]) * 24_000, "Hello, this is Anvil and Sons."
PEOPLE = {"billing": "+14155550111", "repairs": "+14155550112"}
ANSWER = ToolAnswer(output={"status": "active"})
NUMBERED = msgspec.structs.replace(
    a_tool("count"),
    parameters={
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
    },
)


def with_tools(*tools: ToolDeclaration, phrases: tuple[str, ...] = ()) -> Stage:
    return Stage(msgspec.structs.replace(call_of(waiting_phrases=phrases), tools=tools))


def hang_up(stage: Stage) -> Stage:
    stage.handle(StreamStopped(stage.now_ms))
    stage.saved()
    return stage


def resumable(stage: Stage, handle: str) -> None:
    stage.handle(ResumptionUpdated(stage.now_ms, handle))


# Conversation


def short_call() -> Stage:
    stage = Stage().greeted()
    stage.caller_says("When do you open?")
    stage.pass_ms(300)
    stage.agent_text("We open ")
    stage.audio(300)
    stage.pass_ms(200)
    stage.audio(1_200)
    stage.agent_text("at nine.")
    stage.audio(0)
    stage.generation_completed()
    stage.pass_ms(1_400)
    stage.turn_completed()
    stage.usage(Usage(reports=1, prompt={"AUDIO": 900}, response={"AUDIO": 40}, total=940))
    stage.caller_says("Thank you.")
    stage.caller(100, -38.0)  # a chair moves
    stage.caller(500, QUIET_DBFS)
    stage.reply("Goodbye.", 800)
    stage.end_call()
    stage.usage(Usage(reports=1, prompt={"AUDIO": 999}, thoughts=7, total=1_006))
    stage.pass_ms(900)
    stage.saved()
    return stage


def barge_in() -> Stage:
    stage = Stage(line=Line(down_ms=60, up_ms=60)).greeted()
    stage.caller_says("Tell me everything.")
    stage.agent_text(" ".join(f"word{n}" for n in range(40)))
    stage.audio(4_000)
    stage.audio(4_000)
    stage.pass_ms(1_730)
    stage.caller(300)
    stage.interrupted()
    stage.audio(200)  # late audio of the interrupted reply
    stage.caller(700)
    stage.turn_completed()
    stage.caller(400, QUIET_DBFS)
    stage.caller_text("No, the other one.")
    stage.reply("The other one, then.", 900)
    stage.caller(1_500, QUIET_DBFS)
    return hang_up(stage)


def two_replies_interrupted() -> Stage:
    """A second reply is queued behind the first when both are cut; no marks come back."""
    line = Line(down_ms=40, up_ms=300)
    stage = Stage(line=line, call=call_of(protect_greeting=False)).begun()
    stage.reply("Hello, you have reached Anvil and Sons.", 2_500)
    stage.reply("How can I help?", 1_000)
    stage.pass_ms(2_700)
    line.echoing = False
    stage.interrupted()
    stage.caller_says("Just a question.")
    stage.turn_completed()
    stage.reply("Yes, please?", 600)
    stage.pass_ms(4_000)
    stage.interrupted()  # for no reason
    stage.pass_ms(6_000)
    return hang_up(stage)


def late_transcripts() -> Stage:
    stage = Stage().greeted()
    stage.caller(900)
    stage.caller(500, QUIET_DBFS)
    stage.audio(500)
    stage.caller_text("What do ")
    stage.agent_text("Bread.")
    stage.caller_text("you sell?")
    stage.generation_completed()
    stage.turn_completed()
    stage.agent_text(" And cake.")
    stage.pass_ms(700)
    stage.caller_text("Softly spoken.")
    stage.reply("Pardon?", 400)
    stage.pass_ms(900)
    return hang_up(stage)


def protected_greeting() -> Stage:
    stage = Stage().begun()
    stage.agent_text("Hello, this is Anvil and Sons.")
    stage.audio(4_000)
    stage.generation_completed()
    stage.caller(500)
    stage.caller(1_000, QUIET_DBFS)
    stage.caller(2_200)
    stage.caller(900, QUIET_DBFS)
    stage.turn_completed()
    stage.caller_text("Do you open on Sundays?")
    stage.reply("We do.", 500)
    stage.caller(1_000, QUIET_DBFS)
    return hang_up(stage)


def clip_heard_out() -> Stage:
    """The caller asks a question during a protected clip, before the model is connected."""
    stage = Stage(call_of(greeting=CLIP_WORDS))
    stage.handle(StreamStarted(0.0, greeting=CLIP))
    stage.caller(1_600)
    stage.handle(ModelConnected(stage.now_ms))
    stage.caller(1_800, QUIET_DBFS)
    stage.caller_text("Do you open on Sundays?")
    stage.reply("We do.", 500)
    stage.caller(1_000, QUIET_DBFS)
    return hang_up(stage)


def clip_cut() -> Stage:
    """An unprotected clip stops for the caller; the next text says how much they heard."""
    stage = Stage(call_of(greeting=CLIP_WORDS, protect_greeting=False))
    stage.handle(StreamStarted(0.0, greeting=CLIP))
    stage.handle(ModelConnectFailed(stage.now_ms, "try later", 503))
    stage.caller(900, QUIET_DBFS)
    stage.caller(700)
    stage.caller(600, QUIET_DBFS)
    stage.reply("Yes, please?", 500)
    stage.pass_ms(700)
    stage.types("4")
    stage.pass_ms(2_100)
    stage.reply("Four.", 400)
    stage.pass_ms(500)
    return hang_up(stage)


def clip_and_no_model() -> Stage:
    stage = Stage(call_of(greeting=CLIP_WORDS))
    stage.handle(StreamStarted(0.0, greeting=CLIP))
    stage.pass_ms(400)
    stage.handle(ModelConnectFailed(stage.now_ms, "the key is wrong", 403))
    stage.pass_ms(3_000)
    stage.saved()
    return stage


def ringing_and_never_a_word() -> Stage:
    stage = Stage().begun()
    stage.caller(1_000)
    stage.pass_ms(15_000)
    stage.saved()
    return stage


def transferred_and_back() -> Stage:
    call = msgspec.structs.replace(
        a_call(attempt=2), resumed_from=EndReason.TRANSFERRED, failed_transfers=("billing",)
    )
    stage = Stage(call, history=(a_turn(1), a_turn(2, text="I am connecting you.")))
    stage.now_ms = 30_000.0
    stage.handle(StreamStarted(stage.now_ms))
    stage.pass_ms(900)
    stage.handle(ModelConnected(stage.now_ms))
    stage.reply("Billing does not answer. How else can I help?", 1_800)
    stage.pass_ms(2_000)
    return hang_up(stage)


# Tools


def slow_tool() -> Stage:
    """A tone covers the wait; the model cancels the first call and gets the second's result."""
    stage = with_tools(a_tool(), phrases=("One moment.",)).greeted()
    stage.caller_says("Is my account active?")
    stage.reply("I will look.", 600)
    stage.tool_call("t1", args={"account": 1}, blocks=True)
    stage.caller(3_200, QUIET_DBFS)
    stage.caller(600)
    stage.interrupted()
    stage.handle(ToolCallCancelled(stage.now_ms, ("t1", "unknown")))
    stage.caller_says("No, account two.")
    stage.tool_call("t2", args={"account": 2})
    stage.pass_ms(1_700)
    stage.tool_finished("t2", ANSWER)
    stage.tool_finished("t2", ANSWER)
    stage.reply("It is active.", 700)
    stage.pass_ms(800)
    return hang_up(stage)


def tools_refused() -> Stage:
    stage = with_tools(NUMBERED, a_tool()).greeted()
    stage.tool_call("x", "no_such_tool")
    stage.tool_call("bad", "count", {"n": "three"})
    stage.tool_call("same1", "count", {"n": 0})
    stage.tool_call("same2", "count", {"n": 0})
    for n in range(1, 9):
        stage.tool_call(f"t{n}", "count", {"n": n})
    stage.tool_finished("same1", ANSWER)
    stage.tool_call("same3", "count", {"n": 0})
    stage.tool_finished("t1", ToolAnswer.failed("The tool failed.", retryable=True))
    stage.tool_call("later", args={"n": -1})
    stage.pass_ms(500)
    return hang_up(stage)


def phrases_for_slow_tools() -> Stage:
    tool = msgspec.structs.replace(
        a_tool(), waiting="phrase", behavior="non_blocking", scheduling="when_idle"
    )
    stage = with_tools(tool, phrases=("One moment.", "I am still looking.")).greeted()
    for id in ("t1", "t2"):
        stage.caller_says("And now?")
        stage.tool_call(id)
        stage.pass_ms(1_600)
        stage.reply("One moment.", 500)
        stage.pass_ms(4_500)
        stage.tool_finished(id, ANSWER)
        stage.reply("It is active.", 600)
        stage.pass_ms(700)
    return hang_up(stage)


# Photos and texts from the caller


def photos_sent() -> Stage:
    """A photo is requested and shown; the model transfers too soon, and its session is lost."""
    call = call_of(photos=True, transfer_numbers=PEOPLE)
    stage = Stage(msgspec.structs.replace(call, tools=(a_tool(), a_tool(ASK_FOR_PHOTO)))).greeted()
    stage.caller_says("I can show you the label.")
    stage.tool_call("p1", ASK_FOR_PHOTO)
    stage.tool_finished("p1", ANSWER)
    stage.reply("Please open the link.", 900)
    stage.pass_ms(30_000)
    stage.handle(PictureReceived(stage.now_ms, 1, b"a label"))
    stage.transfer("billing")
    stage.reply("I see a label: 4711. Shall I look it up?", 1_500)
    stage.caller(600)
    stage.handle(PictureReceived(stage.now_ms, 2, b"its back"))
    stage.handle(TextReceived(stage.now_ms, 3, "4711-B"))
    stage.caller(2_000, QUIET_DBFS)
    stage.lose_model()
    stage.pass_ms(500)
    stage.reply("4711-B, is that right?", 900)
    stage.pass_ms(1_000)
    stage.caller_says("Yes.")
    stage.tool_call("t1", args={"account": 4711})
    stage.tool_finished("t1", ANSWER)
    stage.reply("It is active.", 600)
    stage.pass_ms(800)
    return hang_up(stage)


def photo_awaited_in_vain() -> Stage:
    call = call_of(photos=True)
    stage = Stage(msgspec.structs.replace(call, tools=(a_tool(ASK_FOR_PHOTO),))).greeted()
    stage.tool_call("p1", ASK_FOR_PHOTO)
    stage.tool_finished("p1", ANSWER)
    stage.reply("Please open the link.", 900)
    stage.pass_ms(160_000)
    stage.saved()
    return stage


# The model's sessions


def resumed() -> Stage:
    """Sessions are lost while the caller speaks, during a reply, and while a tool runs."""
    stage = Stage().greeted()
    resumable(stage, "h1")
    stage.caller(400)
    stage.lose_model()
    stage.caller(600)
    stage.caller(500, QUIET_DBFS)
    stage.caller_text("Tell me more.")
    stage.agent_text("There are three of them: one, two, ")
    stage.audio(2_000)
    stage.pass_ms(500)
    resumable(stage, "h2")
    stage.lose_model("1006 abnormal")
    stage.pass_ms(2_500)
    stage.reply("and three.", 500)
    stage.pass_ms(700)
    stage.tool_call("t1")
    resumable(stage, "h3")
    stage.lose_model()
    stage.pass_ms(200)
    stage.tool_finished("t1", ANSWER)
    stage.reply("And it is active.", 700)
    stage.pass_ms(800)
    return hang_up(stage)


def begun_afresh() -> Stage:
    """Sessions start afresh: first without a handle, after an edit with a refused one."""
    stage = Stage().greeted("Anvil and Sons.")
    stage.caller_says("My name is Ada.")
    stage.reply("Hello Ada.", 700)
    stage.pass_ms(800)
    stage.tool_call("t1")
    stage.tool_finished("t1", ANSWER)
    stage.lose_model()
    stage.pass_ms(200)
    new = msgspec.structs.replace(an_agent(), instructions="Offer the discount.")
    stage.handle(AgentEdited(stage.now_ms, new, new.revision))
    resumable(stage, "h1")
    stage.refusals = [1008, 503]
    stage.lose_model()
    stage.caller(3_000, QUIET_DBFS)
    stage.caller_says("Are you there?")
    stage.reply("I am.", 400)
    stage.pass_ms(500)
    return hang_up(stage)


def a_break_covered_by_a_tone() -> Stage:
    stage = Stage().greeted()
    stage.refusals = [503, 503, 503]
    stage.caller_says("Tell me.")
    stage.lose_model()
    stage.pass_ms(5_000)
    stage.reply("Gladly.", 500)
    stage.pass_ms(700)
    return hang_up(stage)


def broken_too_often() -> Stage:
    stage = Stage(call_of(fallback_number=FALLBACK)).greeted()
    for _ in range(5):
        stage.lose_model()
        stage.pass_ms(5_000)
    stage.saved()
    return stage


def refused_at_the_start() -> Stage:
    stage = Stage()
    stage.refusals = [503] * 100
    stage.handle(StreamStarted(0.0))
    stage.handle(ModelConnectFailed(0.0, "503 refused", 503))
    stage.pass_ms(10_500)
    stage.saved()
    return stage


def going_away() -> Stage:
    stage = Stage().greeted()
    resumable(stage, "h1")
    stage.caller_says("Tell me.")
    stage.audio(1_000)
    stage.handle(GoAwayReceived(stage.now_ms, 50_000.0))
    stage.turn_completed()
    stage.pass_ms(1_500)
    resumable(stage, "h2")
    stage.tool_call("t1")
    stage.handle(GoAwayReceived(stage.now_ms, 11_000.0))
    stage.pass_ms(1_500)
    stage.tool_finished("t1", ANSWER)
    stage.pass_ms(500)
    return hang_up(stage)


def silent_model() -> Stage:
    """The model stops in the middle of a reply, and later stays silent in every session."""
    stage = Stage(call_of(fallback_number=FALLBACK)).greeted()
    resumable(stage, "h1")
    stage.caller_says("Where are you?")
    stage.agent_text("We are in ")
    stage.audio(600)
    stage.pass_ms(9_000)
    stage.reply("Berlin.", 500)
    stage.pass_ms(700)
    stage.caller(1_000)
    stage.caller(500, QUIET_DBFS)
    stage.pass_ms(20_000)
    stage.saved()
    return stage


# Ends


def goodbye_interrupted() -> Stage:
    """An interrupted goodbye is withdrawn; the next one is answered by the caller's bye."""
    stage = Stage(line=Line(up_ms=120)).greeted()
    stage.caller_says("That is all.")
    stage.end_call()
    stage.reply("Goodbye.", 1_500)
    stage.pass_ms(600)
    stage.caller(400)
    stage.interrupted()
    stage.turn_completed()
    stage.caller_says("One more thing.")
    stage.reply("Of course.", 500)
    stage.pass_ms(700)
    stage.reply("Goodbye then.", 800)
    stage.end_call("end2")
    stage.pass_ms(500)
    stage.caller(500)
    stage.caller(500, QUIET_DBFS)
    stage.end_call("end3")
    stage.pass_ms(2_000)
    stage.saved()
    return stage


def hung_up_without_a_word() -> Stage:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.end_call()
    stage.pass_ms(5_100)
    stage.handle(SaveFailed(stage.now_ms))
    return stage


def goodbye_without_an_end() -> Stage:
    """Neither the model's turn nor the save ever completes."""
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.audio(1_000)
    stage.end_call()
    stage.pass_ms(22_100)
    return stage


def goodbye_never_echoed() -> Stage:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.line.echoing = False
    stage.end_call()
    stage.reply("Goodbye.", 3_000)
    stage.pass_ms(5_100)
    stage.saved()
    return stage


def forgotten_hang_up() -> Stage:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Thank you, Goodbye!", 1_000)
    stage.pass_ms(7_100)
    stage.saved()
    return stage


def transferred() -> Stage:
    """Three transfers: to an unknown name, interrupted, and made after an announcement."""
    stage = Stage(call_of(transfer_numbers=PEOPLE)).greeted()
    stage.caller_says("Sales, please.")
    stage.transfer("sales")
    stage.reply("I am connecting you with repairs.", 2_000)
    stage.transfer("repairs", "x2")
    stage.pass_ms(700)
    stage.caller(600)
    stage.interrupted()
    stage.turn_completed()
    stage.caller_says("No, billing.")
    stage.transfer("billing", "x3")
    stage.reply("I am connecting you with billing.", 1_500)
    stage.pass_ms(1_600)
    stage.saved()
    return stage


def silent_caller() -> Stage:
    stage = Stage(call_of(idle=Idle(nudge_after_s=5, goodbye_after_s=12))).greeted()
    stage.pass_ms(3_000)
    stage.types("7")
    stage.pass_ms(6_700)
    stage.reply(WORDS.idle_nudge, 1_500)
    stage.pass_ms(9_000)
    stage.saved()
    return stage


def out_of_time() -> Stage:
    stage = Stage(call_of(max_call_s=75)).greeted()
    for _ in range(20):
        stage.caller(600)
        stage.caller(500, QUIET_DBFS)
        stage.reply("Yes.", 500)
        stage.pass_ms(2_900)
        if stage.ended_for():
            break
    stage.saved()
    return stage


def out_of_money() -> Stage:
    stage = Stage(call_of(max_cost_usd=0.01)).greeted()
    stage.usage(Usage(reports=1, prompt={"AUDIO": 1_000}, response={"AUDIO": 500}, total=1_500))
    stage.usage(Usage(reports=1, prompt={"AUDIO": 400}, total=400))
    stage.saved()
    return stage


def lost_stream() -> Stage:
    stage = Stage().greeted()
    stage.tool_call("t1")
    stage.audio(2_000)
    stage.pass_ms(500)
    stage.handle(StreamLost(stage.now_ms))
    stage.audio(200)  # ignored, as the stream has ended
    stage.handle(TimerFired(stage.now_ms, Timer.ANSWER))
    stage.saved()
    return stage


# Keys


def pressed_zero() -> Stage:
    stage = Stage(call_of(fallback_number=FALLBACK)).greeted()
    stage.types("12")
    stage.pass_ms(2_500)
    stage.reply("You typed one and two.", 1_200)
    stage.pass_ms(400)
    stage.types("0")
    stage.pass_ms(2_500)
    stage.saved()
    return stage


def collected_digits() -> Stage:
    """Collections: invalid, for a tool, too short, cancelled, not secret, and never typed."""
    check_pin = msgspec.structs.replace(a_tool("check_pin"), digits=("pin",))
    stage = with_tools(a_tool(), check_pin).greeted()
    stage.collect("c0", length=99)
    stage.reply("Please type your number.", 600)
    stage.collect("c1", length=4)
    stage.collect("c2", length=4)
    stage.caller(600)
    stage.caller_text("one two")
    stage.types("1234")
    stage.tool_call("t1", "check_pin")
    stage.tool_finished("t1", ANSWER)
    stage.collect("c3", length=6)
    stage.types("12#")
    stage.collect("c4", length=4)
    stage.types("12")
    stage.handle(ToolCallCancelled(stage.now_ms, ("c4",)))
    stage.types("34")
    stage.pass_ms(3_000)
    stage.collect("c5", purpose="day", secret=False)
    stage.caller(600)
    stage.types("31")
    stage.pass_ms(6_000)
    stage.collect("c6", length=4)
    stage.pass_ms(21_000)
    return hang_up(stage)


# Hand-overs and edits


def drained_in_a_reply() -> Stage:
    stage = Stage().greeted()
    stage.caller_says("What do you sell?")
    stage.reply(" ".join(f"word{n}" for n in range(100)), 20_000)
    stage.handle(DrainRequested(stage.now_ms, 8_000.0))
    stage.pass_ms(8_100)
    stage.saved()
    return stage


def drained_while_the_caller_speaks() -> Stage:
    stage = Stage().greeted()
    stage.caller(400)
    stage.handle(DrainRequested(stage.now_ms, 8_000.0))
    stage.caller(600)
    stage.caller(600, QUIET_DBFS)
    stage.reply("Yes.", 500)
    stage.pass_ms(800)
    stage.saved()
    return stage


def old_stream_handed_over() -> Stage:
    """The stream grows too old during a reply, and is handed over at its end."""
    call = call_of(max_call_s=3_540, idle=Idle(nudge_after_s=500, goodbye_after_s=600))
    stage = Stage(call).greeted()
    while stage.now_ms < 57 * 60_000:
        stage.pass_ms(350_000)
        stage.types("7")
        stage.pass_ms(2_500)
        stage.reply("Seven.", 500)
    stage.pass_ms(58 * 60_000 - 1_000 - stage.now_ms)
    stage.reply("Are you still typing?", 1_500)
    stage.pass_ms(2_000)
    stage.saved()
    return stage


def taken_up_between_turns() -> Stage:
    """Another handler takes over; the caller is silent, so the agent speaks. Edits follow."""
    question = Turn(n=1, speaker=Speaker.AGENT, text="How many?", start_ms=0, end_ms=900)
    call = msgspec.structs.replace(a_call(attempt=2), resumed_from=EndReason.HANDLER_STOPPED)
    stage = Stage(call, history=(question,))
    stage.now_ms = 20_000.0
    stage.handle(StreamStarted(stage.now_ms))
    new = msgspec.structs.replace(an_agent(), instructions="Offer two.")
    stage.handle(AgentEdited(stage.now_ms, new, new.revision))
    stage.caller(300, QUIET_DBFS)
    stage.handle(ModelConnected(stage.now_ms))
    stage.caller(4_500, QUIET_DBFS)
    stage.reply("I am back. How many?", 900)
    stage.pass_ms(1_000)
    stage.handle(AgentEdited(stage.now_ms, new, new.revision))
    patient = msgspec.structs.replace(new, idle=Idle(nudge_after_s=600, goodbye_after_s=1_200))
    stage.handle(AgentEdited(stage.now_ms, patient, patient.revision))
    stage.lose_model()
    stage.handle(AgentEdited(stage.now_ms, an_agent(), an_agent().revision))
    stage.pass_ms(300)
    return hang_up(stage)


def taken_up_in_a_turn() -> Stage:
    cut = Turn(n=2, speaker=Speaker.AGENT, text="There are", start_ms=0, end_ms=9, interrupted=True)
    call = msgspec.structs.replace(a_call(attempt=2), resumed_from=EndReason.STREAM_LOST)
    stage = Stage(call, history=(a_turn(1), cut)).greeted("three.")
    stage.caller_says("Which?")
    stage.reply("One, two, three.", 900)
    stage.pass_ms(1_000)
    return hang_up(stage)


def television() -> Stage:
    """Voices get no reply for a minute; the agent nudges twice, and the call ends."""
    stage = Stage(call_of(idle=Idle(nudge_after_s=5, goodbye_after_s=12))).greeted()
    for _ in range(200):
        stage.caller(420)
        stage.caller(180, QUIET_DBFS)
    stage.saved()
    return stage


def hello_again_and_again() -> Stage:
    """A caller says hello again and again to a model that no longer hears."""
    stage = Stage().greeted()
    for _ in range(4):
        stage.caller(700)
        stage.caller(3_300, QUIET_DBFS)
    return hang_up(stage)


def mumble_over_a_reply() -> Stage:
    stage = Stage().greeted()
    stage.caller_says("How does it work?")
    stage.agent_text("First you choose. Then we bring it to your door. Then you pay.")
    stage.audio(8_000)
    stage.caller(300)
    stage.interrupted()
    stage.turn_completed()
    stage.caller(3_500, QUIET_DBFS)
    return hang_up(stage)


def tone_and_silent_sound() -> Stage:
    """One reply is inaudible, and the next turns into a steady tone."""
    stage = Stage().greeted()
    stage.caller_says("When are you open?")
    for _ in range(40):
        stage.pass_ms(100)
        stage.handle(ModelAudio(stage.now_ms, bytes(800), -70.0))
    stage.audio(500)
    for _ in range(40):
        stage.pass_ms(100)
        stage.handle(ModelAudio(stage.now_ms, bytes(800), -15.0, steady=True))
    return hang_up(stage)


def question_in_the_goodbye() -> Stage:
    stage = Stage().greeted()
    stage.caller_says("That is all.")
    stage.reply("Goodbye, and thank you for calling.", 2_000)
    stage.end_call()
    stage.caller(1_400)
    stage.interrupted()
    stage.caller(500, QUIET_DBFS)
    stage.caller_text("Oh, what does it cost?")
    stage.pass_ms(1_800)
    stage.reply("Twelve dollars. Goodbye.", 1_000)
    stage.pass_ms(8_000)
    return hang_up(stage)


SITUATIONS: tuple[Callable[[], Stage], ...] = (
    short_call,
    barge_in,
    two_replies_interrupted,
    late_transcripts,
    protected_greeting,
    clip_heard_out,
    clip_cut,
    clip_and_no_model,
    ringing_and_never_a_word,
    transferred_and_back,
    slow_tool,
    tools_refused,
    phrases_for_slow_tools,
    photos_sent,
    photo_awaited_in_vain,
    resumed,
    begun_afresh,
    a_break_covered_by_a_tone,
    broken_too_often,
    refused_at_the_start,
    going_away,
    silent_model,
    goodbye_interrupted,
    hung_up_without_a_word,
    goodbye_without_an_end,
    goodbye_never_echoed,
    forgotten_hang_up,
    transferred,
    silent_caller,
    out_of_time,
    out_of_money,
    lost_stream,
    pressed_zero,
    collected_digits,
    drained_in_a_reply,
    drained_while_the_caller_speaks,
    old_stream_handed_over,
    taken_up_between_turns,
    taken_up_in_a_turn,
    television,
    hello_again_and_again,
    mumble_over_a_reply,
    tone_and_silent_sound,
    question_in_the_goodbye,
)
