"""Which clip belongs to which of an agent's sentences."""

import msgspec
import pytest

from ringdown.agents.clips import (
    clip_key,
    clip_texts,
    greeting_text,
    notice_text,
    without_clip,
)
from ringdown.agents.opening_hours import OpeningHours
from ringdown.agents.phrases import phrases_for
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
    assert "AI" in notice_text(msgspec.structs.replace(an_agent(), notice=None))


def test_what_is_said_in_fixed_words_is_each_text_once_and_the_beginning_first() -> None:
    phrases = phrases_for("de-DE")
    agent = an_agent(greeting=phrases.busy, notice="Achtung.", language="de-DE")

    assert clip_texts(agent) == (
        "Achtung.",
        phrases.busy,
        phrases.connecting_apology,
        phrases.closing_apology,
        phrases.connecting,
        phrases.idle_goodbye,
        phrases.time_goodbye,
    )


def test_what_is_empty_or_differs_from_call_to_call_is_no_text() -> None:
    texts = clip_texts(an_agent(greeting="It is {local_time}.", notice=" "))

    assert texts[0] == phrases_for("en-US").connecting_apology
    assert all(text.strip() for text in texts)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (OpeningHours(), phrases_for("en-US").closed),
        (OpeningHours(outside="fallback_number"), phrases_for("en-US").closed),
        (OpeningHours(message="We are away."), "We are away."),
        (OpeningHours(message=""), None),
        (OpeningHours(outside="answer", message="We are away."), None),
        (None, None),
    ],
)
def test_words_outside_the_hours(hours: OpeningHours | None, said: str | None) -> None:
    usual = set(clip_texts(an_agent()))
    agent = msgspec.structs.replace(an_agent(), opening_hours=hours)

    assert set(clip_texts(agent)) - usual == ({said} if said else set())


def test_why_there_is_no_clip_is_told_once_for_each_reason() -> None:
    agent = an_agent(greeting=HELLO, notice="A notice.")
    failed = {
        clip_key(agent, HELLO): "the model said nothing",
        clip_key(agent, "A notice."): "the model said nothing",
        clip_key(agent, phrases_for("en").busy): "the model sent silence",
        "of another agent": "the model sent silence",
    }

    notes = without_clip(agent, failed)

    assert len(notes) == 2
    assert notes[0].startswith(
        'No clip in the agent\'s voice for "A notice." and "Hello.": the model said nothing. '
    )
    assert without_clip(agent, {}) == ()
