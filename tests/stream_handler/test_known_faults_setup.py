"""What a session of the model is not told, and conversations with machines that nobody ends."""

import msgspec
import pytest

from ringdown.gemini.models import MODELS
from tests.ringdown.samples import an_agent
from tests.stream_handler.conversing import Conversation, Converse, Model, heard_from_caller


def instructions(talk: Conversation) -> str:
    return str(talk.gemini.setups[0]["setup"]["systemInstruction"])


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="The language is a code in the set-up only, and a model may ignore that.",
)
@pytest.mark.parametrize("model", MODELS)
async def test_the_model_is_told_the_language_in_words(converse: Converse, model: str) -> None:
    agent = msgspec.structs.replace(an_agent(), language="es-ES", model=model)
    async with converse(agent=agent) as talk:
        await talk.phone.listen(1.0)

    told = instructions(talk)
    assert "es-ES" in told or "Spanish" in told


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
