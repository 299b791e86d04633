"""What the model is told to say word for word, and in which language."""

import pytest

from ringdown.agents.phrases import phrases_for
from stream_handler.call import prompts
from stream_handler.words import words_for


@pytest.mark.parametrize(
    ("language", "nudge"),
    [
        ("de-AT", 'Say exactly: "Sind Sie noch da?"'),
        ("en-ZA", 'Say exactly: "Are you still there?"'),
        ("sv-SE", 'Say in sv-SE: "Are you still there?"'),
    ],
)
def test_the_model_translates_where_there_are_no_sentences(language: str, nudge: str) -> None:
    words = words_for(language)

    assert prompts.idle_nudge(words.idle_nudge, words.translate_to).endswith(nudge)
    warning = prompts.time_warning(words.time_warning, words.translate_to)
    assert phrases_for(language).time_warning in warning
    assert (f"Say in {language}:" in warning) is (language == "sv-SE")
