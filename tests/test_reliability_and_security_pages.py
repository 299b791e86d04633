"""docs/security.md, reliability.md and guarantees.md: tests, faults and constants back them."""

import ast
import re
from pathlib import Path

import pytest

from tests.faults.every import FAULTS

ROOT = Path(__file__).parent.parent
PAGES = {
    name: (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    for name in ("security", "reliability", "guarantees")
}
NAMED = [
    (page, path, test)
    for page, text in PAGES.items()
    for path, test in re.findall(r"`(\w+/[\w/]+\.py)::(test_\w+)`", text)
]
FAULTS_NAMED = [
    (page, name) for page, text in PAGES.items() for name in re.findall(r"\(fault: ([^)]+)\)", text)
]
CONSTANTS = re.findall(r"`([^`]+)` = ([^|,;`]+?), `([\w/]+\.\w+)`", PAGES["guarantees"])


def rows(page: str, heading: str) -> list[list[str]]:
    """The first table below a heading, without its head and the rows that only group others."""
    section = f"\n{PAGES[page]}".split(f"\n{heading}\n", 1)[1]
    table = section.split("| --- |", 1)[1].split("\n\n", 1)[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()[1:]]
    return [row for row in cells if not row[0].startswith("**")]


def test_the_pages_name_tests_faults_and_constants() -> None:
    assert {page for page, _, _ in NAMED} == set(PAGES)
    assert {page for page, _ in FAULTS_NAMED} >= {"security", "guarantees"}
    assert len(CONSTANTS) > 25


@pytest.mark.parametrize(("page", "path", "test"), NAMED)
def test_a_test_that_is_named_is_there(page: str, path: str, test: str) -> None:
    source = (ROOT / "tests" / path).read_text("utf-8")

    assert f"def {test}(" in source, f"docs/{page}.md names it"


@pytest.mark.parametrize(("page", "name"), FAULTS_NAMED)
def test_a_fault_that_is_named_is_injected(page: str, name: str) -> None:
    assert name in {fault.name for fault in FAULTS}, f"docs/{page}.md names it"


def test_the_table_has_every_fault_that_is_injected_and_tests_for_the_others() -> None:
    faults = rows("reliability", "## Every fault")
    injected = {row[0]: row[1] for row in faults if "::test_" not in row[2]}

    assert injected == {fault.name: fault.outcome for fault in FAULTS}
    assert len({row[0] for row in faults}) == len(faults)


def test_a_guarantee_has_its_constant_and_its_test() -> None:
    guarantees = rows("guarantees", "# Guarantees")

    assert len(guarantees) >= 25
    assert [row[0] for row in guarantees if "` = " not in row[1] and row[1] != "–"] == []
    assert [row[0] for row in guarantees if not re.search("::test_|fault: ", row[2])] == []


@pytest.mark.parametrize(("name", "value", "path"), CONSTANTS)
def test_a_constant_has_the_value_that_is_named(name: str, value: str, path: str) -> None:
    source = (ROOT / path).read_text("utf-8")

    found = terraform_value(source, name) if path.endswith(".tf") else python_value(source, name)
    assert found == re.sub(r"(?<=\d)_(?=\d)", "", value)


def python_value(source: str, name: str) -> str | None:
    """The value of `NAME`, `Class.field` or `TABLE[key]`."""
    owner, _, field = name.rpartition(".") if "[" not in name else ("", "", name)
    table, _, key = field.removesuffix("]").partition("[")
    body = ast.parse(source).body
    if owner:
        classes = (node for node in body if isinstance(node, ast.ClassDef) and node.name == owner)
        body = [node for found in classes for node in found.body]
    value = next((value for node in body if (value := assigned(node, table)) is not None), None)
    if key and isinstance(value, ast.Dict):
        items = zip(value.keys, value.values, strict=True)
        wanted = ast.unparse(ast.parse(key, mode="eval"))
        value = next((item for at, item in items if at and ast.unparse(at) == wanted), None)
    return short(value) if value else None


def assigned(node: ast.stmt, name: str) -> ast.expr | None:
    match node:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            return value
        case ast.AnnAssign(target=ast.Name(id=target), value=value) if target == name:
            return value
        case _:
            return None


def short(value: ast.expr) -> str:
    """`datetime.timedelta(days=30)` is "30 days" on the page; anything else is as in the code."""
    match value:
        case ast.Call(func=function, keywords=[ast.keyword(arg=str(unit), value=amount)]) if (
            ast.unparse(function).endswith("timedelta")
        ):
            return f"{ast.unparse(amount)} {unit}"
        case _:
            return ast.unparse(value)


def terraform_value(source: str, name: str) -> str | None:
    found = re.search(rf"\b{re.escape(name)}\s*=\s*(\S+)", source)
    return found[1] if found else None
