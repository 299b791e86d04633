"""Keys do what callers expect."""

import asyncio

import pytest

from ringdown.calls import EndReason
from ringdown.tools import Json
from tests.stream_handler.conversing import (
    Converse,
    Model,
    heard_from_caller,
    tool_calls,
)

COLLECT: Json = {"id": "c1", "name": "collect_digits", "args": {"purpose": "pin", "length": 4}}
FALLBACK = "+14155550177"


def now_s() -> float:
    return asyncio.get_running_loop().time()


class _AsksForAPin(Model):
    """Asks for a PIN, and calls the function `after_s` later."""

    after_s = 0.0

    async def greet(self) -> None:
        await self.say("Please type your four digit PIN.", 1.5)
        await asyncio.sleep(self.after_s)
        await self.send(tool_calls(COLLECT))

    async def tool_answered(self, id: str, response: Json) -> None:
        self.conversation.told.append((now_s(), str(response)))


class _TakesAMoment(_AsksForAPin):
    after_s = 2.2


@pytest.mark.parametrize("early", ["12", "1234"])
async def test_digits_typed_before_the_function_are_collected(
    converse: Converse, early: str
) -> None:
    async with converse(_TakesAMoment) as talk:
        await talk.phone.listen(1.2)
        await talk.phone.press(early, every_s=0.2)
        await talk.phone.listen(0.5)
        await talk.phone.press("1234"[len(early) :], every_s=0.3)
        await talk.phone.listen(7.0)

        assert [text for text in talk.texts if "collected" in text], talk.texts


async def test_a_caller_who_speaks_instead_of_typing_is_noticed(converse: Converse) -> None:
    async with converse(_AsksForAPin) as talk:
        await talk.phone.listen(2.5)
        spoke_s = now_s()
        await talk.phone.speak(1.8)
        await talk.phone.listen(6.5)

        assert talk.told_since(spoke_s), "a caller without a keypad got no reply for 8 s"


class _ReadsAMenu(Model):
    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("Hello?"))
        await self.say("For sales press one. For support press two and so on.", 20.0)


async def test_a_key_ends_the_announcement(converse: Converse) -> None:
    async with converse(_ReadsAMenu) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(2.0)
        await talk.phone.press("1")
        await talk.phone.listen(4.0)

        assert talk.phone.clears == 1


async def test_two_zeros_reach_a_person_as_one_does(converse: Converse) -> None:
    async with converse(fallback_number=FALLBACK) as talk:
        await talk.phone.listen(1.5)
        await talk.phone.press("00", every_s=0.25)
        await talk.phone.listen(3.0)
        record = await talk.ended()

    assert record.call.end_reason is EndReason.CALLER_ASKED_FOR_PERSON
