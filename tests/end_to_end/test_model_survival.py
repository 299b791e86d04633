"""A call continues although the model's sessions keep ending during it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringdown.calls import CallRecord, EndReason, Speaker
from ringdown.stores import open_store
from simulators.gemini_live.faults import (
    AbortConnection,
    Close,
    Fault,
    ForgetHandles,
    GoingAway,
    InSession,
)
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.recognition import normalise
from simulators.twilio import Call
from tests.whole_line import phone_network, running_line, settings_with

NUMBER = "My number is one two three."
PLAN = "How does the family plan work?"
BALANCE = "What is my balance?"
BYE = "Thank you, that is all. Goodbye."
STORY = (
    "The family plan has three parts. First, you choose the things that you need every month. "
    "Second, we bring them to your door. Third, you pay for all of it at once."
)
SCENARIO = Scenario(
    greeting=Reply(say="Hello, how can I help you today?"),
    turns=(
        Turn("number", Reply(say="Thank you, I have noted that."), heard=(NUMBER,)),
        Turn("plan", Reply(say=STORY), heard=(PLAN,)),
        Turn("rest", Reply(say="Third, you pay for all of it at once."), text="You were cut off"),
        Turn(
            "balance",
            Reply(say="It is ten dollars."),
            heard=(BALANCE,),
            needs="number",
            forgotten="I do not know your number.",
        ),
        Turn(
            "bye",
            Reply(say="Goodbye.", calls=(PlannedCall("end_call", {"reason": "done"}),)),
            heard=(BYE,),
        ),
    ),
)


@pytest.mark.timeout(120)
async def test_a_conversation_continues_over_five_sessions(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    gemini = await gemini_live_server(SCENARIO)
    async with call_to(gemini, tmp_path) as (call, records):
        await call.agent_silent_for(0.6)
        await call.say(NUMBER)
        await call.agent_started_speaking()
        await call.agent_silent_for(0.8)

        await trouble(gemini, Close(1011))  # during silence
        await call.say(PLAN)
        await call.agent_speaking_for(1.5)
        await trouble(gemini, AbortConnection())  # in the middle of a reply
        await call.agent_silent_for(1.2)
        question = await call.start_saying(BALANCE)
        await call.wait(0.6)
        await trouble(gemini, Close(1011))  # while the caller speaks
        await call.spoken(question)
        await call.agent_started_speaking()
        await call.agent_silent_for(0.8)
        await trouble(gemini, GoingAway(50.0))  # with time to choose the moment
        await call.say(BYE)
        await call.ended(20)
        record = await records()

    assert record.call.end_reason is EndReason.AGENT_HUNG_UP
    # After two resumed sessions broke within ten seconds, the next one is a fresh one.
    assert [session.resumed for session in gemini.sessions] == [False, True, True, False, True]
    heard = [u.phrase for session in gemini.sessions for u in session.utterances if u.phrase]
    assert heard == [normalise(text) for text in (NUMBER, PLAN, BALANCE, BYE)]
    said = [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]
    assert "It is ten dollars." in said, f"the caller's number was forgotten: {said}"
    assert "Third, you pay for all of it at once." in said, f"the story wasn't finished: {said}"
    assert [made.took_ms < 300 for made in record.call.reconnects] == [True] * 4, (
        record.call.reconnects
    )


@pytest.mark.timeout(120)
async def test_what_was_said_is_known_in_a_session_that_could_not_be_resumed(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    gemini = await gemini_live_server(SCENARIO, [Fault(ForgetHandles(), session=1)])
    async with call_to(gemini, tmp_path) as (call, records):
        await call.agent_silent_for(0.6)
        await call.say(NUMBER)
        await call.agent_started_speaking()
        await call.agent_silent_for(0.8)
        gemini.cause(Close(1011))
        await gemini.session(3)  # the second was refused its handle
        await call.say(BALANCE)
        await call.agent_started_speaking()
        await call.agent_silent_for(0.8)
        await call.say(BYE)
        await call.ended(20)
        record = await records()

    assert [session.close_code for session in gemini.sessions[:2]] == [1011, 1007]
    assert not gemini.sessions[2].resumed
    said = [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]
    assert "It is ten dollars." in said, f"the caller's number was forgotten: {said}"
    assert record.call.end_reason is EndReason.AGENT_HUNG_UP


async def trouble(gemini: GeminiLiveServer, fault: InSession) -> None:
    """Make the open session misbehave, and wait for the next one."""
    number = len(gemini.sessions)
    gemini.cause(fault)
    await gemini.session(number + 1)


@asynccontextmanager
async def call_to(gemini: GeminiLiveServer, folder: Path) -> AsyncIterator[tuple[Call, "Records"]]:
    settings = settings_with(folder, gemini)
    async with running_line(settings) as stack:
        network = phone_network(stack)
        async with network.place_call(
            to="+14155550100",
            from_="+14155550123",
            voice_url=f"{stack.webhook_url}/",
            status_url=f"{stack.webhook_url}/status",
        ) as call:
            yield call, Records(stack.store_url, call)


class Records:
    """The call's record, once the handler has written it."""

    def __init__(self, store_url: str, call: Call) -> None:
        self._store_url = store_url
        self._call = call

    async def __call__(self) -> CallRecord:
        async with asyncio.timeout(10), open_store(self._store_url) as store:
            record = await store.read_record(self._call.identity.call_sid)
        assert record is not None
        return record
