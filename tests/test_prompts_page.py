"""docs/prompts.md keeps up with the schema, and everything it shows works."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from ringdown.agents import DRAFT_FIELDS, Agent, Idle, TurnTaking
from ringdown.agents.check import draft_findings, findings
from ringdown.agents.opening_hours import WEEKDAYS, OpeningHours
from ringdown.agents.templates import FIELDS
from ringdown.gemini.models import MODELS, VOICES
from ringdown.tools import DeclaredTool, Json

PAGE = (Path(__file__).parent.parent / "docs" / "prompts.md").read_text("utf-8")
GOOD: dict[str, Json] = {
    "instructions": "Be brief.",
    "greeting": "Hello.",
    "time_zone": "Europe/Berlin",
}
TOOLS = {
    "ask_for_photo": DeclaredTool(),
    "lookup_account": DeclaredTool(),
    "known_customer": DeclaredTool(before_call=True),
}
# Other fields that an agent with this field needs.
NEEDS: dict[str, dict[str, Json]] = {
    "record": {"notice": "This call is recorded."},
    "keep_photos": {"photos": True},
    "thinking": {"model": "gemini-3.8-live-extended-thinking"},
}


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of every table row below `heading`, by the name in the first cell."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    return {cells[0].strip("`"): cells for cells in lines}


def example_of(cells: list[str]) -> dict[str, Json]:
    example: dict[str, Json] = yaml.safe_load(cells[-1].strip("`"))
    return example


FIELD_ROWS = rows("Every field")
HOURS_ROWS = rows("Opening hours")


def test_every_field_has_its_row() -> None:
    nested = [
        f"{name}.{field}"
        for name, kind in {"turn_taking": TurnTaking, "idle": Idle}.items()
        for field in kind.__struct_fields__
    ]
    assert FIELD_ROWS.keys() == {*Agent.__struct_fields__, *nested, *DRAFT_FIELDS}


def test_every_field_of_the_opening_hours_has_its_row() -> None:
    days = {"monday` … `sunday": WEEKDAYS}
    named = [field for row in HOURS_ROWS for field in days.get(row, (row,))]
    assert named == list(OpeningHours.__struct_fields__)


@pytest.mark.parametrize("field", FIELD_ROWS)
def test_every_example_can_be_used_and_sets_its_field(field: str) -> None:
    example = example_of(FIELD_ROWS[field])
    assert list(example) == [field.partition(".")[0]]
    if "." in field:
        assert list(example[field.partition(".")[0]]) == [field.partition(".")[2]]
    fitting = NEEDS.get(field, {}) | {"testers": ["+14155550123"]}
    found = draft_findings(GOOD | fitting | example, TOOLS)
    assert (found.errors, found.remarks) == ((), ())


@pytest.mark.parametrize("field", HOURS_ROWS)
def test_every_example_of_opening_hours_can_be_used(field: str) -> None:
    found = findings(GOOD | {"opening_hours": example_of(HOURS_ROWS[field])})
    assert (found.errors, found.remarks) == ((), ())


def test_the_opening_hours_that_are_shown_can_be_used() -> None:
    section = PAGE.split("\n## Opening hours\n")[1]
    shown = re.match(r"\n((?: {4}.*\n)+)", section)
    assert shown is not None
    found = findings(GOOD | yaml.safe_load(shown[1]))
    assert (found.errors, found.remarks) == ((), ())


@pytest.mark.parametrize("field", FIELD_ROWS)
def test_the_stated_defaults_are_right(field: str) -> None:
    told = FIELD_ROWS[field][2]
    defaults = msgspec.to_builtins(Agent(instructions="-", greeting="-"))
    value = defaults
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        assert told == str(value).lower()
    elif isinstance(value, int | float):
        assert float(told) == value
    elif isinstance(value, str) and value != "-":
        assert told == value


def test_every_field_of_a_text_is_named() -> None:
    table = rows("Fields in the text: time, caller, memory")
    assert {name.strip("{}") for name in table} == FIELDS.keys()


def test_all_voices_and_models_are_named() -> None:
    voices = PAGE.split("**Voices**:")[1].split(".\n")[0]
    assert tuple(re.findall(r"\w+", voices)) == tuple(VOICES)
    models = PAGE.split("**Models**:")[1].split("\n\n")[0]
    assert set(re.findall(r"`([^`]+)`", models)) == MODELS.keys()


def test_links_within_the_page_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
