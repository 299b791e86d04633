"""An odd message from the model or a tool affects nothing else."""

import asyncio

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
    "sound that isn't base64": (
        '{"serverContent": {"modelTurn": {"parts": [{"inlineData": '
        '{"mimeType": "audio/pcm;rate=24000", "data": "!!!"}}]}}}'
    ),
    "nested deep in arguments": _asking('{"a": ' + "[" * 1_500 + "]" * 1_500 + "}"),
    "nested very deep in an unknown field": f'{{"news": {"[" * 50_000}{"]" * 50_000}}}',
    "an argument that isn't a number": _asking('{"n": NaN}'),
    "an odd flag": '{"serverContent": {"interrupted": "no"}}',
    "an error from the service": '{"error": {"code": 13, "message": "internal"}}',
    "a code from the service": '{"code": 13, "message": "internal"}',
    "not JSON": "hello",
    "not UTF-8": b"\xff\xfe{",
}


def _nested(depth: int) -> Json:
    nested: Json = 1
    for _ in range(depth):
        nested = [nested]
    return nested


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
    first = {"id": "f1", "name": "lookup_account", "args": {"n": 1}}
    odd = {"id": "f2", "name": "lookup_account", "args": args}
    last = {"id": "f3", "name": "lookup_account", "args": {"n": 3}}

    async def greet(self: Model) -> None:
        await self.say("Hello.", 0.3)
        await self.send(tool_calls(first, odd, last))

    async def tool_answered(self: Model, id: str, response: Json) -> None:
        self.conversation.told.append((0.0, f"{id} {response}"))

    return type("_AskingThree", (Model,), {"greet": greet, "tool_answered": tool_answered})


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ([1, 2], "got `array` - at `$.args`"),
        ("x", "got `str` - at `$.args`"),
        (5, "got `int` - at `$.args`"),
        ({"a": _nested(40)}, "`args` is nested more than 32 deep"),
    ],
    ids=["list", "text", "number", "deep"],
)
async def test_of_three_calls_two_are_made_and_the_odd_one_is_told_what_is_wrong(
    converse: Converse, args: Json, problem: str
) -> None:
    async with tool_server(response(b'{"output":{"status":"active"}}')) as server:
        tool = msgspec.structs.replace(a_tool(), url=server.url)
        async with converse(_asking_three(args), tools=(tool,)) as talk:
            await talk.phone.listen(2.0)
            first, odd, last = sorted(talk.texts)

    made = [msgspec.json.decode(body)["args"] for _, body in server.requests if body]
    assert made == [{"n": 1}, {"n": 3}]
    assert first == "f1 {'output': {'status': 'active'}}"
    assert last == "f3 {'output': {'status': 'active'}}"
    assert problem in odd


class _AsksOnce(Model):
    async def greet(self) -> None:
        await self.say("Hello.", 0.3)
        await self.send(tool_calls({"id": "f1", "name": "lookup_account", "args": {}}))

    async def tool_answered(self, id: str, response: Json) -> None:
        self.conversation.told.append((0.0, id))


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
