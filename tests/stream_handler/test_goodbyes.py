"""Goodbyes and announcements are heard to the end, and no caller is hung up on by mistake."""

import asyncio

import msgspec
import pytest

from ringdown.calls import EndReason
from ringdown.tools import Json
from tests.ringdown.samples import a_tool, an_agent
from tests.stream_handler.conversing import (
    INTERRUPTED,
    TURN_COMPLETE,
    Conversation,
    Converse,
    Model,
    heard_from_caller,
    tool_calls,
)
from tests.stream_handler.tool_server import GOOD_BODY, response, tool_server

PEOPLE = {"billing": "+14155550111"}
WITH_PEOPLE = an_agent(transfer_numbers=PEOPLE)
END_CALL: Json = {"id": "e1", "name": "end_call", "args": {"reason": "done"}}
TRANSFER: Json = {
    "id": "x1",
    "name": "transfer_call",
    "args": {"name": "billing", "reason": "wish"},
}


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def asking(talk: Conversation) -> float:
    """Let the caller say something, and return the time."""
    await talk.phone.listen(1.0)
    await talk.phone.speak(1.0)
    return now_s()


# A goodbye after the function


class _CallsFirst(Model):
    """Calls the function, ends its turn, and says goodbye a moment after the result."""

    function = END_CALL
    after_s = 0.8

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("Bye."), tool_calls(self.function), TURN_COMPLETE)

    async def tool_answered(self, id: str, response: Json) -> None:
        await asyncio.sleep(self.after_s)
        await self.say("Thank you for calling us today.", 3.0, at_once=False)


class _TransfersFirst(_CallsFirst):
    function = TRANSFER


@pytest.mark.parametrize("model", [_CallsFirst, _TransfersFirst], ids=["goodbye", "announcement"])
async def test_what_is_said_after_the_function_is_heard_out(
    converse: Converse, model: type[Model]
) -> None:
    async with converse(model, agent=WITH_PEOPLE) as talk:
        asked_s = await asking(talk)
        await talk.phone.listen(8.0)

        assert talk.phone.heard_s(asked_s) >= 2.8


class _Thinks(_CallsFirst):
    after_s = 2.8


async def test_a_goodbye_that_takes_a_thought_is_waited_for(converse: Converse) -> None:
    async with converse(_Thinks) as talk:
        asked_s = await asking(talk)
        await talk.phone.listen(8.0)

        assert talk.phone.heard_s(asked_s) > 0, "hung up without a word"


# A question during the goodbye


class _AsksAfterGoodbye(Model):
    """Says goodbye, and takes more than 1.5 s to answer a question asked after that."""

    async def caller_spoke(self) -> None:
        if self.heard == 1:
            await self.say("You are welcome, goodbye.", 1.5, end=False)
            await self.send(tool_calls(END_CALL), TURN_COMPLETE)
        else:
            await self.send(heard_from_caller("Oh, what does it cost?"))
            await self.answer()

    async def answer(self) -> None:
        await asyncio.sleep(1.8)
        await self.say("Twelve dollars.", 1.0)


class _LooksItUp(_AsksAfterGoodbye):
    async def answer(self) -> None:
        await self.send(tool_calls({"id": "f1", "name": "lookup_account", "args": {}}))

    async def tool_answered(self, id: str, response: Json) -> None:
        if id == "f1":
            await self.say("Twelve dollars.", 1.0)


@pytest.mark.parametrize("model", [_AsksAfterGoodbye, _LooksItUp], ids=["thinks", "uses a tool"])
async def test_a_question_in_the_goodbye_is_answered(
    converse: Converse, model: type[Model]
) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2.5)
        await response(GOOD_BODY)(writer)

    async with tool_server(slow) as server:
        tool = msgspec.structs.replace(a_tool(), url=server.url)
        async with converse(model, tools=(tool,)) as talk:
            await asking(talk)
            await talk.phone.listen(1.7)
            await talk.phone.speak(1.4)
            await talk.phone.listen(6.0)
            record = await talk.ended()

    assert "Twelve dollars." in [turn.text for turn in record.turns]


# Coughs


class _StopsForACough(Model):
    """Lets each cough interrupt its goodbye, and says nothing more."""

    async def caller_spoke(self) -> None:
        if self.heard == 1:
            await self.say("Thank you very much for your call and goodbye.", 3.5, end=False)
            await self.send(tool_calls(END_CALL), TURN_COMPLETE)

    async def caller_began(self) -> None:
        if self.heard > 0:
            await self.send(INTERRUPTED)


@pytest.mark.parametrize("coughs", [1, 3])
async def test_a_cough_into_the_goodbye_does_not_keep_the_call(
    converse: Converse, coughs: int
) -> None:
    async with converse(_StopsForACough) as talk:
        await asking(talk)
        await talk.phone.listen(0.9)
        for _ in range(coughs):
            await talk.phone.speak(0.3)
            await talk.phone.listen(0.7)
        await talk.phone.listen(10.0)
        record = await talk.ended()

    assert record.call.end_reason is EndReason.AGENT_HUNG_UP


# Words that only look like a goodbye


class _Replies(Model):
    reply = ""

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("What is new?"))
        await self.say(self.reply, 2.0)


def _replying(text: str) -> type[Model]:
    return type("_Replying", (_Replies,), {"reply": text})


@pytest.mark.parametrize(
    ("language", "reply"),
    [
        ("en-US", "You can say goodbye to delivery fees. Which plan do you have?"),
        ("en-US", "Goodbye Debt is what we are called. How can I help?"),
        ("en-US", "Mr. Goodbyer will help you. What is it about?"),
        ("it-IT", "Arrivederci è il nome del piano. Quale piano ha?"),
        ("fr-FR", "Bonne journée, ici la mairie. Que puis-je faire pour vous ?"),
    ],
)
async def test_a_farewell_that_is_none_leaves_time_to_think(
    converse: Converse, language: str, reply: str
) -> None:
    agent = msgspec.structs.replace(an_agent(), language=language)
    async with converse(_replying(reply), agent=agent) as talk:
        await asking(talk)
        await talk.phone.listen(9.5)

        assert not talk.phone.over.is_set(), "the caller was hung up on while thinking"
