"""Transfers over real sockets: the person takes the call, or the caller is back with the agent.

One line and one model; every story is a separate call to a separate agent, all in parallel.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from devtools.stack import Stack
from ringdown.agents import packaged_agent
from ringdown.agents.phrases import phrases_for
from ringdown.calls import CallRecord, EndReason, Speaker
from ringdown.calls.problems import problems
from ringdown.stores import open_store
from simulators.twilio import Answers, Call, DialledParty, DoesNotAnswer, IsBusy, Mailbox
from simulators.twilio.events import DialledPartyEnded, PersonHeard
from tests.end_to_end.playing import CALLER, Story, play, record_of, store_away
from tests.ringdown.seeding import write_agent
from tests.whole_line import running_gemini, running_line, settings_with

SCENARIO = Path(__file__).with_name("small_things.yaml")
PHRASES = phrases_for("en-US")
OFFER = f"{PHRASES.transfer_offer} the caller asked."
ASKED = f"{OFFER} Their number ends in 0 1 2 3. {PHRASES.transfer_accept}"
ASKED_OF_ALICE = f"{OFFER} The call is from alice. {PHRASES.transfer_accept}"
BACK = ["Nobody could be reached. Shall I take a message?", "You are welcome. Goodbye."]


def person(presses: str = "", after_s: float = 4.0) -> Answers:
    return Answers("This is billing.", presses=presses, presses_after_s=after_s)


async def ask_for_billing(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Connect me to billing, please.")
    await call.ended(60)


async def ask_and_come_back(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Connect me to billing, please.")
    await call.agent_silent_for(0.5)  # the announcement
    await call.agent_started_speaking(60)
    await call.wait(4.0)
    await call.say("That is all for now.")
    await call.ended(30)


async def ask_and_hang_up(call: Call) -> None:
    await call.agent_silent_for(0.5)
    await call.say("Connect me to billing, please.")
    await until_the_person_hears(call)
    await call.wait(2.0)
    await call.hang_up()


async def until_the_person_hears(call: Call) -> None:
    while not heard_by_the_person(call):
        await call.wait(0.1)


@dataclass(frozen=True, slots=True)
class Told:
    """A call to `to`, whose agent transfers it to `party`: what the person hears, how it ends."""

    to: str
    party: str
    does: DialledParty
    story: Story = ask_and_come_back
    caller: str = CALLER
    asked: str | None = ASKED
    taken: bool = False


TAKEN = (
    Told("+14155550110", "+14155550160", person("1"), ask_for_billing, taken=True),
    Told(
        "+14155550111",
        "+14155550161",
        person("1"),
        ask_for_billing,
        "sip:alice@example.sip.twilio.com",
        ASKED_OF_ALICE,
        taken=True,
    ),
    Told("+14155550112", "sip:desk@example.com", person("1"), ask_for_billing, taken=True),
    Told("+14155550113", "client:alex", person("1"), ask_for_billing, taken=True),
)
NOT_TAKEN = (
    Told("+14155550120", "+14155550170", Mailbox("You have reached billing.")),
    Told("+14155550121", "+14155550171", person("2")),
    Told("+14155550122", "+14155550172", person("1", after_s=40.0)),
    Told("+14155550123", "+14155550173", IsBusy(), asked=None),
    Told("+14155550124", "+14155550174", DoesNotAnswer(), asked=None),
)
GIVEN_UP = Told("+14155550130", "+14155550180", person("1", after_s=8.0), ask_and_hang_up)
STORE_AWAY = Told("+14155550140", "+14155550190", person("1"), ask_for_billing, taken=True)


@dataclass(frozen=True, slots=True)
class Ended:
    call: Call
    record: CallRecord


async def played(folder: Path, *told: Told, story: Story | None = None) -> list[Ended]:
    """Play them all in parallel, with `story` instead of their own."""
    parties: Mapping[str, DialledParty] = {each.party: each.does for each in told}
    store_url = f"sqlite:{folder / 'ringdown.db'}"
    async with (
        running_gemini(SCENARIO, folder / "model") as gemini,
        running_line(settings_with(folder, gemini, store_url=store_url)) as stack,
    ):
        await write_agents(stack, told)
        calls = await asyncio.gather(
            *(play(stack, each.to, story or each.story, parties, each.caller) for each in told)
        )
        return [Ended(call, await record_of(stack, call)) for call in calls]


async def write_agents(stack: Stack, told: tuple[Told, ...]) -> None:
    async with open_store(stack.store_url) as store:
        for each in told:
            agent = msgspec.structs.replace(
                packaged_agent(), notice="", tools=(), transfer_numbers={"billing": each.party}
            )
            await write_agent(store, each.to, agent)
            await store.write_number(each.to, each.to)


def said_by_the_agent(record: CallRecord) -> list[str]:
    return [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]


def heard_by_the_person(call: Call) -> list[str]:
    return [event.text for event in call.events if isinstance(event, PersonHeard)]


def connected(call: Call) -> bool:
    (ended,) = (event for event in call.events if isinstance(event, DialledPartyEnded))
    return ended.bridged


@pytest.mark.timeout(120)
async def test_anyone_who_presses_1_is_connected(tmp_path: Path) -> None:
    for told, ended in zip(TAKEN, await played(tmp_path, *TAKEN), strict=True):
        call, record = ended.call, ended.record
        assert connected(call), told
        assert heard_by_the_person(call) == [told.asked]
        assert (record.call.accepted_by, record.call.attempt) == ("billing", 1)
        assert record.call.end_reason is EndReason.TRANSFERRED
        assert record.call.transfer_reason == "the caller asked"
        assert problems(record) == ()
        assert [alert for alert in call.alerts if alert.code != 31921] == []


@pytest.mark.timeout(120)
async def test_anyone_who_does_not_gives_the_caller_back_to_the_agent(tmp_path: Path) -> None:
    for told, ended in zip(NOT_TAKEN, await played(tmp_path, *NOT_TAKEN), strict=True):
        call, record = ended.call, ended.record
        assert not connected(call), told
        assert heard_by_the_person(call) == ([told.asked] if told.asked else [])
        assert said_by_the_agent(record)[-2:] == BACK
        assert (record.call.accepted_by, record.call.failed_transfers) == (None, ("billing",))
        assert record.call.end_reason is EndReason.AGENT_HUNG_UP
        (problem,) = problems(record)
        assert "transferred to billing, who didn't take the call" in problem


@pytest.mark.timeout(120)
async def test_a_caller_who_hangs_up_meanwhile_was_not_connected(tmp_path: Path) -> None:
    (ended,) = await played(tmp_path, GIVEN_UP)
    record = ended.record
    assert heard_by_the_person(ended.call) == [ASKED]
    assert (record.call.accepted_by, record.call.attempt) == (None, 1)
    assert record.call.end_reason is EndReason.TRANSFERRED
    (problem,) = problems(record)
    assert problem == "The caller hung up before billing had taken the call."


@pytest.mark.timeout(120)
async def test_a_call_is_taken_while_the_store_is_away(tmp_path: Path, store_url: str) -> None:
    async def lose_the_store(call: Call) -> None:
        await call.agent_silent_for(0.5)
        await call.say("Connect me to billing, please.")
        await until_the_person_hears(call)
        with store_away(store_url):
            await call.agent_started_speaking(30)  # billing
        await call.ended(60)

    (ended,) = await played(tmp_path, STORE_AWAY, story=lose_the_store)
    assert connected(ended.call)
    assert ended.record.call.accepted_by == "billing", "must be recorded once the store is back"
    assert ended.record.call.attempt == 1
