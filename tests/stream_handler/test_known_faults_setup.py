"""What a session of the model is not told, and conversations with machines that nobody ends."""

import pytest

from tests.stream_handler.conversing import Conversation, Converse, Model, heard_from_caller


def instructions(talk: Conversation) -> str:
    return str(talk.gemini.setups[0]["setup"]["systemInstruction"])


class _IsPolite(Model):
    """Answers a voicemail's menu each time."""

    async def caller_spoke(self) -> None:
        await self.send(heard_from_caller("To leave a message press one."))
        await self.say("I am sorry, I did not understand that.", 2.5)


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="A conversation with a machine that repeats itself goes on until max_call_s.",
)
async def test_a_voicemail_menu_is_not_talked_to_for_ever(converse: Converse) -> None:
    async with converse(_IsPolite) as talk:
        for _ in range(20):
            await talk.phone.speak(4.0)
            await talk.phone.listen(4.0)

        assert talk.told or talk.phone.over.is_set(), "twenty times the same, and nothing is done"
