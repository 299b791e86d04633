"""An agent's document as a form, and back. Pure.

What the form does not show, such as a field that nobody knows, stays in the document as it is; a
field that is left at its default is not written.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field as dataclass_field
from typing import Literal

import msgspec

from console.forms import Form
from ringdown.agents import Agent, Draft
from ringdown.agents.documents import Document
from ringdown.agents.field_notes import FIELD_NOTES
from ringdown.agents.opening_hours import WEEKDAYS
from ringdown.gemini.models import MODELS, VOICES
from ringdown.tools import Json

Kind = Literal["line", "prose", "list", "choice", "number", "flag", "names", "pairs", "examples"]
_BLANK_ROWS = 2
HOURS, HAS_HOURS = "opening_hours", "has_opening_hours"
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")
_PLACE = re.compile(r"\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Field:
    """`path` leads through the document: `idle.nudge_after_s`."""

    path: str
    label: str
    kind: Kind
    choices: Mapping[str, str] = dataclass_field(default_factory=dict)
    """What each is called."""
    hint: str = ""

    @property
    def note(self) -> str:
        note = FIELD_NOTES.get(self.path)
        return self.hint or ("" if note is None else note.text)


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    fields: tuple[Field, ...]
    is_open: bool = False


_PATIENCE = {"quick": "quick", "normal": "normal", "patient": "patient: for slow speakers"}
_SENSITIVITY = {"high": "any voice", "low": "a clear voice: for noisy lines"}
_OUTSIDE = {
    "message": "a message, and the end",
    "fallback_number": "a message, and the fallback number",
    "answer": "the agent all the same",
}
_THINKING = {"": "as the model likes"} | {
    level: level for level in ("minimal", "low", "medium", "high")
}
_VOICES = {name: f"{name}: {character}" for name, character in VOICES.items()}
_ITS_OWN = "Leave it empty for a sentence in the agent's language."
_FACTS = "The tool that knows the caller; it says {caller_facts}."
_SAYS = Group(
    "What it says",
    (
        Field("greeting", "Greeting", "line"),
        Field("instructions", "Instructions", "prose"),
        Field("notice", "Notice", "prose"),
    ),
    is_open=True,
)
_HOURS = Group(
    "Opening hours",
    (
        Field("time_zone", "Time zone", "line"),
        Field(
            HAS_HOURS, "This agent has opening hours", "flag", hint="Without, it is always open."
        ),
        *(
            Field(
                f"{HOURS}.{day}",
                day.capitalize(),
                "line",
                hint="09:00-12:00, 13:00-17:30 or 24h; empty is closed." if day == "monday" else "",
            )
            for day in WEEKDAYS
        ),
        Field(f"{HOURS}.closed_on", "Days off", "list", hint="12-25 is every year; one a line."),
        Field(
            f"{HOURS}.outside",
            "Outside these hours",
            "choice",
            _OUTSIDE,
        ),
        Field(f"{HOURS}.message", "Message outside these hours", "prose", hint=_ITS_OWN),
    ),
)
_GROUPS = (
    _SAYS,
    Group(
        "Voice and language",
        (
            Field("voice", "Voice", "choice", _VOICES),
            Field("volume_db", "Volume", "number"),
            Field("language", "Language", "line"),
            Field("languages", "Callers also speak", "list", hint="One a line: en-US, es-US."),
            Field("vocabulary", "Words easily misheard", "list", hint="One a line."),
            Field("model", "Model", "choice", {name: name for name in MODELS}),
            Field("thinking", "Thinking", "choice", _THINKING),
            Field("temperature", "Temperature", "number"),
        ),
    ),
    Group(
        "Tools",
        (
            Field("tools", "Tools it may call", "names"),
            Field("before_call", "Called while the phone rings", "line", hint=_FACTS),
            Field("google_search", "May search the web", "flag"),
            Field("photos", "May ask for photos", "flag"),
            Field("keep_photos", "Photos are kept with the call", "flag"),
            Field("waiting_phrases", "Said while a tool takes long", "list", hint="One a line."),
        ),
    ),
    Group(
        "People",
        (
            Field("fallback_number", "Fallback number", "line"),
            Field("transfer_numbers", "May transfer to", "pairs"),
            Field("transfer_accept", "They press 1 to take the call", "flag"),
        ),
    ),
    _HOURS,
    Group(
        "How a call goes",
        (
            Field("turn_taking.patience", "Patience", "choice", _PATIENCE),
            Field("turn_taking.start_sensitivity", "Interrupted by", "choice", _SENSITIVITY),
            Field("protect_greeting", "The greeting is heard out", "flag"),
            Field("idle.nudge_after_s", "Asks a silent caller after (s)", "number"),
            Field("idle.goodbye_after_s", "Says goodbye after (s)", "number"),
            Field("max_call_s", "Longest call (s)", "number"),
            Field("max_cost_usd", "Most a call may cost ($)", "number"),
            Field("remember_callers", "Remembers callers", "flag"),
            Field("apply_to_live_calls", "Edits reach live calls", "flag"),
        ),
    ),
    Group("Examples", (Field("examples", "Examples", "examples"),)),
)
_TESTERS = Group(
    "Who hears this draft", (Field("testers", "Testers", "list", hint="One a line: +14155550123."),)
)


def groups(*, draft: bool) -> tuple[Group, ...]:
    return (_GROUPS[0], _TESTERS, *_GROUPS[1:]) if draft else _GROUPS


def shown(field: Field, document: Document, *, draft: bool = False) -> Json:
    """What the form shows: the document's value, else the default."""
    if field.path == HAS_HOURS:
        return isinstance(document.get(HOURS), dict)
    value = _at(document, field.path)
    if value is None:
        value = _at(_defaults(draft), field.path)
    match field.kind:
        case "list":
            return "\n".join(map(str, value)) if isinstance(value, list) else _text(value)
        case "names":
            return sorted({str(name) for name in value}) if isinstance(value, list) else []
        case "pairs":
            named = value.items() if isinstance(value, dict) else ()
            pairs = [(str(name), _text(number)) for name, number in named]
            return [*pairs, *[("", "")] * _BLANK_ROWS]
        case "examples":
            rows = [_example(row) for row in value] if isinstance(value, list) else []
            return [*rows, *[("", "")] * _BLANK_ROWS]
        case "flag":
            return value is True
        case _:
            return _text(value)


def applied(base: Document, form: Form, *, draft: bool = False) -> Document:
    """`base` with what the form says of the fields that it shows."""
    document: Document = msgspec.json.decode(msgspec.json.encode(base))
    had_hours = isinstance(base.get(HOURS), dict)
    if had_hours and HAS_HOURS not in form:
        del document[HOURS]
    elif HAS_HOURS in form and not had_hours:
        document[HOURS] = {}
    for group in groups(draft=draft):
        for field in group.fields:
            if field.path != HAS_HOURS and (HAS_HOURS in form or not _of_hours(field)):
                _put(document, base, field, _given(field, form), draft=draft)
    return document


def offered_tools(document: Document, declared: Collection[str]) -> list[str]:
    """Those that the document names, too, even if there are no such tools."""
    named = document.get("tools")
    return sorted({*declared, *map(str, named if isinstance(named, list) else ())})


def field_of(problem: str, *, draft: bool) -> str | None:
    """The path of the field that a problem is about, as in `opening_hours.monday: …`."""
    path = _PLACE.sub("", problem.partition(":")[0])
    paths = [field.path for group in groups(draft=draft) for field in group.fields]
    matching = [each for each in paths if path == each or path.startswith(f"{each}.")]
    return max(matching, key=len, default=None)


def _given(field: Field, form: Form) -> Json:
    """None for nothing."""
    text = form.raw(field.path)
    match field.kind:
        case "flag":
            return field.path in form
        case "number":
            return _number(text.strip())
        case "list":
            return [line.strip() for line in text.splitlines() if line.strip()] or None
        case "names":
            return [name for name in form.all(field.path) if name] or None
        case "pairs":
            return dict(_rows(field, form, "name", "value")) or None
        case "examples":
            rows = _rows(field, form, "caller", "contains")
            return [_to_example(caller, contains) for caller, contains in rows] or None
        case "prose":
            return text if text.strip() else None
        case _:
            return text.strip() or None


def _put(document: Document, base: Document, field: Field, value: Json, *, draft: bool) -> None:
    """A default is written only where it was written before, and so is an empty text."""
    before = _at(base, field.path)
    if value == _untouched(field, before, draft=draft):
        return
    if value is None or (before is None and value == _at(_defaults(draft), field.path)):
        _remove(document, field.path)
    else:
        *above, name = field.path.split(".")
        inside = document
        for step in above:
            nested = inside.setdefault(step, {})
            if not isinstance(nested, dict):
                nested = inside[step] = {}
            inside = nested
        inside[name] = value


def _untouched(field: Field, value: Json, *, draft: bool) -> Json:
    """What the form sends back for `value` if nobody touches it."""
    document: Document = {}
    *above, name = field.path.split(".")
    inside = document
    for step in above:
        inside = inside.setdefault(step, {})
    inside[name] = value
    return _given(field, Form(list(_sent(field, shown(field, document, draft=draft)))))


def _sent(field: Field, value: Json) -> Iterator[tuple[str, str]]:
    match field.kind:
        case "flag":
            yield from [(field.path, "yes")] if value else []
        case "names":
            yield from ((field.path, name) for name in value)
        case "pairs" | "examples":
            first, second = ("name", "value") if field.kind == "pairs" else ("caller", "contains")
            for left, right in value:
                yield f"{field.path}.{first}", left
                yield f"{field.path}.{second}", right
        case _:
            yield field.path, value


def _remove(document: Document, path: str) -> None:
    *above, name = path.split(".")
    inside: Json = document
    for step in above:
        inside = inside.get(step) if isinstance(inside, dict) else None
    if isinstance(inside, dict):
        inside.pop(name, None)
        if not inside and above and above[0] != HOURS:
            document.pop(above[0], None)


def _rows(field: Field, form: Form, first: str, second: str) -> Iterator[tuple[str, str]]:
    lefts, rights = form.all(f"{field.path}.{first}"), form.all(f"{field.path}.{second}")
    for left, right in zip(lefts, rights, strict=False):
        if left.strip() or right.strip():
            yield left.strip(), right.strip()


def _example(row: Json) -> tuple[str, str]:
    if not isinstance(row, dict):
        return _text(row), ""
    contains = row.get("answer_contains")
    lines = contains if isinstance(contains, list) else [contains]
    return _text(row.get("caller")), "\n".join(map(_text, lines))


def _to_example(caller: str, contains: str) -> dict[str, Json]:
    lines = [line.strip() for line in contains.splitlines() if line.strip()]
    return {"caller": caller, "answer_contains": lines}


def _number(text: str) -> Json:
    """What is no number stays text, so that the check can say so."""
    if not _NUMBER.fullmatch(text):
        return text or None
    return float(text) if "." in text else int(text)


def _at(document: Json, path: str) -> Json:
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _defaults(draft: bool) -> Document:
    kind = Draft if draft else Agent
    blank = kind(instructions="-", greeting="-")
    plain = msgspec.json.decode(msgspec.json.encode(blank), type=Document)
    nested = {HOURS: {"outside": "message"}}
    return {**plain, "instructions": None, "greeting": None, **nested}


def _of_hours(field: Field) -> bool:
    return field.path.startswith(f"{HOURS}.")


def _text(value: Json) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)
