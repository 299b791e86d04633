"""docs/security.md and docs/reliability.md: what they say was tried is backed by tests."""

import re
from pathlib import Path

import pytest

from tests.faults.every import FAULTS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.findall(r"`(\w+/[\w/]+\.py)::(test_\w+)`", PAGE)
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text("utf-8")
FAULTS_NAMED = re.findall(r"\(fault: ([^)]+)\)", PAGE)


def test_the_page_names_tests_and_faults() -> None:
    assert len(NAMED) > 20
    assert FAULTS_NAMED


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_a_test_that_is_named_is_there(path: str, test: str) -> None:
    source = (ROOT / "tests" / path).read_text("utf-8")

    assert f"def {test}(" in source


@pytest.mark.parametrize("name", FAULTS_NAMED)
def test_a_fault_that_is_named_is_injected(name: str) -> None:
    assert name in {fault.name for fault in FAULTS}


def test_the_table_of_reliability_has_every_fault_and_no_other() -> None:
    table = RELIABILITY.split("| --- |", 1)[1].split("\n\n", 1)[0]
    rows = [line.split(" | ") for line in table.splitlines()[1:]]

    told = {row[0].removeprefix("| "): row[1] for row in rows}
    assert told == {fault.name: fault.outcome for fault in FAULTS}
