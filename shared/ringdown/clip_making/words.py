"""Checks whether someone said exactly what they were asked to say."""

from ringdown.spoken_words import letters, readings

_LONGEST = 4_000


def same_words(text: str, heard: str, language: str) -> bool:
    """Whether `heard`, a transcription, has exactly the words of `text`.

    Case, punctuation and spaces don't count. A number may be in digits in one and in words in the
    other, if all numbers are read the same way: "20" is "twenty", "1984" is "nineteen eighty-four"
    or "one nine eight four". Other symbols are ignored ("$5" is "5"), so a transcription that
    spells them out doesn't match.
    """
    if len(heard) > _LONGEST:
        return False
    return any(letters(text, spell) == letters(heard, spell) for spell in readings(language))
