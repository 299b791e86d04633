"""The form's fields come from the record. Each is on the form, or deliberately only in YAML."""

from typing import Literal, TypeGuard

import msgspec
import pytest

from ringdown.agents import Agent, Draft
from ringdown.agents.form_fields import HAS_HOURS, LEFT_TO_YAML, Field, form_groups
from ringdown.agents.opening_hours import WEEKDAYS


def fields(kind: type[Agent]) -> dict[str, Field]:
    return {field.path: field for group in form_groups(kind) for field in group.fields}


def leaves(kind: type[msgspec.Struct], above: str = "") -> set[str]:
    """Return the paths of all fields that aren't records themselves."""
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        path = f"{above}{field.name}"
        records = [each for each in _choices(field.type) if _is_record(each)]
        found |= leaves(records[0], f"{path}.") if records else {path}
    return found


def _choices(kind: object) -> tuple[object, ...]:
    return getattr(kind, "__args__", (kind,)) if type(None) in _args(kind) else (kind,)


def _args(kind: object) -> tuple[object, ...]:
    return getattr(kind, "__args__", ())


def _is_record(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@pytest.mark.parametrize("kind", [Agent, Draft])
def test_every_field_is_on_the_form_or_left_to_yaml_with_a_reason(kind: type[Agent]) -> None:
    expected = {path for path in leaves(kind) if path.partition(".")[0] not in LEFT_TO_YAML}

    assert set(fields(kind)) - {HAS_HOURS} == expected
    assert all(LEFT_TO_YAML.values())


class Tomorrow(Agent, frozen=True, kw_only=True):
    """An agent with fields that a later version may add."""

    keep_doodles: bool = False
    mood: Literal["good", "better"] | None = None
    nicknames: tuple[str, ...] = ()


def test_a_new_field_is_on_the_form_without_work_on_it() -> None:
    [rest] = [each for each in form_groups(Tomorrow) if each.title == "How a call goes"]
    new = rest.fields

    assert [(each.path, each.label, each.kind) for each in new[-3:]] == [
        ("keep_doodles", "Keep doodles", "flag"),
        ("mood", "Mood", "choice"),
        ("nicknames", "Nicknames", "list"),
    ]
    assert new[-2].choices == {"": "not set", "better": "better", "good": "good"}


def test_a_field_that_the_form_cannot_show_is_an_error_that_says_what_to_do() -> None:
    class Odd(Agent, frozen=True, kw_only=True):
        pairs: tuple[tuple[str, str], ...] = ()

    with pytest.raises(TypeError, match="LEFT_TO_YAML"):
        form_groups(Odd)


def test_a_choice_has_a_name_and_an_order_that_people_understand() -> None:
    found = fields(Agent)

    assert list(found["turn_taking.patience"].choices) == ["quick", "normal", "patient"]
    assert list(found["thinking"].choices)[:2] == ["", "minimal"]
    assert found["voice"].choices["Kore"].startswith("Kore: ")


def test_every_field_has_a_note_unless_its_label_or_its_choices_say_it_all() -> None:
    silent = {path for path, field in fields(Draft).items() if not field.note}
    days = {f"opening_hours.{day}" for day in WEEKDAYS[1:]}

    assert silent == {"voice", "model", "tools", "opening_hours.outside", *days}
