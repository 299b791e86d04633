"""Whether a transcription has exactly the requested words."""

import pytest

from ringdown.clip_making.words import same_words


@pytest.mark.parametrize(
    ("text", "heard", "language"),
    [
        ("Hello, this is Anna's line.", "hello this is annas line", "en-US"),
        ("Hello – how can I help?", " Hello, how can I help? ", "en-GB"),
        ("Every day, you're welcome.", "Everyday you\u2019re welcome", "en-US"),
        ("Press 20.", "Press twenty.", "en-US"),
        ("Open twenty-four hours.", "Open 24 hours.", "en-US"),
        ("The rate is 1,000 a day.", "The rate is one thousand a day.", "en-US"),
        ("Since 1984.", "Since nineteen eighty-four.", "en-US"),
        ("Call 911.", "Call nine one one.", "en-US"),
        ("Call 9-1-1.", "Call 911.", "en-US"),
        ("On the fourth floor.", "On the 4 floor.", "en-US"),
        ("Drücken Sie die Eins.", "drücken Sie die 1", "de-DE"),
        ("Vierundzwanzig Stunden", "24 Stunden", "de-AT"),
        ("Um ein Uhr", "um 1 Uhr", "de-DE"),
        ("Straße", "Strasse", "de-CH"),
        ("Pulse uno.", "Pulse 1.", "es-MX"),
        ("Una persona", "1 persona", "es-ES"),
        ("Appuyez sur vingt et un.", "Appuyez sur 21.", "fr-FR"),
        ("Huitante minutes", "80 minutes", "fr-CH"),
        ("Prema ventiquattro.", "Prema 24.", "it-IT"),
        ("Over één minuut", "Over één minuut.", "nl-NL"),
        ("Tecle dois.", "Tecle 2.", "pt-BR"),
        ("cafe\u0301", "café", "fr-FR"),
        ("二十", "20", "ja-JP"),
        ("Room 5", "Room 5", "tlh"),
    ],
)
def test_the_same_words(text: str, heard: str, language: str) -> None:
    assert same_words(text, heard, language)
    assert same_words(heard, text, language)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Hello.", ""),
        ("Hello.", "Sure. Hello."),
        ("Hello. How are you?", "Hello."),
        ("I am an AI.", "I'm an AI."),
        ("Press 20.", "Press thirty."),
        ("Press 20.", "Press 2."),
        ("Press 20.", "Press."),
        ("It costs $5.", "It costs five dollars."),
        ("At 9:30.", "At half past nine."),
        ("Hello.", "Hello. " * 1_000),
        ("Hello.", "9" * 10_000),
        ("No.", "9" * 3_000),
    ],
)
def test_other_words(text: str, heard: str) -> None:
    assert not same_words(text, heard, "en-US")
