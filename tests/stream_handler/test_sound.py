"""Sound that isn't speech, from the model and from the caller."""

import asyncio

import msgspec
import pytest

from ringdown.agents import Idle
from ringdown.calls import EndReason
from ringdown.calls.problems import problems
from tests.ringdown.samples import a_tool, an_agent
from tests.stream_handler.conversing import (
    TURN_COMPLETE,
    Converse,
    Model,
    heard_from_caller,
    hiss,
    speech,
    tone,
    tool_calls,
)
from tests.stream_handler.tool_server import GOOD_BODY, response, tool_server

QUICK_TO_LEAVE = msgspec.structs.replace(an_agent(), idle=Idle(nudge_after_s=5, goodbye_after_s=12))


def now_s() -> float:
    return asyncio.get_running_loop().time()


# From the model


class _Inaudible(Model):
    """Sends replies with words, but with inaudible audio."""

    amplitude = 0

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("When are you open?"))
        sound = hiss(8.0, self.amplitude)
        await self.say("From nine to five.", 8.0, pcm=sound, at_once=False)


class _Hissing(_Inaudible):
    amplitude = 18


class _InaudibleGreeting(Model):
    async def greet(self) -> None:
        await self.say("Hello, how can I help?", 2.5, pcm=hiss(2.5, 0), at_once=False)


@pytest.mark.parametrize("model", [_Inaudible, _Hissing], ids=["zeros", "hiss"])
async def test_a_reply_without_sound_is_noticed(converse: Converse, model: type[Model]) -> None:
    async with converse(model) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(6.6)

        assert talk.told or len(talk.gemini.setups) > 1, "nothing was done for 6 s of silence"


async def test_a_reply_without_sound_is_noticed_within_four_seconds(converse: Converse) -> None:
    async with converse(_Hissing) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        begins_s = now_s() + 0.5
        await talk.phone.listen(8.0)

    [(after_s, text), *_] = talk.told_since(begins_s)
    assert "You are silent" in text
    assert after_s <= 4.0
    assert len(talk.gemini.setups) == 2, "a session that stays silent must be replaced"


async def test_a_reply_without_sound_is_a_problem(converse: Converse) -> None:
    async with converse(_Inaudible) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(10.0)
        record = await talk.ended()

    assert any("replied, but inaudibly" in problem for problem in problems(record))
    assert record.turns[0].text == "Hello.", "the unheard words were added to another reply"


async def test_a_greeting_without_sound_is_noticed(converse: Converse) -> None:
    async with converse(_InaudibleGreeting) as talk:
        await talk.phone.listen(9.0)

        assert talk.told or len(talk.gemini.setups) > 1


class _LongInaudibleGreeting(Model):
    async def greet(self) -> None:
        await self.say("Hello, how can I help?", 12.0, pcm=hiss(12.0, 0), at_once=False)


async def test_a_greeting_without_sound_is_noticed_before_it_ends(converse: Converse) -> None:
    async with converse(_LongInaudibleGreeting) as talk:
        await talk.phone.listen(4.5)
        assert len(talk.texts) == 1, "the greeting must be requested again"

        await talk.phone.listen(4.0)
        assert len(talk.gemini.setups) == 2


class _StuckInATone(Model):
    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("When are you open?"))
        sound = speech(0.7) + tone(14.0)
        await self.say("We are open", 14.7, pcm=sound, at_once=False)


async def test_a_tone_instead_of_a_voice_is_cut_off(converse: Converse) -> None:
    async with converse(_StuckInATone) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        asked_s = now_s()
        await talk.phone.listen(16.0)

        assert talk.phone.heard_s(asked_s) < 6.0


class _RepeatsAfterATone(_StuckInATone):
    """Repeats, in its next session, what was cut off."""

    async def told(self, text: str) -> None:
        await self.say("We are open from nine to five.", 2.0)


async def test_a_session_that_replaces_a_tone_is_told_what_was_cut_off(converse: Converse) -> None:
    async with converse(_RepeatsAfterATone) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.0)
        await talk.phone.listen(10.0)
        record = await talk.ended()

    assert len(talk.gemini.setups) == 2
    [text] = talk.texts
    assert "cut off" in text
    assert record.turns[-1].text == "We are open from nine to five."


# From the caller


class _AnswersWords(Model):
    """Replies 0.6 s after the caller stops, like a model that hears well."""

    async def caller_began(self) -> None:
        await asyncio.sleep(1.6)
        await self.answer()

    async def answer(self) -> None:
        await self.send(heard_from_caller("When are you open?"))
        await self.say("From nine to five.", 1.0)


class _SaysGoodbye(_AnswersWords):
    async def answer(self) -> None:
        await self.send(heard_from_caller("Bye."))
        await self.say("Goodbye.", 0.9, end=False)
        await self.send(tool_calls({"id": "e1", "name": "end_call", "args": {}}), TURN_COMPLETE)


class _LooksUp(_AnswersWords):
    async def answer(self) -> None:
        await self.send(heard_from_caller("Where is it?"))
        await self.send(tool_calls({"id": "t1", "name": "lookup_account", "args": {}}))


class _SaysNothing(_AnswersWords):
    async def answer(self) -> None:
        await self.send(heard_from_caller("When are you open?"))


async def test_without_frames_a_silent_caller_is_let_go(converse: Converse) -> None:
    async with converse(_AnswersWords, agent=QUICK_TO_LEAVE) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.2)
        await asyncio.sleep(30.0)
        record = await talk.ended()

    assert record.call.end_reason is EndReason.CALLER_IDLE


async def test_without_frames_a_silent_model_is_asked(converse: Converse) -> None:
    async with converse(_SaysNothing) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.2)
        await asyncio.sleep(8.0)

        assert talk.told


async def test_without_frames_the_call_ends_behind_the_goodbye(converse: Converse) -> None:
    async with converse(_SaysGoodbye) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.2)
        await asyncio.sleep(6.0)

        assert talk.phone.over.is_set()


async def test_without_frames_a_slow_tool_is_covered_by_its_tone(converse: Converse) -> None:
    release = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await response(GOOD_BODY)(writer)

    async with tool_server(slow) as server:
        tool = msgspec.structs.replace(a_tool(), url=server.url)
        async with converse(_LooksUp, tools=(tool,)) as talk:
            await talk.phone.listen(1.0)
            await talk.phone.speak(1.2)
            asked_s = now_s()
            await asyncio.sleep(8.0)
            release.set()

            assert talk.phone.heard_s(asked_s) > 0, "no tone was heard in 8 s"


async def test_without_frames_the_call_is_handed_over_between_turns(converse: Converse) -> None:
    async with converse(_AnswersWords) as talk:
        await talk.phone.listen(1.0)
        await talk.phone.speak(1.2)
        await asyncio.sleep(4.0)
        talk.handler.stopping.set()
        stopping_s = now_s()
        await talk.phone.over.wait()

        assert now_s() - stopping_s < 0.1, "the hand-over waited although the line was silent"


class _HearsNobody(Model):
    """Takes everything it hears for noise, as it should."""


class _AsksWhoIsThere(_HearsNobody):
    async def told(self, text: str) -> None:
        await self.say("Are you still there?", 1.0)


@pytest.mark.parametrize("model", [_HearsNobody, _AsksWhoIsThere])
async def test_a_television_does_not_hold_the_line(converse: Converse, model: type[Model]) -> None:
    async with converse(model, agent=QUICK_TO_LEAVE) as talk:
        await talk.phone.listen(1.0)
        for _ in range(200):
            await talk.phone.speak(0.42)
            await talk.phone.listen(0.18)
        record = await talk.ended()

    assert record.call.end_reason is EndReason.CALLER_IDLE
    assert [text for text in talk.texts if "silent for a while" in text] == talk.texts[:2]


class _ListensToTheEnd(Model):
    """Lets the caller speak for a minute without a pause, and then replies."""

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("And that is why I call."))
        await self.say("I see. Let me have a look.", 1.5)


async def test_a_long_monologue_is_no_television(converse: Converse) -> None:
    async with converse(_ListensToTheEnd, agent=QUICK_TO_LEAVE) as talk:
        await talk.phone.listen(1.0)
        for _ in range(100):
            await talk.phone.speak(0.42)
            await talk.phone.listen(0.18)
        await talk.phone.listen(3.0)

        assert talk.texts == []
        assert not talk.phone.over.is_set()


class _IsPolite(Model):
    """Replies to a voicemail menu every time."""

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("To leave a message press one."))
        await self.say("I am sorry, I did not understand that.", 2.5)


async def test_a_voicemail_menu_is_not_talked_to_for_ever(converse: Converse) -> None:
    async with converse(_IsPolite) as talk:
        for _ in range(20):
            await talk.phone.speak(4.0)
            await talk.phone.listen(4.0)

        record = await talk.ended()

    assert record.call.end_reason is EndReason.CALLER_IDLE
    assert len([text for text in talk.texts if "the same words" in text]) == 1


class _Confirms(Model):
    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("Yes please."))
        await self.say("And the next?", 1.0)


async def test_a_caller_who_says_yes_each_time_is_no_machine(converse: Converse) -> None:
    async with converse(_Confirms) as talk:
        for _ in range(10):
            await talk.phone.speak(1.0)
            await talk.phone.listen(3.0)

        assert talk.texts == []
        assert not talk.phone.over.is_set()
