"""Whether somebody said exactly what they were asked to say."""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator

from unicode_rbnf import FormatPurpose, RbnfEngine
from unicode_rbnf.engine import RbnfError

_Spell = Callable[[str], str]
"""What is read for digits."""

_NUMBER = re.compile(r"\d{1,3}(?:[.,]\d{3})+|\d+")
_PURPOSES = (FormatPurpose.CARDINAL, FormatPurpose.YEAR, FormatPurpose.ORDINAL)
_MOST_DIGITS = 15
_LONGEST = 4_000


def same_words(text: str, heard: str, language: str) -> bool:
    """Whether `heard`, a transcription, has exactly the words of `text`.

    Case, punctuation and spaces don't count. A number may be digits in one and words in the other,
    if all numbers are read in the same way: "20" is "twenty", "1984" is "nineteen eighty-four" or
    "one nine eight four". Other signs aren't read ("$5" is "5"): a transcription that writes them
    out doesn't match.
    """
    if len(heard) > _LONGEST:
        return False
    return any(_letters(text, spell) == _letters(heard, spell) for spell in _readings(language))


def _letters(text: str, spell: _Spell) -> str:
    in_words = _NUMBER.sub(lambda number: spell(number[0]), text)
    folded = unicodedata.normalize("NFKC", in_words).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")


def _readings(language: str) -> Iterator[_Spell]:
    yield str
    engine = _engine(language)
    if engine is None:
        return
    for purpose in _PURPOSES:
        for ruleset in _spelled(engine, 1, purpose):
            yield functools.partial(_as_one, engine, purpose, ruleset)
    yield functools.partial(_digit_by_digit, engine)


def _as_one(engine: RbnfEngine, purpose: FormatPurpose, ruleset: str, digits: str) -> str:
    plain = digits.replace(".", "").replace(",", "")
    if len(plain) > _MOST_DIGITS:
        return digits
    return _spelled(engine, int(plain), purpose).get(ruleset, digits)


def _digit_by_digit(engine: RbnfEngine, digits: str) -> str:
    return "".join(
        _spelled(engine, int(digit), FormatPurpose.CARDINAL).get("spellout-numbering", digit)
        for digit in digits
        if digit.isdecimal()
    )


def _spelled(engine: RbnfEngine, number: int, purpose: FormatPurpose) -> dict[str, str]:
    """By the name of the rules: a language may have some for each gender."""
    try:
        return engine.format_number(number, purpose).text_by_ruleset
    except (RbnfError, ValueError):  # the language has no such rules
        return {}


@functools.cache
def _engine(language: str) -> RbnfEngine | None:
    for name in (language.replace("-", "_"), language.partition("-")[0]):
        if name in RbnfEngine.get_supported_languages():
            return RbnfEngine.for_language(name)
    return None
