"""The sentences spoken without the model are complete, speakable, and in the right language."""

import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from ringdown.agents import Agent, packaged_agent
from ringdown.agents.phrases import (
    Phrases,
    has_phrases,
    notice_says_recorded,
    packaged_phrases,
    phrases_for,
    read_phrases,
)
from ringdown.errors import InvalidDocument
from simulators.speech.synthesis import Voice, synthesize

WORDS = ("farewells", "recorded", "not_recorded")
SENTENCES = [name for name in Phrases.__struct_fields__ if name not in ("language", *WORDS)]
PLACEHOLDERS = {"transfer_number": "{digits}", "transfer_name": "{name}"}
ENGLISH: dict[str, Any] = {
    "language": "en-US",
    **{name: ["goodbye"] for name in WORDS},
    **dict.fromkeys(SENTENCES, "Hello."),
}


def test_the_languages_there_are() -> None:
    assert {tag for tag in packaged_phrases() if "-" not in tag} >= {
        *("de", "en", "es", "fr", "it", "nl", "pt")
    }


@pytest.mark.parametrize("tag", packaged_phrases())
@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_can_be_read_aloud(tag: str, name: str) -> None:
    sentence = getattr(phrases_for(tag), name)
    assert sentence[-1] in ".?", "without punctuation, a voice can't tell how a sentence ends"
    assert sentence == " ".join(sentence.split()), "it has line breaks or double spaces"
    words = sentence.replace(PLACEHOLDERS.get(name, ""), "")
    assert not set(words) & set("{}<>&[]_0123456789"), "words only"


@pytest.mark.parametrize("tag", packaged_phrases())
@pytest.mark.parametrize(("name", "placeholder"), PLACEHOLDERS.items())
def test_who_calls_is_told_in_its_place(tag: str, name: str, placeholder: str) -> None:
    assert getattr(phrases_for(tag), name).count(placeholder) == 1


@pytest.mark.parametrize("tag", packaged_phrases())
@pytest.mark.parametrize("name", WORDS)
def test_words_can_be_found_in_lower_case_words(name: str, tag: str) -> None:
    for words in getattr(phrases_for(tag), name):
        assert words == " ".join(words.lower().split())


@pytest.mark.parametrize("tag", packaged_phrases())
def test_the_tag_that_say_is_told_is_of_the_same_language(tag: str) -> None:
    spoken = phrases_for(tag).language
    assert spoken.partition("-")[0] == tag.partition("-")[0]
    assert spoken == tag or "-" not in tag


def test_no_two_languages_say_the_same() -> None:
    languages = [phrases for tag, phrases in packaged_phrases().items() if "-" not in tag]
    for name in SENTENCES:
        assert len({getattr(phrases, name) for phrases in languages}) == len(languages), name


@pytest.mark.parametrize(
    ("tag", "language", "nudge"),
    [
        ("en-US", "en-US", "Are you still there?"),
        ("en-GB", "en-GB", "Are you still there?"),
        ("de-DE", "de-DE", "Sind Sie noch da?"),
        ("de-AT", "de-DE", "Sind Sie noch da?"),
        ("de", "de-DE", "Sind Sie noch da?"),
        ("pt-BR", "pt-BR", "Você ainda está aí?"),
        ("pt-PT", "pt-PT", "Ainda está aí?"),
        ("fi-FI", "en-US", "Are you still there?"),
        (None, "en-US", "Are you still there?"),
        ("", "en-US", "Are you still there?"),
    ],
)
def test_the_tag_then_its_language_then_english(tag: str | None, language: str, nudge: str) -> None:
    phrases = phrases_for(tag)
    assert (phrases.language, phrases.idle_nudge) == (language, nudge)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"busy": ""}, "phrases in en: busy: Expected `str` of length >= 1"),
        ({"busy": "x" * 200}, "phrases in en: busy: Expected `str` of length <= 199"),
        ({"bussy": "Hello."}, "phrases in en: Object contains unknown field `bussy`"),
    ],
)
def test_a_wrong_sentence_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDocument) as error:
        read_phrases({"en": ENGLISH | change})
    assert str(error.value).startswith(message)


def test_a_missing_sentence_is_named() -> None:
    with pytest.raises(InvalidDocument, match=r"phrases in fr: .*missing required field `notice`"):
        read_phrases({"en": ENGLISH, "fr": {"language": "fr-FR"}})


def test_a_region_says_what_its_language_says_unless_it_differs() -> None:
    read = read_phrases({"en": ENGLISH, "en-GB": {"busy": "Engaged."}})
    assert (read["en-GB"].language, read["en-GB"].busy) == ("en-GB", "Engaged.")
    assert read["en-GB"].notice == read["en"].notice


def test_nothing_of_this_needs_a_yaml_reader() -> None:
    program = (
        "import sys; sys.modules['yaml'] = None\n"
        "import ringdown.calls\n"
        "from ringdown.agents.phrases import phrases_for\n"
        "print(phrases_for('de-DE').idle_nudge)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program], capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("Sind Sie noch da?\n", "")


@pytest.mark.parametrize("tag", ["en-US", "en-ZA", "de-AT", "pt", "es-419"])
def test_there_are_phrases_in_the_language_of_a_tag(tag: str) -> None:
    assert has_phrases(tag)


@pytest.mark.parametrize("tag", ["sv-SE", "zh-CN", "fi"])
def test_there_are_none_in_others(tag: str) -> None:
    assert not has_phrases(tag)


SPEAKING_RATE_WPM = 165
"""The rate for espeak-ng, whose default is 175. People read aloud at 150 to 180."""
_SPEAKERS = {"en": "en-us", "pt": "pt-br", "pt-PT": "pt"}


@pytest.mark.parametrize("tag", packaged_phrases())
def test_the_notice_takes_less_than_two_and_a_half_seconds(tag: str) -> None:
    language = tag.partition("-")[0]
    voice = Voice(
        _SPEAKERS.get(tag) or _SPEAKERS.get(language, language), words_per_minute=SPEAKING_RATE_WPM
    )
    pcm = synthesize(phrases_for(tag).notice, rate_hz=8_000, voice=voice, edge_silence_ms=0)

    assert len(pcm) / 8_000 < 2.5


@pytest.mark.parametrize("tag", packaged_phrases())
def test_the_notice_says_that_a_machine_answers_and_that_the_call_is_written_down(tag: str) -> None:
    notice = phrases_for(tag).notice

    assert re.search(r"\b(AI|KI|IA)\b", notice)
    assert re.search("tra(n|s|ns)cr|schreibe mit|schrijf mee", notice)


def noticing(notice: str | None, language: str) -> Agent:
    return msgspec.structs.replace(packaged_agent(), notice=notice, language=language)


@pytest.mark.parametrize("tag", packaged_phrases())
def test_a_notice_says_that_the_call_is_recorded_or_does_not(tag: str) -> None:
    phrases = phrases_for(tag)
    language = phrases.language
    assert notice_says_recorded(noticing(phrases.recorded_notice, language))
    assert notice_says_recorded(noticing(f"{phrases.notice} {phrases.recorded_notice}", language))
    assert not notice_says_recorded(noticing(phrases.notice, language))
    assert not notice_says_recorded(noticing(None, language))
    assert not notice_says_recorded(noticing("", language))


@pytest.mark.parametrize(
    ("notice", "language", "says"),
    [
        ("I'm an AI, and this call is being recorded for training.", "en-GB", True),
        ("We record calls. You will not notice.", "en-US", True),
        ("This call is not recorded.", "en-US", False),
        ("This call isn’t recorded.", "en-US", False),
        ("Calls on this line aren't recorded.", "en-US", False),
        ("We record nothing.", "en-GB", False),
        ("Wir zeichnen nichts auf.", "de-DE", False),
        ("Es gibt keinerlei Aufzeichnung.", "de-DE", False),
        ("Aucun enregistrement.", "fr-FR", False),
        ("Nous n'enregistrons rien.", "fr-FR", False),
        ("No hay ninguna grabación.", "es-ES", False),
        ("Nessuna registrazione.", "it-IT", False),
        ("Wij nemen niets op.", "nl-NL", False),
        ("Nenhuma gravação é feita.", "pt-BR", False),
        # Only words are matched, not their meaning.
        ("This is the record store. This call is transcribed.", "en-US", True),
        ("The accord of all parties.", "en-US", False),
        ("Wir zeichnen das Gespräch auf.", "de-AT", True),
        ("Das Gespräch wird nicht aufgezeichnet.", "de-DE", False),
        ("Cet appel n'est pas enregistré.", "fr-FR", False),
        ("Gespräche werden AUFGEZEICHNET!", "de-DE", True),
        ("This call is recorded.", "de-DE", False),
        ("Puhelu nauhoitetaan.", "fi-FI", True),  # can't be checked in Finnish
        (None, "fi-FI", False),
    ],
)
def test_what_callers_hear_of_a_recording(notice: str | None, language: str, says: bool) -> None:
    assert notice_says_recorded(noticing(notice, language)) is says


def test_the_packaged_agent_has_the_short_notice() -> None:
    assert packaged_agent().notice == phrases_for("en-US").notice
