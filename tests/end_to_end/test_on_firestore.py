"""Repeats the tests of edits during calls and of callers' memory, on Firestore."""

import pytest

from tests.end_to_end.test_edits_and_memory import (
    test_a_caller_is_remembered_by_the_next_call as test_a_caller_is_remembered_by_the_next_call,
    test_an_edit_reaches_a_live_call as test_an_edit_reaches_a_live_call,
)

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(120)]


@pytest.fixture
def store_url(firestore_project: str) -> str:
    return f"firestore:{firestore_project}"
