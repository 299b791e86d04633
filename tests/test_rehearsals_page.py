"""docs/rehearsals.md agrees with the code."""

import re
from pathlib import Path

from ringdown.rehearsals import Line, Persona, When
from ringdown.rehearsals.persona_text import packaged_personas, persona_from_yaml

PAGE = (Path(__file__).parents[1] / "docs" / "rehearsals.md").read_text("utf-8")


def named(text: str) -> set[str]:
    """The words in backticks, except examples."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return {name for code in re.findall(r"`([^`]+)`", text) for name in re.findall(r"\w+", code)}


def test_the_example_is_a_persona() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    persona = persona_from_yaml("example", example)

    assert persona.is_scripted
    assert persona.must_not.promises[0].says == "Thursday"


def test_every_field_is_explained() -> None:
    for record in (Persona, Line, When):
        assert {*record.__struct_fields__} - {"name"} <= named(PAGE), record


def test_it_counts_the_personas_that_ship() -> None:
    assert "Twelve personas ship with Ringdown" in PAGE
    assert len(packaged_personas()) == 12
