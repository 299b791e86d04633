import pytest
from hypothesis import given, strategies as st

from ringdown.agents.templates import FIELDS, fields_in, render, template_problem

VALUES = dict.fromkeys(FIELDS, "filled")


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("It is {local_time}.", "It is filled."),
        ("{weekday}{weekday}", "filledfilled"),
        ("{{local_time}}", "{local_time}"),
        ("{{{local_time}}}", "{filled}"),
        ('Answer as {{"json": true}}.', 'Answer as {"json": true}.'),
        ("no field", "no field"),
        ("", ""),
        ("{unknown} { } {} {", "{unknown} { } {} {"),
        ("{local_time!r} {local_time:>9}", "{local_time!r} {local_time:>9}"),
    ],
)
def test_fields_are_filled_in(template: str, rendered: str) -> None:
    assert render(template, VALUES) == rendered


@given(st.text())
def test_what_a_caller_brings_is_never_read_as_a_template(said: str) -> None:
    values = VALUES | {"caller_memory": said + "{local_time}{{"}
    assert render("Known: {caller_memory}.", values) == f"Known: {said}{{local_time}}{{{{."


@pytest.mark.parametrize("template", ["{local_time}", "{{anything}}", "plain", "}}{{"])
def test_a_good_template(template: str) -> None:
    assert template_problem(template) is None


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{local_tme}", '"{local_tme}" isn\'t a field. Did you mean {local_time}? Fields: '),
        ("{ local_time }", '"{ local_time }" isn\'t a field. Did you mean {local_time}?'),
        ("{local_time!r}", '"{local_time!r}" isn\'t a field.'),
        ("a } b", '"}" isn\'t a field.'),
        ("{x} {y} {x}", '"{x}" and "{y}" aren\'t fields.'),
        ("{\n}", '"{ }" isn\'t a field.'),
    ],
)
def test_a_bad_template_is_told_with_what_may_be_written(template: str, told: str) -> None:
    problem = template_problem(template)
    assert problem is not None
    assert problem.startswith(told)
    assert problem.endswith("For a literal brace, write {{ or }}.")
    assert all(f"{{{name}}}" in problem for name in FIELDS)


@given(st.text(alphabet="{}a lo_", max_size=60))
def test_a_template_without_problems_leaves_no_field_unfilled(template: str) -> None:
    if template_problem(template) is None:
        braces = template.replace("{{", "").replace("}}", "")
        assert "{" not in braces.replace("{local_time}", "")


def test_the_fields_a_template_uses() -> None:
    assert fields_in("{{weekday}} {local_time} {unknown}") == {"local_time"}
