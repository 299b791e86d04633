"""The record says what was said, when, and in which reply."""

import asyncio

import msgspec
import pytest

from ringdown.calls import Speaker
from ringdown.calls.problems import problems
from tests.ringdown.samples import an_agent
from tests.stream_handler.conversing import (
    INTERRUPTED,
    TURN_COMPLETE,
    Converse,
    Model,
    heard_from_caller,
)


class _WordsComeLate(Model):
    """Sends the transcript of its last words only after its turn has ended."""

    first, late = "We are open from ", "nine to five."

    async def caller_spoke(self) -> None:
        if self.heard > 1:
            await self.say("We are closed.", 0.8)
            return
        await self.say(self.first, 3.0)
        await asyncio.sleep(0.3)
        await self.send({"serverContent": {"outputTranscription": {"text": self.late}}})


class _AllWordsComeLate(_WordsComeLate):
    first, late = "", "We are open from nine to five."


@pytest.mark.parametrize("model", [_WordsComeLate, _AllWordsComeLate], ids=["some", "all"])
async def test_late_words_belong_to_the_reply_that_is_played(
    converse: Converse, model: type[Model]
) -> None:
    async with converse(model) as talk:
        await talk.phone.listen(1.0)
        for _ in range(2):
            await talk.phone.speak(1.0)
            await talk.phone.listen(4.5)
        record = await talk.ended()

    assert [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT] == [
        "Hello.",
        "We are open from nine to five.",
        "We are closed.",
    ]


class _HearsSooner(Model):
    """Notices the second utterance before our own detector does."""

    async def caller_spoke(self) -> None:
        if self.heard == 1:
            await self.send(heard_from_caller("That is all."))
            await self.say("You are welcome and goodbye then.", 2.5)
            await asyncio.sleep(1.18)
            await self.send(INTERRUPTED, TURN_COMPLETE)


async def test_a_barge_in_is_timed_from_its_own_voice(converse: Converse) -> None:
    async with converse(_HearsSooner) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(1.66)
        await talk.phone.speak(0.6)
        await talk.phone.listen(1.0)
        record = await talk.ended()

    [cut] = [turn for turn in record.turns if turn.interrupted]
    assert cut.barge_in_ms is None or cut.barge_in_ms < 500


class _InterruptsItself(Model):
    """Interrupts its reply for a voice that isn't there, then continues by itself."""

    async def caller_spoke(self) -> None:
        await self.say(" ".join(f"word{n}" for n in range(30)), 9.0)
        await asyncio.sleep(4.0)
        await self.send(INTERRUPTED, TURN_COMPLETE)
        await asyncio.sleep(2.6)
        await self.say("I continue here.", 1.0)


async def test_a_reply_that_nobody_asked_for_is_not_slow(converse: Converse) -> None:
    async with converse(_InterruptsItself) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(9.5)
        record = await talk.ended()

    assert record.turns[-1].text == "I continue here."
    assert record.turns[-1].reply_ms is None


class _TalksThroughAnOkay(Model):
    """Keeps talking through an "okay", and doesn't transcribe it."""

    async def caller_spoke(self) -> None:
        if self.heard == 1:
            await self.send(heard_from_caller("How do I order a cake?"))
            await self.say("You choose one. Which day suits you?", 5.0)
        elif self.heard == 3:
            await self.send(heard_from_caller("On Friday."))
            await self.say("Friday it is.", 1.0)


async def test_words_after_a_thought_begin_where_they_were_said(converse: Converse) -> None:
    async with converse(_TalksThroughAnOkay) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(2.0)
        await talk.phone.speak(0.5)
        await talk.phone.listen(11.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(3.0)
        record = await talk.ended()

    [answer] = [turn for turn in record.turns if turn.text == "On Friday."]
    assert answer.end_ms - answer.start_ms <= 1_100


class _WritesTheEndOnly(Model):
    """Transcribes only the last words of a long complaint."""

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("and that is why I call about the invoice."))
        await self.say("I see.", 1.0)


async def test_speech_without_its_words_is_a_problem(converse: Converse) -> None:
    async with converse(_WritesTheEndOnly) as talk:
        await talk.phone.listen(1.0)
        for _ in range(150):
            await talk.phone.speak(0.4)
            await talk.phone.listen(0.2)
        await talk.phone.listen(2.5)
        record = await talk.ended()

    assert any("word" in text or "transcri" in text for text in problems(record))


async def test_the_last_minute_is_announced_when_the_caller_is_silent(converse: Converse) -> None:
    brief = msgspec.structs.replace(an_agent(), max_call_s=70)
    async with converse(agent=brief) as talk:
        await talk.phone.listen(8.0)
        await talk.phone.speak(4.0)
        assert talk.texts == []
        await talk.phone.listen(1.0)

        assert "minute" in talk.texts[0]
