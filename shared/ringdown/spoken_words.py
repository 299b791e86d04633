"""Compares words as they are spoken: without case or punctuation, however numbers are read."""

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unicode_rbnf import FormatPurpose, RbnfEngine
from unicode_rbnf.engine import RbnfError

Spell = Callable[[str], str]
"""A function that spells out digits as words."""

_NUMBER = re.compile(r"\d{1,3}(?:[.,]\d{3})+|\d+")
_WORD = re.compile(
    r"\d{1,3}(?:[.,]\d{3})+|\d+|[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]"
    r"|[^\s\d!-&(-/:-@\[-`{-~\u2013\u2014\u2026\u201c\u201d\u201e\u00ab\u00bb\u3000-\u303f\uff01-\uff1f]+"
)
"""Matches a number, a character of a language without spaces, or a word."""
_BREAK = re.compile(r"[.,:;!?…]\s")
"""Separates two numbers; without the space, as in "9:30" and "20.50", they are one."""
_SIGN = re.compile(r"([$€£])\s?(\d[\d.,]*\d|\d)|(\d)\s?%")
_SIGNS = {"en": {"$": "dollars", "€": "euros", "£": "pounds", "%": "percent"}}
"""How signs next to a number are read, by language. In other languages they are ignored."""
_PURPOSES = (FormatPurpose.CARDINAL, FormatPurpose.YEAR, FormatPurpose.ORDINAL)
_MOST_DIGITS = 15


def letters(text: str, spell: Spell) -> str:
    """Reduce `text` to letters and digits, with numbers spelled out."""
    in_words = _NUMBER.sub(lambda number: spell(number[0]), text)
    folded = unicodedata.normalize("NFKC", in_words).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")


@functools.cache
def readings(language: str) -> tuple[Spell, ...]:
    """Return the ways to read numbers, by the rules of Unicode's CLDR: "20" is "20" or "twenty";
    "1984" also "nineteen eighty-four", "one nine eight four" or "nineteen eighty-fourth"."""
    engine = _engine(language)
    if engine is None:
        return (str,)
    as_one = (
        functools.partial(_as_one, engine, purpose, ruleset)
        for purpose in _PURPOSES
        for ruleset in _spelled(engine, 1, purpose)
    )
    return (str, *as_one, functools.partial(_digit_by_digit, engine))


# Finding words in what was said


@dataclass(frozen=True, slots=True)
class _Place:
    """A word in a text, and its position."""

    text: str
    start: int
    end: int


def found_words(words: str, said: str, language: str, *, whole_numbers: bool) -> str | None:
    """Return the part of `said` in which `words` appear consecutively, or None.

    Case, punctuation, and whether a number is in digits or words don't matter. With
    `whole_numbers`, "twenty" isn't found in "a hundred twenty" or "twenty-five".
    """
    said = _with_signs_read(said, language)
    places = [_Place(it[0], it.start(), it.end()) for it in _WORD.finditer(said)]
    numbers = _number_words(language)
    plain = [letters(place.text, str) for place in places]
    for spell in readings(language):
        wanted = letters(_with_signs_read(words, language), spell)
        read = {text: letters(text, spell) for text in set(plain) if text.isdigit()}
        spelled = [read.get(text, text) for text in plain]
        for first, last in _spans(wanted, spelled):
            if not (whole_numbers and _cuts_number(said, places, first, last, numbers)):
                return said[places[first].start : places[last].end]
    return None


def _spans(wanted: str, spelled: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the first and last index of each run of words that makes up `wanted`."""
    for first in range(len(spelled) if wanted else 0):
        made = ""
        for last in range(first, len(spelled)):
            made += spelled[last]
            if made == wanted:
                yield first, last
            if not wanted.startswith(made):
                break


def _cuts_number(
    said: str, places: list[_Place], first: int, last: int, numbers: "_NumberWords"
) -> bool:
    """Whether the words from `first` to `last` begin or end inside a longer number."""
    for inner, step in ((first, -1), (last, 1)):
        outer = inner + step
        if 0 <= outer < len(places) and places[outer].text.casefold() in numbers.between:
            outer += step
        if not (0 <= outer < len(places) and numbers.has(places[inner].text)):
            continue
        before, after = sorted((inner, outer))
        between = said[places[before].end : places[after].start]
        if numbers.has(places[outer].text) and not _BREAK.search(between):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _NumberWords:
    """The words that make up numbers, such as "twenty", and those that join them, such as "and"."""

    words: frozenset[str]
    between: frozenset[str]

    def has(self, word: str) -> bool:
        return word[0].isdigit() or word.casefold() in self.words


@functools.cache
def _number_words(language: str) -> _NumberWords:
    engine = _engine(language)
    if engine is None:
        return _NumberWords(frozenset(), frozenset())
    words: set[str] = set()
    between = {"and"} if language.startswith("en") else set()
    powers = (10**power for power in range(3, 10))
    for number in itertools.chain(range(101), range(110, 1_000, 100), powers):
        for spelled in _spelled(engine, number, FormatPurpose.CARDINAL).values():
            parts = [word[0].casefold() for word in _WORD.finditer(spelled)]
            words.update((*parts[:1], *parts[-1:]))
            between.update(parts[1:-1])
    return _NumberWords(frozenset(words), frozenset(between - words))


def _with_signs_read(text: str, language: str) -> str:
    """Spell out signs next to numbers: "$20" becomes "20 dollars"."""
    signs = _SIGNS.get(language.partition("-")[0])
    if signs is None:
        return text

    def read(found: re.Match[str]) -> str:
        if found[3]:
            return f"{found[3]} {signs['%']}"
        return f"{found[2]} {signs[found[1]]}"

    return _SIGN.sub(read, text)


def _as_one(engine: RbnfEngine, purpose: FormatPurpose, ruleset: str, digits: str) -> str:
    plain = digits.replace(".", "").replace(",", "")
    if len(plain) > _MOST_DIGITS or (plain[0] == "0" and plain != "0"):
        return digits  # "007" is read digit by digit, not as seven
    return _spelled(engine, int(plain), purpose).get(ruleset, digits)


def _digit_by_digit(engine: RbnfEngine, digits: str) -> str:
    return "".join(
        _spelled(engine, int(digit), FormatPurpose.CARDINAL).get("spellout-numbering", digit)
        for digit in digits
        if digit.isdecimal()
    )


def _spelled(engine: RbnfEngine, number: int, purpose: FormatPurpose) -> dict[str, str]:
    """Spell out `number` by each of the language's rules, such as one for each gender."""
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
