"""docs/security.md: what it says was tried is backed by tests that exist."""

import re
from pathlib import Path

import pytest

from benchmarks.faults.every import FAULTS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.findall(r"`(\w+/[\w/]+\.py)::(test_\w+)`", PAGE)
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
