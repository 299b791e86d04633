"""Nothing is lost when one model session replaces another."""

import asyncio

import pytest

from ringdown.calls import EndReason
from ringdown.tools import Json
from tests.stream_handler.conversing import (
    Converse,
    Model,
    heard_from_caller,
)

MOST_CHARACTERS = 9_000


def instructions(setup: Json) -> str:
    return str(setup["setup"]["systemInstruction"])


class _RefusesLongInstructions(Model):
    """Closes a session whose instructions are too long, as the service does with 1007."""

    async def run(self) -> None:
        if len(instructions(self.gemini.setups[-1])) > MOST_CHARACTERS:
            await self.socket.close(1007, "Request contains an invalid argument.")
            return
        await super().run()

    async def caller_spoke(self) -> None:
        if self.number > 1:
            return
        await self.send(heard_from_caller(f"Question {self.heard}: " + "x" * 800))
        await self.say(f"Answer {self.heard}: " + "y" * 800, 0.4)
        if self.heard == 10:
            await asyncio.sleep(1.5)
            await self.socket.close(1011, "Internal error encountered.")


class _LetsInAndCloses(_RefusesLongInstructions):
    """Like its base class, but closes the session only after setup."""

    async def run(self) -> None:
        if len(instructions(self.gemini.setups[-1])) > MOST_CHARACTERS:
            await self.send({"setupComplete": {}})
            await self.socket.close(1007, "Request contains an invalid argument.")
            return
        await Model.run(self)


@pytest.mark.parametrize("model", [_RefusesLongInstructions, _LetsInAndCloses])
async def test_a_session_that_was_told_too_much_is_told_less(
    converse: Converse, model: type[Model]
) -> None:
    async with converse(model) as talk:
        await talk.phone.listen(1.0)
        for _ in range(10):
            await talk.phone.speak(0.4)
            await talk.phone.listen(1.6)
        await talk.phone.listen(6.0)
        record = await talk.ended()

    lengths = [len(instructions(setup)) for setup in talk.gemini.setups]
    assert max(lengths) > MOST_CHARACTERS, "the instructions never got too long"
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP, lengths


class _GoesAwayAgainAndAgain(Model):
    """Each of its sessions announces, after 2 s, that it will end in a minute."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announce())
            await super().run()

    async def _announce(self) -> None:
        await asyncio.sleep(2.0)
        handle = {"newHandle": f"h{self.number}", "resumable": True}
        await self.send({"sessionResumptionUpdate": handle}, {"goAway": {"timeLeft": "60s"}})


async def test_announced_ends_do_not_end_the_call(converse: Converse) -> None:
    async with converse(_GoesAwayAgainAndAgain) as talk:
        await talk.phone.listen(25.0)
        record = await talk.ended()

    assert record.call.end_reason is EndReason.CALLER_HUNG_UP


class _Forgets(Model):
    """Resumes its session, but has forgotten everything."""

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("My number is one two three."))
        await self.say("Thank you, one two three.", 0.8)
        await asyncio.sleep(1.5)
        handle = {"newHandle": "h1", "resumable": True}
        await self.send({"sessionResumptionUpdate": handle})
        await asyncio.sleep(1.0)
        await self.socket.close(1011, "Internal error encountered.")


async def test_a_resumed_session_gets_a_recap(converse: Converse) -> None:
    async with converse(_Forgets) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(6.0)

    second = talk.gemini.setups[1]
    assert "one two three" in f"{instructions(second)}{talk.texts}"
