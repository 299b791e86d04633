"""One odd message, and what it costs: from the model, from Twilio, from a tool."""

import asyncio
import sys

import msgspec
import pytest

from ringdown.calls import EndReason
from ringdown.tools import Json
from tests.ringdown.samples import a_tool
from tests.stream_handler.conversing import Converse, Model, tool_calls
from tests.stream_handler.tool_server import response, tool_server

DIGITS = "9" * 5_000


def _call(fields: str) -> str:
    return f'{{"toolCall": {{"functionCalls": [{fields}]}}}}'


def _asking(args: str) -> str:
    return _call(f'{{"id": "f1", "name": "lookup_account", "args": {args}}}')


ODD: dict[str, str | bytes] = {
    "5,000 digits in arguments": _asking(f'{{"n": {DIGITS}}}'),
    "5,000 digits in an unknown message": f'{{"somethingNew": {{"n": {DIGITS}}}}}',
    "5,000 digits in an unknown field": f'{{"serverContent": {{"newField": {DIGITS}}}}}',
    "5,000 digits in usage": f'{{"usageMetadata": {{"totalTokenCount": {DIGITS}}}}}',
    "arguments that are a list": _asking("[1]"),
    "arguments that are a text": _asking('"x"'),
    "an id that is a number": _call('{"id": 7, "name": "lookup_account", "args": {}}'),
    "a handle that is a number": '{"sessionResumptionUpdate": {"newHandle": 5, "resumable": true}}',
    "sound that is not base64": (
        '{"serverContent": {"modelTurn": {"parts": [{"inlineData": '
        '{"mimeType": "audio/pcm;rate=24000", "data": "!!!"}}]}}}'
    ),
    "no JSON": "hello",
    "no UTF-8": b"\xff\xfe{",
}


def _after_its_greeting(message: str | bytes) -> type[Model]:
    async def greet(self: Model) -> None:
        await self.say("Hello.", 0.3)
        await self.send(message)
        await asyncio.sleep(0.5)
        await self.say("Still here.", 0.3)

    return type("_Odd", (Model,), {"greet": greet})


@pytest.mark.parametrize("message", ODD.values(), ids=ODD.keys())
async def test_one_odd_message_costs_no_session(converse: Converse, message: str | bytes) -> None:
    async with converse(_after_its_greeting(message)) as talk:
        await talk.phone.listen(2.5)
        record = await talk.ended()

    assert len(talk.gemini.setups) == 1
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP
    assert "Still here." in [turn.text for turn in record.turns]


def _asking_three(args: Json) -> type[Model]:
    good = {"id": "f1", "name": "lookup_account", "args": {}}
    unknown = {"id": "f2", "name": "no_such_tool", "args": {}}
    bad = {"id": "f3", "name": "lookup_account", "args": args}

    async def greet(self: Model) -> None:
        await self.say("Hello.", 0.3)
        await self.send(tool_calls(good, unknown, bad))

    async def tool_answered(self: Model, id: str, response: Json) -> None:
        self.conversation.told.append((0.0, id))

    return type("_AskingThree", (Model,), {"greet": greet, "tool_answered": tool_answered})


@pytest.mark.parametrize("args", [[1, 2], "x", 5], ids=["list", "text", "number"])
async def test_each_call_is_answered_although_one_is_odd(converse: Converse, args: Json) -> None:
    async with tool_server(response(b'{"output":{"status":"active"}}')) as server:
        tool = msgspec.structs.replace(a_tool(), url=server.url)
        async with converse(_asking_three(args), tools=(tool,)) as talk:
            await talk.phone.listen(2.0)

            assert sorted(talk.texts) == ["f1", "f2", "f3"]


class _AsksOnce(Model):
    async def greet(self) -> None:
        await self.say("Hello.", 0.3)
        await self.send(tool_calls({"id": "f1", "name": "lookup_account", "args": {}}))

    async def tool_answered(self, id: str, response: Json) -> None:
        self.conversation.told.append((0.0, id))


@pytest.mark.xfail(
    sys.version_info >= (3, 12),  # Python 3.11 has another limit for what is nested
    strict=True,
    raises=AssertionError,
    reason="A tool's result that is nested too deep to send on ends the call.",
)
@pytest.mark.parametrize("depth", [1_500, 5_000])
async def test_a_deep_result_of_a_tool_is_answered(converse: Converse, depth: int) -> None:
    body = b'{"output":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    async with tool_server(response(body)) as server:
        tool = msgspec.structs.replace(a_tool(), url=server.url)
        async with converse(_AsksOnce, tools=(tool,)) as talk:
            await talk.phone.listen(2.0)
            shut, answered = talk.phone.closed, talk.texts

    assert shut is None
    assert answered == ["f1"]
