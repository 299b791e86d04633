"""Twelve calls that used to go wrong: what the model and caller do, and what should happen."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ringdown.calls import CallRecord, EndReason, Speaker
from ringdown.tools import Json
from simulators.gemini_live.faults import (
    After,
    DelayCallerTranscripts,
    EndTurnWithCall,
    Fault,
    HearNobody,
    IgnoreShortSounds,
    Moment,
    ReplaceVoice,
)
from simulators.gemini_live.messages import OUTPUT_HZ
from simulators.gemini_live.scenario import MODEL_VOICE, Pace, PlannedCall, Reply, Scenario, Turn
from simulators.speech.pcm import duration_ms
from simulators.speech.synthesis import synthesize
from simulators.twilio import Call, CallError, NoticeTimeout
from simulators.twilio.events import DigitPressed, Party, PlaybackCleared, SpeechStarted
from simulators.twilio.noises import Background

GREETING = "Hello, this is the bakery."
HOURS = "We are open from nine to five, and on Sundays until noon."
GOODBYE = "Thank you very much for your call. Have a lovely day, and goodbye."
_FIRST_SESSION = 1
_END_CALL = (PlannedCall("end_call", {"reason": "done"}),)
_ASKED_TO_SPEAK = "you are silent"
_ASKED_TO_GO_ON = "you were cut off"
_NUDGE = Turn("nudge", Reply(say="{quoted}"), text="silent for a while")


@dataclass(frozen=True, slots=True)
class Played:
    """What a call leaves behind."""

    call: Call
    record: CallRecord

    @property
    def replies(self) -> list[str]:
        """What the record says the agent said, in order."""
        return [turn.text for turn in self.record.turns if turn.speaker is Speaker.AGENT]

    def waited_s(self) -> float:
        """From the caller's first word to the agent's next."""
        asked_ms = self.call.utterances[0].end_ms or 0
        began = (
            event.when.line_ms or 0
            for event in self.call.events
            if isinstance(event, SpeechStarted) and event.who is Party.AGENT
        )
        return next((at_ms - asked_ms for at_ms in began if at_ms > asked_ms), 99_000) / 1_000

    def cleared_after_key_ms(self) -> int:
        """From the key press to the moment the agent was stopped."""
        events = self.call.events
        [pressed_ms] = [e.when.at_ms for e in events if isinstance(e, DigitPressed)]
        return min(
            (e.when.at_ms - pressed_ms for e in events if isinstance(e, PlaybackCleared)),
            default=99_000,
        )


@dataclass(frozen=True, slots=True)
class Story:
    """`is_right` says whether the call went as it should."""

    model: Scenario
    caller: Callable[[Call], Awaitable[None]]
    is_right: Callable[[Played], bool]
    agent: Mapping[str, Json]
    background: Background = "silence"


def _model(
    *turns: Turn,
    faults: tuple[Fault, ...] = (),
    pace: Pace = Pace(),  # noqa: B008 - frozen
    decoys: tuple[str, ...] = (),
) -> Scenario:
    return Scenario(
        greeting=Reply(say=GREETING),
        turns=(*turns, _NUDGE),
        faults=faults,
        pace=pace,
        decoys=decoys,
    )


def _reply(heard: str, say: str) -> Turn:
    return Turn(heard, Reply(say=say), heard=(heard,))


def _if_asked_to_speak(say: str) -> Turn:
    return Turn("asked", Reply(say=say), text=_ASKED_TO_SPEAK)


# The caller


async def _answered(call: Call, within_s: float) -> bool:
    try:
        await call.agent_started_speaking(within_s)
    except CallError:
        return False
    return True


async def _hear_out_and_hang_up(call: Call) -> None:
    await call.agent_silent_for(1.0)
    await call.hang_up()


async def _say_hello_again_and_again(call: Call) -> None:
    await call.agent_silent_for(0.5)
    for _ in range(7):
        await call.say("Hello?")
        if await _answered(call, 3.0):
            await _hear_out_and_hang_up(call)
            return
    await call.hang_up()


async def _let_a_door_slam(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("I would like a table, please.")
    await call.agent_silent_for(1.5)
    await call.make("door")
    await call.wait(6.5)
    await call.say("For two people, please.")
    await _hear_out_and_hang_up(call)


async def _say_okay(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("How do I order a cake?")
    await call.agent_speaking_for(2.0)
    await call.say("Okay.")
    await call.agent_silent_for(0.8)
    await call.wait(6.5)
    await call.say("On Friday, please.")
    await _hear_out_and_hang_up(call)


async def _ask_and_wait(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("When are you open?")
    await call.agent_silent_for(0.8)
    await call.wait(8.0)
    await call.hang_up()


async def _ask_in_vain(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("When are you open?")
    if await _answered(call, 12.0):
        await _hear_out_and_hang_up(call)
    else:
        await call.hang_up()


async def _ask_and_listen(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("When are you open?")
    await call.agent_silent_for(3.0, 40)
    await call.hang_up()


async def _say_that_is_all(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("No thank you, that is all.")
    await call.ended(40)


async def _remember_a_question(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("No thank you, that is all.")
    await call.agent_speaking_for(1.5)
    await call.say("Oh, what does a loaf cost?")
    if await _answered(call, 12.0):
        await _hear_out_and_hang_up(call)


async def _cough_into_the_goodbye(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("No thank you, that is all.")
    await call.agent_speaking_for(1.2)
    await call.make("cough")
    await call.ended(60)


async def _mumble(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("How do I order a cake?")
    await call.agent_speaking_for(2.0)
    await call.say("Uh huh.")
    await call.agent_silent_for(1.5, 30)
    await call.hang_up()


async def _leave_the_television_on(call: Call) -> None:
    await call.answered()
    try:
        await call.ended(50)
    except NoticeTimeout:
        await call.hang_up()


async def _press_a_key(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("What can you do for me?")
    await call.agent_speaking_for(3.0)
    await call.press("1")
    await call.agent_started_speaking()
    await _hear_out_and_hang_up(call)


# The calls

_CAKE = (
    "You choose a cake on our page. Then you pick a day and a time, and you pay when you collect"
    " it. Which day would suit you?"
)
_MENU = (
    "For our opening hours press one. For cakes to order press two. For bread and rolls press"
    " three. For our coffee and our breakfast press four. For everything else press five."
)
_MINUTES = (
    "We are open from nine to five. On Mondays we bake bread, on Tuesdays we bake rolls, on"
    " Wednesdays there are cakes, on Thursdays there are pies, and on Fridays there is all of it."
)
_GREETING_CHUNKS = round(
    duration_ms(synthesize(GREETING, rate_hz=OUTPUT_HZ, voice=MODEL_VOICE), OUTPUT_HZ) / 40
)

STORIES: Mapping[str, Story] = {
    "hello_hello": Story(
        model=_model(
            _if_asked_to_speak("I am sorry, I did not hear you. What can I do for you?"),
            faults=(Fault(HearNobody()),),
        ),
        caller=_say_hello_again_and_again,
        is_right=lambda played: played.waited_s() <= 8.0,
        agent={},
    ),
    "a_door_after_a_question": Story(
        model=_model(
            _reply("i would like a table please", "With pleasure. For how many people?"),
            _reply("for two people please", "A table for two. Thank you."),
            _if_asked_to_speak("Are you there? For how many people shall it be?"),
        ),
        caller=_let_a_door_slam,
        is_right=lambda played: (
            played.replies[1:]
            == ["With pleasure. For how many people?", "A table for two. Thank you."]
        ),
        agent={"idle": {"nudge_after_s": 20, "goodbye_after_s": 40}},
    ),
    "okay_over_an_answer": Story(
        model=_model(
            _reply("how do i order a cake", _CAKE),
            _reply("on friday please", "Friday it is. Thank you."),
            _if_asked_to_speak("As I said, which day would suit you?"),
            faults=(Fault(IgnoreShortSounds()),),
            decoys=("okay",),
        ),
        caller=_say_okay,
        is_right=lambda played: played.replies[1:] == [_CAKE, "Friday it is. Thank you."],
        agent={"idle": {"nudge_after_s": 20, "goodbye_after_s": 40}},
    ),
    "a_late_transcript": Story(
        model=_model(
            _reply("when are you open", HOURS),
            _if_asked_to_speak(f"As I said, {HOURS}"),
            faults=(Fault(DelayCallerTranscripts(4.0)),),
        ),
        caller=_ask_and_wait,
        is_right=lambda played: (
            played.replies[1:] == [HOURS]
            and [turn.speaker for turn in sorted(played.record.turns, key=lambda t: t.start_ms)]
            == [Speaker.AGENT, Speaker.CALLER, Speaker.AGENT]
        ),
        agent={"idle": {"nudge_after_s": 20, "goodbye_after_s": 40}},
    ),
    "silent_sound": Story(
        model=_model(
            _reply("when are you open", HOURS),
            _if_asked_to_speak("I am sorry. What did you say?"),
            faults=(
                Fault(ReplaceVoice("silence"), After(Moment.TURNS, 1), session=_FIRST_SESSION),
            ),
        ),
        caller=_ask_in_vain,
        is_right=lambda played: played.waited_s() <= 11.0,
        agent={"idle": {"nudge_after_s": 20, "goodbye_after_s": 40}},
    ),
    "a_tone": Story(
        model=_model(
            _reply("when are you open", _MINUTES),
            Turn("again", Reply(say="We are open from nine to five."), text=_ASKED_TO_GO_ON),
            faults=(
                Fault(
                    ReplaceVoice("tone"),
                    After(Moment.AUDIO_CHUNKS, _GREETING_CHUNKS + 30),
                    session=_FIRST_SESSION,
                ),
            ),
            pace=Pace(speed=1.1),
        ),
        caller=_ask_and_listen,
        is_right=lambda played: (
            any(isinstance(event, PlaybackCleared) for event in played.call.events)
            and played.replies[-1] == "We are open from nine to five."
        ),
        agent={},
    ),
    "a_goodbye_cut": Story(
        model=_model(
            Turn(
                "bye",
                Reply(calls=_END_CALL, then=GOODBYE),
                heard=("no thank you that is all",),
            ),
            faults=(Fault(EndTurnWithCall()),),
            pace=Pace(thinking_ms=700, speed=1.2),
        ),
        caller=_say_that_is_all,
        is_right=lambda played: (
            played.replies[-1] == GOODBYE and not played.record.turns[-1].interrupted
        ),
        agent={},
    ),
    "a_question_in_the_goodbye": Story(
        model=_model(
            Turn(
                "bye",
                Reply(say="You are very welcome. Goodbye.", calls=_END_CALL),
                heard=("no thank you that is all",),
            ),
            _reply("oh what does a loaf cost", "A loaf costs three dollars."),
            faults=(Fault(IgnoreShortSounds()),),
            pace=Pace(thinking_ms=1_900),
        ),
        caller=_remember_a_question,
        is_right=lambda played: played.replies[-1] == "A loaf costs three dollars.",
        agent={},
    ),
    "a_cough_in_the_goodbye": Story(
        model=_model(
            Turn("bye", Reply(say=GOODBYE, calls=_END_CALL), heard=("no thank you that is all",)),
            faults=(Fault(IgnoreShortSounds(stops=True)),),
        ),
        caller=_cough_into_the_goodbye,
        is_right=lambda played: (
            played.record.call.end_reason is EndReason.AGENT_HUNG_UP
            and played.call.recording.duration_ms - (played.call.utterances[-1].end_ms or 0)
            < 10_000
        ),
        agent={},
    ),
    "a_mumble": Story(
        model=_model(
            _reply("how do i order a cake", _CAKE),
            Turn(
                "on",
                Reply(say="Then you pick a day and a time. Which day would suit you?"),
                text=_ASKED_TO_GO_ON,
            ),
            _if_asked_to_speak("Where were we? You choose a cake on our page."),
            faults=(Fault(IgnoreShortSounds(stops=True)),),
            decoys=("uh huh",),
        ),
        caller=_mumble,
        is_right=lambda played: played.replies[-1].startswith("Then you pick a day"),
        agent={},
    ),
    "a_television": Story(
        model=_model(_if_asked_to_speak("Hello? Is anybody there?"), faults=(Fault(HearNobody()),)),
        caller=_leave_the_television_on,
        is_right=lambda played: played.record.call.end_reason is EndReason.CALLER_IDLE,
        agent={
            "idle": {"nudge_after_s": 3, "goodbye_after_s": 6, "background_after_s": 20},
        },
        background="television",
    ),
    "a_key_in_an_announcement": Story(
        model=_model(
            _reply("what can you do for me", _MENU),
            Turn("typed", Reply(say=HOURS), text="the caller typed one"),
            Turn("typed_1", Reply(say=HOURS), text="the caller typed 1"),
        ),
        caller=_press_a_key,
        is_right=lambda played: played.cleared_after_key_ms() < 300,
        agent={},
    ),
}
