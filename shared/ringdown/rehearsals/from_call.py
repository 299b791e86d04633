"""Makes a persona from a past call, with names and numbers replaced. Pure.

It replaces what can be recognized: numbers, e-mail addresses, and names that a field of the record
contains or with which speakers introduce themselves or are addressed. No program can tell a name
from another word for certain, so a person must read the persona before it is kept.
"""

import hashlib
import itertools
import random
import re
from collections.abc import Iterator, Sequence

import msgspec

from ringdown.calls import CallRecord, EndReason, Speaker, ToolOutcome, Turn
from ringdown.rehearsals import (
    CannedResult,
    ExpectedCall,
    Line,
    Must,
    Persona,
    When,
)
from ringdown.tools import Json
from ringdown.tools.check import BUILT_IN

_LONGEST = 500
_MOST_LINES = 58
_INTERRUPTS_AFTER_S = 1.5
_FEWEST_DIGITS = 3
"""Shorter numbers identify no one: two tickets, 20 dollars."""
_STAND_INS = ("Alex", "Robin", "Kim", "Sam", "Charlie", "Jamie", "Taylor", "Morgan", "Casey", "Lee")
_DIGIT_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "de": ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
    "fr": ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
    "es": ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
}
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_KEPT = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}(?!\d)|\b\d{1,4}[.,]\d{1,2}\b(?![.\d])")
"""Dates, times of day and amounts: they identify no one, and a tool would refuse other digits."""
_DIGITS = re.compile(r"\d(?:[ \-./]?\d){2,}")
_NAMED = re.compile(r"name|caller|customer|contact|person", re.IGNORECASE)
_INTRODUCED = re.compile(
    r"\b(?:[Mm]y name is|[Tt]his is|I(?:['’]| a)m|[Mm]ein Name ist|[Ii]ch hei(?:ß|ss)e"
    r"|[Jj]e m['’]appelle|[Mm]e llamo|(?:Mr|Mrs|Ms|Dr)\.?|Herrn?|Frau|Madame|Monsieur|[Ss]eñora?)"
    r"\s+((?:[A-ZÀ-Þ][\w'-]+\s?){1,3})"
)
_CAPITALS = re.compile(r"(?<=[a-zà-ÿ,;] )[A-ZÀ-Þ][\w'-]+")
_DECIDED_IN_CALL = frozenset(
    {
        EndReason.AGENT_HUNG_UP,
        EndReason.CALLER_HUNG_UP,
        EndReason.CALLER_ASKED_FOR_PERSON,
        EndReason.CALLER_IDLE,
        EndReason.TRANSFERRED,
    }
)
"""Endings that the agent or the caller brought about, unlike limits, faults and opening hours."""


def persona_of(record: CallRecord, name: str) -> Persona:
    """Make a persona that says what this caller said. A person must write what it should hear."""
    call, hide = record.call, _Replacement(record)
    outcome = record.outcome
    summary = outcome.summary if outcome is not None else ""
    asked = [it for it in record.tool_calls if it.outcome is not ToolOutcome.CANCELLED]
    tools: dict[str, tuple[CannedResult, ...]] = {}
    for it in asked:
        if it.name not in BUILT_IN:
            tools[it.name] = (*tools.get(it.name, ()), _canned(it.output, it.error, it.args, hide))
    ending = call.end_reason if call.end_reason in _DECIDED_IN_CALL else None
    return Persona(
        name=name,
        who="Someone who called before. Names and numbers are made up.",
        wants=hide.text(summary) or "What the lines say.",
        agent=call.agent_id,
        language=call.agent.language,
        lines=tuple(_lines(record, hide)),
        tools=tools,
        must=Must(
            tools=tuple(
                ExpectedCall(tool=it.name, args=hide.value(it.args))
                for it in asked
                if it.name not in BUILT_IN and it.outcome is ToolOutcome.ANSWERED
            ),
            ending=ending,
        ),
    )


def _lines(record: CallRecord, hide: "_Replacement") -> Iterator[Line]:
    yield from itertools.islice(_spoken(record, hide), _MOST_LINES)
    if record.call.end_reason is EndReason.CALLER_HUNG_UP:
        yield Line(hang_up=True)
    else:
        yield Line(wait="hangup", within_s=60.0)


def _spoken(record: CallRecord, hide: "_Replacement") -> Iterator[Line]:
    before: Turn | None = None
    for turn in record.turns:
        words = hide.text(" ".join(turn.text.split()))[:_LONGEST]
        if turn.speaker is Speaker.CALLER and words:
            cut = before is not None and before.speaker is Speaker.AGENT and before.interrupted
            yield Line(say=words, when=When(agent_speaking_s=_INTERRUPTS_AFTER_S) if cut else None)
        before = turn


def _canned(
    output: dict[str, Json] | None, error: str | None, args: dict[str, Json], hide: "_Replacement"
) -> CannedResult:
    shown: dict[str, Json] = hide.value(args)
    if output is not None:
        return CannedResult(args=shown, output=hide.value(output))
    if error:
        return CannedResult(args=shown, error=hide.text(error))
    return CannedResult(args=shown, fault="server_error")


class _Replacement:
    """Replaces names and numbers. Each gets the same replacement wherever it occurs, and each time
    the call is read."""

    def __init__(self, record: CallRecord) -> None:
        self._digits = _other_digits(record.call.call_sid)
        language = record.call.agent.language.partition("-")[0]
        words = _DIGIT_WORDS.get(language, _DIGIT_WORDS["en"])
        self._words = {word: words[int(self._digits[n])] for n, word in enumerate(words)}
        if language == "en":
            self._words["oh"] = self._words["zero"]
        one = "|".join(self._words)
        self._spoken = re.compile(rf"\b(?:{one})(?:[\s,.\-]+(?:{one}))+\b", re.IGNORECASE)
        self._one = re.compile(rf"\b(?:{one})\b", re.IGNORECASE)
        self._names = dict(zip(_names(record), _stand_ins(), strict=False))

    def text(self, text: str) -> str:
        text = _EMAIL.sub("somebody@example.com", text)
        for name, other in self._names.items():
            text = re.sub(rf"\b{re.escape(name)}\b", other, text, flags=re.IGNORECASE)
        kept = {match.span() for match in _KEPT.finditer(text)}

        def other_number(found: re.Match[str]) -> str:
            if any(start < found.end() and found.start() < end for start, end in kept):
                return found[0]
            return "".join(self._digit(character) for character in found[0])

        text = _DIGITS.sub(other_number, text)
        return self._spoken.sub(self._other_words, text)

    def value(self, value: Json) -> Json:
        """Replace names and numbers in a value, except in field names, which the tool defines."""
        match value:
            case str():
                return self.text(value)
            case int() if not isinstance(value, bool) and abs(value) >= 10 ** (_FEWEST_DIGITS - 1):
                return int("".join(map(self._digit, str(value))))
            case list() | tuple():
                return [self.value(item) for item in value]
            case dict():
                return {name: self.value(item) for name, item in value.items()}
            case _:
                return value

    def _digit(self, character: str) -> str:
        return self._digits[int(character)] if character in "0123456789" else character

    def _other_words(self, found: re.Match[str]) -> str:
        if len(self._one.findall(found[0])) < _FEWEST_DIGITS:
            return found[0]
        return self._one.sub(lambda word: self._words[word[0].casefold()], found[0])


def _other_digits(call_sid: str) -> Sequence[str]:
    """Return a different digit for each digit, always the same ones for a call."""
    numbers = random.Random(hashlib.sha256(call_sid.encode()).digest())  # noqa: S311 - no secret
    digits = [*"0123456789"]
    while any(digit == str(n) for n, digit in enumerate(digits)):
        numbers.shuffle(digits)
    return digits


def _stand_ins() -> Iterator[str]:
    yield from _STAND_INS
    yield from (f"{name}{n}" for n in range(2, 100) for name in _STAND_INS)


def _names(record: CallRecord) -> list[str]:
    """Return words that are names, as far as the record shows, in the order they are found."""
    found: dict[str, None] = {}
    for text in _name_texts(record):
        for word in re.findall(r"[^\W\d_][\w'-]+", text):
            found.setdefault(word)
    return list(found)


def _name_texts(record: CallRecord) -> Iterator[str]:
    call = record.call
    if call.caller_facts:
        yield from _values(msgspec.json.decode(call.caller_facts), named=False)
    if call.caller_memory and not call.agent.language.startswith("de"):  # capitalizes all nouns
        yield from _CAPITALS.findall(call.caller_memory)
    for tool in record.tool_calls:
        yield from _values(tool.args, named=False)
        yield from _values(tool.output, named=False)
    if record.outcome is not None:
        fields = {name: it.value for name, it in record.outcome.fields.items()}
        yield from _values(fields, named=False)
    for turn in record.turns:
        yield from _INTRODUCED.findall(turn.text)


def _values(value: Json, *, named: bool) -> Iterator[str]:
    """Yield texts in fields whose own names suggest that they contain a name."""
    match value:
        case str() if named:
            yield value
        case dict():
            for name, item in value.items():
                yield from _values(item, named=_NAMED.search(name) is not None)
        case list() | tuple():
            for item in value:
                yield from _values(item, named=named)
        case _:
            pass
