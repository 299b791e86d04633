"""Which sound belongs to which sentence of which agent."""

import msgspec
import pytest

from ringdown.agents.clips import clip_key, greeting_text, notice_text
from tests.ringdown.samples import an_agent

HELLO = "Hello."


@pytest.mark.parametrize(
    "changes",
    [
        {"voice": "Puck"},
        {"language": "de-DE"},
        {"model": "gemini-2.5-flash-native-audio"},
        {"volume_db": 3.0},
    ],
)
def test_what_changes_the_sound_changes_the_key(changes: dict[str, object]) -> None:
    other = msgspec.structs.replace(an_agent(), **changes)

    assert clip_key(other, HELLO) != clip_key(an_agent(), HELLO)
    assert clip_key(an_agent(), "Hello!") != clip_key(an_agent(), HELLO)


def test_other_instructions_leave_the_clips_as_they_are() -> None:
    other = msgspec.structs.replace(an_agent(), instructions="Other.")

    assert clip_key(other, HELLO) == clip_key(an_agent(), HELLO)


def test_a_greeting_that_differs_from_call_to_call_has_no_text() -> None:
    assert greeting_text(an_agent(greeting="It is {local_time}.")) is None
    assert greeting_text(an_agent(greeting="{{Hello}}")) == "{Hello}"


def test_the_notice_is_the_agents_or_its_languages() -> None:
    assert notice_text(an_agent(notice=" Hello. ")) == HELLO
    assert notice_text(an_agent(notice="")) == ""
    assert "assistant" in notice_text(msgspec.structs.replace(an_agent(), notice=None))
