"""The small things of a call, over real sockets and with real speech.

One stack and one model; every story is a separate call to a separate agent, all in parallel.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from devtools.stack import Stack
from ringdown.agents import Idle, packaged_agent
from ringdown.agents.phrases import phrases_for
from ringdown.calls import CallRecord, EndReason, Speaker, ToolOutcome
from ringdown.stores import open_store
from ringdown.tools import ToolAnswer, ToolDeclaration, ToolRequest
from simulators.twilio import Answers, Call, DialledParty, DialStatus, IsBusy
from simulators.twilio.events import DialledPartyEnded, VerbStarted
from simulators.twilio.twiml import Say
from tests.end_to_end.playing import CALLER, Story, play, record_of
from tests.ringdown.seeding import write_agent
from tests.tool_server import Reply, serving_tool
from tests.whole_line import running_gemini, running_line, settings_with

SCENARIO = Path(__file__).with_name("small_things.yaml")
PERSON, BILLING, BUSY = "+14155550199", "+14155550166", "+14155550167"
PIN = "83172946"
PHRASES = phrases_for("en-US")

DIALLED: Mapping[str, DialledParty] = {
    PERSON: Answers("This is a person."),
    BILLING: Answers("This is billing.", presses="1", presses_after_s=3.0),
    BUSY: IsBusy(),
}


async def press_zero(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.press("0")
    await call.ended(20)


async def type_digits(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.press("12")
    await call.agent_silent_for(0.5)
    await call.hang_up()


async def use_the_pin(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("I want to use my number.")
    await call.agent_silent_for(0.5)
    await call.press(PIN)
    await call.agent_silent_for(0.5)
    await call.say("What is my balance?")
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def hang_up_while_typing(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("I want to use my number.")
    await call.agent_silent_for(0.5)
    await call.press(PIN[:5])
    await call.hang_up()


async def say_nothing(call: Call) -> None:
    await call.ended(60)


async def ask_for_billing(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Connect me to billing, please.")
    await call.ended(30)


async def ask_for_busy_billing_and_leave(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Connect me to billing, please.")
    await call.agent_silent_for(0.5)  # the announcement
    await call.agent_started_speaking(20)
    await call.wait(4.0)
    await call.say("That is all for now.")
    await call.ended(30)


async def hang_up_while_being_connected(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Connect me to billing, please.")
    await call.agent_speaking_for(0.4)
    await call.hang_up()


async def interrupt_the_transfer(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Connect me to billing, please.")
    await call.agent_speaking_for(0.3)
    await call.say("What is my balance?")
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def type_nothing(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("I want to use my number.")
    await call.agent_silent_for(0.5)  # the request to type
    await call.wait(19.0)
    await call.agent_silent_for(2.0)
    await call.hang_up()


async def answer_the_nudge(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.agent_started_speaking()
    await call.wait(3.0)
    await call.agent_silent_for(0.8)  # after the nudge
    await call.say("What is my balance?")
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def hang_up_in_the_greeting(call: Call) -> None:
    await call.agent_started_speaking()
    await call.wait(1.5)
    await call.hang_up()


async def hang_up_while_a_person_is_called(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.press("0")
    await call.agent_started_speaking()  # says that they are being connected
    await call.wait(4.5)
    await call.hang_up()


async def hang_up_in_the_nudge(call: Call) -> None:
    await call.agent_silent_for(0.5)  # the greeting
    await call.wait(3.4)  # in the middle of the nudge
    await call.hang_up()


async def speak_while_typing(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("I want to use my number.")
    await call.agent_silent_for(0.5)
    await call.press(PIN[:3])
    await call.say("What is my balance?")
    await call.press(PIN[3:])
    await call.agent_silent_for(0.5)
    await call.hang_up()


async def say_nothing_after_a_transfer(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Connect me to billing, please.")
    await call.ended(40)


async def take_the_goodbye_back(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("That is all for now.")
    await call.agent_silent_for(1.0)
    await call.say("What is my balance?")
    await call.agent_silent_for(1.5)
    await call.hang_up()


async def say_hello_into_the_greeting(call: Call) -> None:
    await call.agent_started_speaking()
    await call.wait(0.5)
    await call.say("Hello?")
    await call.agent_silent_for(0.5)
    await call.hang_up()


STORIES: Mapping[str, Story] = {
    "+14155550110": press_zero,
    "+14155550111": type_digits,
    "+14155550112": use_the_pin,
    "+14155550113": hang_up_while_typing,
    "+14155550114": say_nothing,
    "+14155550115": ask_for_billing,
    "+14155550116": ask_for_busy_billing_and_leave,
    "+14155550117": hang_up_while_being_connected,
    "+14155550118": say_hello_into_the_greeting,
    "+14155550119": say_nothing,
    "+14155550120": interrupt_the_transfer,
    "+14155550121": type_nothing,
    "+14155550122": press_zero,
    "+14155550124": ask_for_billing,
}
CALLERS: Mapping[str, str] = {
    "+14155550122": "+266696687",  # withheld
    "+14155550124": "sip:alice@example.sip.twilio.com",
}
NEVER_IDLE = "+14155550119"
AGENTS: Mapping[str, dict[str, object]] = {
    "+14155550114": {"idle": Idle(nudge_after_s=3, goodbye_after_s=9)},
    "+14155550115": {"transfer_numbers": {"billing": BILLING}},
    "+14155550116": {"transfer_numbers": {"billing": BUSY}},
    "+14155550117": {"transfer_numbers": {"billing": BILLING}},
    "+14155550120": {"transfer_numbers": {"billing": BILLING}},
    "+14155550118": {"notice": ""},
    "+14155550124": {"transfer_numbers": {"billing": BILLING}},
    "+14155550130": {"idle": Idle(nudge_after_s=3, goodbye_after_s=9)},
    "+14155550131": {"notice": ""},
    "+14155550134": {"idle": Idle(nudge_after_s=3, goodbye_after_s=9)},
    "+14155550136": {
        "idle": Idle(nudge_after_s=3, goodbye_after_s=9),
        "transfer_numbers": {"billing": BUSY},
    },
    NEVER_IDLE: {"idle": Idle(nudge_after_s=100, goodbye_after_s=200), "max_call_s": 30},
}


CHANGES_OF_MIND: Mapping[str, Story] = {
    "+14155550130": answer_the_nudge,
    "+14155550131": hang_up_in_the_greeting,
    "+14155550132": hang_up_while_a_person_is_called,
    "+14155550133": take_the_goodbye_back,
    "+14155550134": hang_up_in_the_nudge,
    "+14155550135": speak_while_typing,
    "+14155550136": say_nothing_after_a_transfer,
}


@dataclass(frozen=True, slots=True)
class Played:
    """What the stories leave behind; calls and records are by the number called."""

    calls: Mapping[str, Call]
    records: Mapping[str, CallRecord]
    requests: list[ToolRequest]


async def play_all(stories: Mapping[str, Story], folder: Path) -> Played:
    """Play all `stories` in parallel; every process has stopped when this returns."""
    requests: list[ToolRequest] = []

    async def balance(request: ToolRequest) -> Reply:
        requests.append(request)
        return 200, ToolAnswer(output={"balance": "twelve"})

    async with (
        running_gemini(SCENARIO, folder / "model") as gemini,
        serving_tool(balance) as tool_url,
        running_line(settings_with(folder, gemini, fallback_number=PERSON)) as stack,
    ):
        await _write_agents(stack, stories, tool_url)
        calls = await asyncio.gather(
            *(
                play(stack, to, story, DIALLED, CALLERS.get(to, CALLER))
                for to, story in stories.items()
            )
        )
        ended = dict(zip(stories, calls, strict=True))
        records = {to: await record_of(stack, call) for to, call in ended.items()}
    return Played(ended, records, requests)


@pytest.mark.timeout(120)
async def test_callers_who_change_their_mind(tmp_path: Path) -> None:
    played = await play_all(CHANGES_OF_MIND, tmp_path)
    nudged, greeted, waited, stayed, left, spoke, returned = played.records.values()

    assert _told(nudged, Speaker.AGENT)[1:] == [
        PHRASES.idle_nudge,
        "One moment.",
        "Your balance is twelve dollars.",
    ]
    assert nudged.call.end_reason is EndReason.CALLER_HUNG_UP

    assert greeted.call.end_reason is EndReason.CALLER_HUNG_UP
    assert [turn.interrupted for turn in greeted.turns] == [True]
    assert greeted.turns[0].text.startswith("Hello, this is")

    assert waited.call.end_reason is EndReason.CALLER_ASKED_FOR_PERSON
    assert waited.call.twilio_status == "completed"

    assert _told(stayed, Speaker.AGENT)[-3:] == [
        "You are welcome. Goodbye.",
        "One moment.",
        "Your balance is twelve dollars.",
    ]
    assert stayed.call.end_reason is EndReason.CALLER_HUNG_UP

    assert left.call.end_reason is EndReason.CALLER_HUNG_UP
    assert [turn.speaker for turn in left.turns] == [Speaker.AGENT, Speaker.AGENT]
    assert left.turns[1].interrupted

    assert spoke.tool_calls[0].output == {"collected": True}
    assert _told(spoke, Speaker.CALLER) == ["i want to use my number"]
    assert _told(spoke, Speaker.AGENT)[-1] == "Thank you. What would you like to know?"

    assert returned.call.failed_transfers == ("billing",)
    assert returned.call.end_reason is EndReason.CALLER_IDLE
    assert _told(returned, Speaker.AGENT)[-1] == PHRASES.idle_nudge


@pytest.mark.timeout(180)
async def test_the_small_things_of_a_call(tmp_path: Path) -> None:
    played = await play_all(STORIES, tmp_path)
    ended, records, requests = played.calls, played.records, played.requests

    _zero_reaches_a_person(ended["+14155550110"], records["+14155550110"])
    _typed_digits_reach_the_model(records["+14155550111"])
    _a_pin_reaches_its_tool_and_nothing_else(records["+14155550112"], requests, tmp_path)
    _a_hang_up_while_typing_is_recorded(records["+14155550113"])
    _a_silent_caller_is_nudged_then_bid_goodbye(ended["+14155550114"], records["+14155550114"])
    _a_transfer_is_announced_then_dialled(ended["+14155550115"], records["+14155550115"])
    _an_unanswered_transfer_comes_back(ended["+14155550116"], records["+14155550116"])
    _a_hang_up_during_a_transfer_is_recorded(ended["+14155550117"], records["+14155550117"])
    _a_hello_does_not_cut_the_greeting(records["+14155550118"])
    _a_call_lasts_no_longer_than_it_may(ended[NEVER_IDLE], records[NEVER_IDLE])
    _an_interrupted_transfer_is_off(ended["+14155550120"], records["+14155550120"])
    _digits_that_never_come_are_given_up(records["+14155550121"])
    _zero_reaches_a_person(ended["+14155550122"], records["+14155550122"])
    _a_transfer_is_announced_then_dialled(ended["+14155550124"], records["+14155550124"])


def _zero_reaches_a_person(call: Call, record: CallRecord) -> None:
    assert record.call.end_reason is EndReason.CALLER_ASKED_FOR_PERSON
    assert _dialled(call) == [(PERSON, DialStatus.COMPLETED)]
    assert PHRASES.connecting in _said_by_twilio(call)


def _typed_digits_reach_the_model(record: CallRecord) -> None:
    assert "You typed one and two." in _told(record, Speaker.AGENT)
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP


def _a_pin_reaches_its_tool_and_nothing_else(
    record: CallRecord, requests: list[ToolRequest], folder: Path
) -> None:
    sid = record.call.call_sid
    assert [r.digits for r in requests if r.call.call_sid == sid] == [{"pin": PIN}]
    assert [r.digits for r in requests if r.call.call_sid != sid] == [{}]
    assert "Your balance is twelve dollars." in _told(record, Speaker.AGENT)
    assert record.tool_calls[0].output == {"collected": True}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert any(path.suffix == ".log" for path in files)
    holding = [path.name for path in files if PIN.encode() in path.read_bytes()]
    assert holding == [], "these files contain the PIN"


def _a_hang_up_while_typing_is_recorded(record: CallRecord) -> None:
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP
    assert [call.outcome for call in record.tool_calls] == [ToolOutcome.CANCELLED]


def _a_silent_caller_is_nudged_then_bid_goodbye(call: Call, record: CallRecord) -> None:
    greeting, nudge = record.turns
    assert nudge.text == PHRASES.idle_nudge
    assert 3_000 <= nudge.start_ms - greeting.end_ms < 5_000
    assert record.call.end_reason is EndReason.CALLER_IDLE
    assert _said_by_twilio(call)[-1] == PHRASES.idle_goodbye


def _a_transfer_is_announced_then_dialled(call: Call, record: CallRecord) -> None:
    assert _told(record, Speaker.AGENT)[-1] == "I am connecting you."
    assert not record.turns[-1].interrupted
    assert _dialled(call) == [(BILLING, DialStatus.COMPLETED)]
    assert record.call.end_reason is EndReason.TRANSFERRED
    assert record.call.accepted_by == "billing"


def _an_unanswered_transfer_comes_back(call: Call, record: CallRecord) -> None:
    assert _dialled(call) == [(BUSY, DialStatus.BUSY)]
    assert record.call.failed_transfers == ("billing",)
    assert [claim.attempt for claim in record.claims] == [1, 2]
    told = _told(record, Speaker.AGENT)
    assert told[1:] == [
        "I am connecting you.",
        "Nobody could be reached. Shall I take a message?",
        "You are welcome. Goodbye.",
    ]
    assert [turn.n for turn in record.turns] == list(range(1, len(record.turns) + 1))
    assert record.call.end_reason is EndReason.AGENT_HUNG_UP, (
        "a goodbye without end_call must end the call"
    )
    assert len(_said_by_twilio(call)) == 1, "the notice must be spoken only once"


def _a_hang_up_during_a_transfer_is_recorded(call: Call, record: CallRecord) -> None:
    assert _dialled(call) == []
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP
    assert record.turns[-1].interrupted


def _a_hello_does_not_cut_the_greeting(record: CallRecord) -> None:
    greeting = record.turns[0]
    assert greeting.text == "Hello, this is the test line. What can I do for you today?"
    assert not greeting.interrupted


def _a_call_lasts_no_longer_than_it_may(call: Call, record: CallRecord) -> None:
    assert record.call.end_reason is EndReason.TIME_LIMIT
    assert _said_by_twilio(call)[-1] == PHRASES.time_goodbye


def _an_interrupted_transfer_is_off(call: Call, record: CallRecord) -> None:
    assert _dialled(call) == []
    assert _told(record, Speaker.AGENT)[-1] == "Your balance is twelve dollars."
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP


def _digits_that_never_come_are_given_up(record: CallRecord) -> None:
    assert [call.outcome for call in record.tool_calls] == [ToolOutcome.FAILED]
    assert _told(record, Speaker.AGENT)[-1] == "That did not work."


def _told(record: CallRecord, speaker: Speaker) -> list[str]:
    return [turn.text for turn in record.turns if turn.speaker is speaker]


def _dialled(call: Call) -> list[tuple[str, DialStatus]]:
    return [(e.number, e.status) for e in call.events if isinstance(e, DialledPartyEnded)]


def _said_by_twilio(call: Call) -> list[str]:
    verbs = [event.verb for event in call.events if isinstance(event, VerbStarted)]
    return [verb.text for verb in verbs if isinstance(verb, Say)]


async def _write_agents(stack: Stack, stories: Mapping[str, Story], tool_url: str) -> None:
    tool = ToolDeclaration(
        name="check_balance", description="Tells the balance.", url=tool_url, digits=("pin",)
    )
    async with open_store(stack.store_url) as store:
        await store.write_tool(tool)
        for to in stories:
            changes = {"tools": ("check_balance",), **AGENTS.get(to, {})}
            agent = msgspec.structs.replace(packaged_agent(), **changes)
            await write_agent(store, f"agent-{to}", agent)
            await store.write_number(to, f"agent-{to}")
