import pytest
from hypothesis import example, given, strategies as st

from ringdown.agents import packaged_document
from ringdown.agents.yaml_text import NotReadable, from_yaml, to_yaml
from ringdown.tools import Json

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(" \n\tab:#-|'\"{}+0E")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=6,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1))
@example({"instructions": " indented\n\n  text \n\n\n"})
@example({"a": "line\u2028separator", "\x85": "0E0"})
def test_every_document_comes_back_as_it_was(document: dict[str, Json]) -> None:
    assert from_yaml(to_yaml(document)) == document


def test_texts_of_several_lines_are_blocks() -> None:
    assert to_yaml({"instructions": "You are brief.\n\n- Be kind."}) == (
        "instructions: |-\n  You are brief.\n\n  - Be kind.\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "+14155550100",
        "09:00-17:30",
        "10:30",
        "2026-12-25",
        "12-25",
        "24h",
        "yes",
        "no",
        "on",
        "0x1f",
        "0123",
        "1_000",
        ".5",
        "=",
    ],
)
def test_what_people_write_without_quotes_stays_text(text: str) -> None:
    assert from_yaml(f"field: {text}") == {"field": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("10", 10),
        ("-1", -1),
        ("9" * 25, int("9" * 25)),
        ("&a 10", 10),
        ("0.7", 0.7),
        ("1e3", 1000.0),
        ('"10"', "10"),
    ],
)
def test_plain_values_have_their_types(text: str, value: Json) -> None:
    read = from_yaml(f"field: {text}")["field"]
    assert (read, type(read)) == (value, type(value))


def test_the_packaged_agent_reads_the_same_by_any_reader() -> None:
    assert from_yaml(to_yaml(packaged_document())) == packaged_document()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("greeting: Hello: you", "Line 1 cannot be read: .* must be in quotes"),
        ("voice: Kore\nvoice: Puck", "Line 2 cannot be read: voice appears twice"),
        ("idle:\n\tnudge: 1", "Line 2 .*Indent with spaces, not with tabs"),
        ('greeting: "Hello', "cannot be read"),
        ("a: &a [x]\nb: *a\nc: d", r"Line 2 cannot be read: \*aliases can't be used .* in quotes"),
        (f"max_call_s: {'9' * 5_000}", "Line 1 cannot be read: a number of 5000 digits is too lo"),
        ("a: !!python/object:os.system x", "Line 1 cannot be read"),
        ("- a\n- b", "has no fields"),
        ("just words", "has no fields"),
        ("", "has no fields"),
        ("a: \x00", "cannot be read"),
        ("{[a]: b}", "Line 1 cannot be read"),
        ("[" * 5_000, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(NotReadable, match=told):
        from_yaml(text)
