"""Templates of instructions and greetings: `{local_time}` is replaced with the local time.

`{{` and `}}` stand for literal braces. Rendering takes one pass and doesn't expand the values that
it fills in, so nothing that a caller says or sends can insert another field.
"""

import re
from collections.abc import Iterator, Mapping

from ringdown.wording import did_you_mean, listed, shown

FIELDS = {
    "local_time": "the time where the agent is, such as 15:05; 02:30 (UTC+02:00) if it occurs"
    " twice",
    "local_date": "the date where the agent is, such as 2026-11-22",
    "weekday": "the day of the week where the agent is, in English",
    "business_open": "open or closed, according to the opening hours; open if there are none",
    "caller_memory": "what the agent remembers of the caller's last call; empty for nothing",
    "caller_facts": "what the before_call tool says about the caller, as JSON; empty without one",
    "caller_number": "the number that the caller seems to call from; empty if it is withheld",
    "called_number": "the number that was called",
    "language": "the agent's language, such as en-US",
}
INSTRUCTIONS_ONLY = frozenset({"caller_facts", "caller_memory"})
"""A greeting is spoken word for word, which suits neither JSON nor what a model wrote earlier."""
CLOCK_FIELDS = frozenset({"local_time", "local_date", "weekday"})
"""Fields that need the agent's time zone."""

_MOST_NAMED = 5
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill in the fields of `template`; a field without a value stays unchanged."""

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
    """Return the known fields that `template` uses."""
    return frozenset(token[1] for token in _TOKEN.finditer(template) if token[1] in FIELDS)


def template_problem(template: str) -> str | None:
    """Say what is wrong with `template`, and list the valid fields; None if nothing is wrong."""
    unknown = list(dict.fromkeys(_unknown(template)))
    if not unknown:
        return None
    some = listed((shown(text) for text in unknown[:_MOST_NAMED]), "and")
    is_no = "isn't a field" if len(unknown) == 1 else "aren't fields"
    known = [f"{{{name}}}" for name in FIELDS]
    return (
        f"{some} {is_no}.{did_you_mean(unknown[0], known)} Fields: {', '.join(known)}."
        " For a literal brace, write {{ or }}."
    )


def _unknown(template: str) -> Iterator[str]:
    for token in _TOKEN.finditer(template):
        if token[0] not in ("{{", "}}") and token[1] not in FIELDS:
            yield token[0]
