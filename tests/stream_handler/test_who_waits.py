"""Who is owed a reply, and who isn't."""

import asyncio

import pytest

from ringdown.calls import EndReason, Speaker
from tests.stream_handler.conversing import (
    INTERRUPTED,
    TURN_COMPLETE,
    Conversation,
    Converse,
    Model,
    heard_from_caller,
)

LONG_REPLY = " ".join(f"word{n}" for n in range(24))


def now_s() -> float:
    return asyncio.get_running_loop().time()


# The question was already answered


class _LateTranscript(Model):
    """Sends the question's transcript 3 s after its reply. Speaks when it gets a text."""

    async def caller_spoke(self) -> None:
        await self.say("From nine to five.", 2.0)
        await asyncio.sleep(3.0)
        await self.send(heard_from_caller("When are you open?"))

    async def told(self, text: str) -> None:
        await self.say("As I said, from nine to five.", 1.5)


async def test_a_late_transcript_asks_for_no_second_answer(converse: Converse) -> None:
    async with converse(_LateTranscript) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(9.0)

        assert talk.texts == []


async def test_a_late_transcript_is_recorded_before_its_answer(converse: Converse) -> None:
    async with converse(_LateTranscript) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(4.5)
        record = await talk.ended()

    assert [turn.speaker for turn in sorted(record.turns, key=lambda turn: turn.start_ms)] == [
        Speaker.AGENT,
        Speaker.CALLER,
        Speaker.AGENT,
    ]


class _AsksHowMany(Model):
    """Asks a question, and ignores the noise that follows, as it should."""

    async def caller_spoke(self) -> None:
        if self.heard == 1:
            await self.send(heard_from_caller("I want a table."))
            await self.say("For how many?", 1.2)


@pytest.mark.parametrize("noise_s", [0.5, 8.0], ids=["a door", "a hair dryer"])
async def test_a_noise_after_a_question_is_no_answer_to_it(
    converse: Converse, noise_s: float
) -> None:
    async with converse(_AsksHowMany) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(2.5)
        noisy_s = now_s()
        await talk.phone.run_a_fan(noise_s)
        await talk.phone.listen(9.0)

        urged = [text for _, text in talk.told_since(noisy_s) if "the caller waits" in text]
        assert urged == []


async def test_noise_does_not_lose_the_model(converse: Converse) -> None:
    async with converse(_AsksHowMany) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(2.5)
        await talk.phone.speak(0.5)
        await talk.phone.listen(20.0)
        record = await talk.ended()

    assert record.call.end_reason is not EndReason.MODEL_LOST
    assert record.call.reconnects == ()


class _GoesOnThroughAnOkay(Model):
    async def caller_spoke(self) -> None:
        if self.heard == 1:
            await self.send(heard_from_caller("Tell me."))
            await self.say("A long answer. Which day suits you?", 6.0)
        else:
            await self.send(heard_from_caller("Okay."))


async def test_a_caller_who_said_okay_may_think(converse: Converse) -> None:
    async with converse(_GoesOnThroughAnOkay) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(2.5)
        await talk.phone.speak(0.6)
        await talk.phone.listen(12.0)

        assert talk.texts == []


class _LongGreeting(Model):
    async def greet(self) -> None:
        await self.say("Hello, this is the line. What can I do for you?", 3.5)


async def test_a_hello_over_the_greeting_is_owed_nothing(converse: Converse) -> None:
    async with converse(_LongGreeting) as talk:
        await talk.phone.listen(0.4)
        await talk.phone.speak(0.5)
        await talk.phone.listen(11.0)

        assert talk.texts == []


# The caller is owed a reply and gets none


class _Deaf(Model):
    """Says nothing after its greeting."""


class _EndsEmptyTurns(Model):
    async def caller_spoke(self) -> None:
        await self.send(TURN_COMPLETE)


class _WritesAndEndsEmptyTurns(Model):
    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("Hello?"), TURN_COMPLETE)


@pytest.mark.parametrize("every_s", [1.5, 3.0, 4.0])
@pytest.mark.parametrize("model", [_Deaf, _EndsEmptyTurns, _WritesAndEndsEmptyTurns])
async def test_a_caller_who_keeps_saying_hello_is_helped(
    converse: Converse, model: type[Model], every_s: float
) -> None:
    async with converse(model) as talk:
        await talk.phone.listen(1.0)
        asked_s = now_s()
        while not talk.told and not talk.phone.over.is_set():
            await talk.phone.speak(0.7)
            await talk.phone.listen(every_s)

        [(after_s, _), *_] = talk.told_since(asked_s)
        assert after_s <= 8.0


class _EmptyGreeting(Model):
    async def greet(self) -> None:
        await self.send(TURN_COMPLETE)


async def test_an_empty_greeting_is_asked_for_again(converse: Converse) -> None:
    async with converse(_EmptyGreeting) as talk:
        await talk.phone.listen(8.0)

        assert talk.told or len(talk.gemini.setups) > 1


REJECTED: dict[str, object] = {
    "serverContent": {"turnComplete": True, "turnCompleteReason": "RESPONSE_REJECTED"}
}


class _Rejects(Model):
    """Ends every turn of its first session empty, with a reason."""

    async def caller_spoke(self) -> None:
        await self.reject_or_answer()

    async def told(self, text: str) -> None:
        await self.reject_or_answer()

    async def reject_or_answer(self) -> None:
        if self.number > 1:
            await self.say("From nine to five.", 1.0)
        else:
            await self.send(REJECTED)


async def test_the_reason_of_an_empty_turn_is_recorded(
    converse: Converse, caplog: pytest.LogCaptureFixture
) -> None:
    async with converse(_Rejects) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(10.0)
        record = await talk.ended()

    logged = [str(vars(entry)) for entry in caplog.records]
    assert "REJECTED" in f"{record.call.reconnects}{logged}"


async def test_two_empty_turns_are_enough(converse: Converse) -> None:
    async with converse(_Rejects) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        asked_s = now_s()
        await talk.phone.listen(10.0)
        answered_s = talk.phone.first_heard_s(asked_s)

    assert answered_s is not None
    assert answered_s - asked_s < 6.0


# Interrupted by next to nothing


async def explaining(talk: Conversation) -> float:
    """Let the caller ask and hear part of the long reply, and return the time."""
    await talk.phone.listen(1.0)
    await talk.phone.speak(1.0)
    await talk.phone.listen(3.0)
    return now_s()


class _StopsForAMumble(Model):
    """Lets a mumble interrupt its reply, and says nothing more until it is asked to."""

    mumbled: tuple[dict[str, object], ...] = ()

    async def caller_spoke(self) -> None:
        if self.heard == 1:
            await self.send(heard_from_caller("How does it work?"))
            await self.say(LONG_REPLY, 8.0)
        else:
            await self.send(*self.mumbled)

    async def caller_began(self) -> None:
        if self.heard == 1:
            await self.send(INTERRUPTED, TURN_COMPLETE)


class _WritesTheMumble(_StopsForAMumble):
    mumbled = (heard_from_caller("Mm-hm."),)


@pytest.mark.parametrize("model", [_StopsForAMumble, _WritesTheMumble])
async def test_a_mumble_does_not_end_the_reply(converse: Converse, model: type[Model]) -> None:
    async with converse(model) as talk:
        mumbled_s = await explaining(talk)
        await talk.phone.speak(0.3)
        await talk.phone.listen(6.0)

        [(after_s, text), *_] = talk.told_since(mumbled_s) or [(99.0, "")]
        assert after_s <= 3.5, f"nothing was done for {after_s} s, and then: {text}"
        assert "cut off" in text, "the reply doesn't continue where it stopped"


class _QuickAnswer(Model):
    """When interrupted, answers the new question soon after, without ending its turn first."""

    async def caller_spoke(self) -> None:
        if self.heard == 1:
            await self.say("A long reply.", 4.0, end=False)

    async def caller_began(self) -> None:
        if self.heard == 1:
            await self.send(INTERRUPTED)
            await asyncio.sleep(0.25)
            await self.say("Yes.", 0.8)


async def test_an_answer_soon_after_an_interruption_is_heard(converse: Converse) -> None:
    async with converse(_QuickAnswer) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(1.5)
        await talk.phone.speak(0.5)
        interrupted_s = now_s()
        await talk.phone.listen(4.0)

        assert talk.phone.heard_s(interrupted_s) >= 0.7
