import re

import pytest
from hypothesis import example, given, strategies as st

from ringdown.stores.paths import document_id, number_path, text_of_id, tool_call_path

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=400)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+14155550100", "+14155550100"),
        ("function-call-1234567890", "function-call-1234567890"),
        ("sip:desk@example.com", "sip:desk@example.com"),
        ("Empfang München", "Empfang München"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("..", "!.."),
        ("__all__", "!__all__"),
        ("", "!"),
    ],
)
def test_ordinary_ids_stay_as_they_are_and_odd_ones_readable(text: str, expected: str) -> None:
    assert document_id(text) == expected


@given(any_text)
@example("." * 3)
@example("__")
@example("ü" * 2_000)
def test_every_id_is_one_that_firestore_takes(text: str) -> None:
    made = document_id(text)
    assert re.fullmatch(r"[^/]+", made)
    assert len(made.encode()) <= 1_500
    assert made not in (".", "..")
    assert not re.fullmatch("__.*__", made)


@given(any_text, any_text)
@example("", "!")
@example("..", "!..")
@example("a/b", "a%2Fb")
@example("a" * 300, "a" * 301)
@example("a" * 300, document_id("a" * 300))
def test_different_ids_stay_different(one: str, other: str) -> None:
    assert (document_id(one) == document_id(other)) == (one == other)


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=50))
@example("..")
@example("!")
@example("100%25")
def test_an_id_tells_what_it_was_made_from(text: str) -> None:
    assert text_of_id(f"agents/{document_id(text)}") == text


def test_an_id_stays_in_its_folder() -> None:
    assert number_path("../agents/default") == "numbers/..%2Fagents%2Fdefault"
    assert tool_call_path("CA1", "x/../y") == "calls/CA1/tool_calls/x%2F..%2Fy"
