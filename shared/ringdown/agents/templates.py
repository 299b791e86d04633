"""Instructions and greetings are templates: `{local_time}` stands for what the clock says.

`{{` and `}}` stand for the braces themselves. Pure text: one pass, and what is filled in is not
read again, so that nothing a caller says or sends can bring in another field.
"""

import re
from collections.abc import Iterator, Mapping

from ringdown.wording import did_you_mean, listed, shown

FIELDS = {
    "local_time": "the time where the agent is, such as 15:05; 02:30 (UTC+02:00) if it comes twice",
    "local_date": "the date there, such as 2026-11-22",
    "weekday": "the day of the week there, in English",
    "business_open": "open or closed, by the opening hours; open without any",
    "caller_memory": "what is remembered of the caller's last call; empty if nothing is",
    "caller_facts": "what the before_call tool says of the caller, as JSON; empty without",
    "caller_number": "the number the caller seems to call from; empty if it is withheld",
    "called_number": "the number that was called",
    "language": "the agent's language, such as en-US",
}
INSTRUCTIONS_ONLY = frozenset({"caller_facts", "caller_memory"})
"""A greeting is said word by word; JSON, and what a model once wrote down, are not for that."""
CLOCK_FIELDS = frozenset({"local_time", "local_date", "weekday"})
"""Fields that need the agent's time zone."""

_MOST_NAMED = 5
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def render(template: str, values: Mapping[str, str]) -> str:
    """`template` with its fields filled in; a field without a value is left as it stands."""

    def replacement(token: re.Match[str]) -> str:
        match token[0]:
            case "{{":
                return "{"
            case "}}":
                return "}"
            case text:
                return values.get(token[1] or "", text)

    return _TOKEN.sub(replacement, template)


def fields_in(template: str) -> frozenset[str]:
    """The known fields that `template` uses."""
    return frozenset(token[1] for token in _TOKEN.finditer(template) if token[1] in FIELDS)


def template_problem(template: str) -> str | None:
    """What is wrong with `template`, naming what may be written instead; None if nothing is."""
    unknown = list(dict.fromkeys(_unknown(template)))
    if not unknown:
        return None
    some = listed((shown(text) for text in unknown[:_MOST_NAMED]), "and")
    is_no = "is no field" if len(unknown) == 1 else "are no fields"
    known = [f"{{{name}}}" for name in FIELDS]
    return (
        f"{some} {is_no}.{did_you_mean(unknown[0], known)} Fields: {', '.join(known)}."
        " For a brace of your own write {{ or }}."
    )


def _unknown(template: str) -> Iterator[str]:
    for token in _TOKEN.finditer(template):
        if token[0] not in ("{{", "}}") and token[1] not in FIELDS:
            yield token[0]
