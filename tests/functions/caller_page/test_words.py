"""The page's sentences: complete in every language."""

import tomllib

import pytest

from photo_page.refusals import Refusal
from photo_page.words import FILES, words_for
from ringdown.agents.phrases import packaged_phrases

LANGUAGES = sorted({tag.partition("-")[0] for tag in packaged_phrases()})
SECTIONS = tomllib.loads((FILES / "words.toml").read_text("utf-8"))


def test_the_languages_are_those_of_the_agents() -> None:
    assert sorted(SECTIONS) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_refusal_has_words_of_its_own(language: str) -> None:
    words = words_for(language)
    assert words.language.startswith(f"{language}-")
    assert len({words.of(refusal) for refusal in Refusal}) == len(Refusal)
    assert words.left.format(count=3).endswith("3")


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_nothing_is_left_in_english(language: str) -> None:
    same = {name for name, text in SECTIONS[language].items() if text == SECTIONS["en"][name]}
    assert same <= {"photo", "text"}, "only these words may be the same in two languages"
