"""An agent's form leaves untouched fields exactly as they were."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from console.agent_form import applied, field_of, groups, offered_tools, shown
from console.forms import Form
from console.showing import Pages
from ringdown.agents.documents import Document
from tests.console.site import forms
from tests.console.stored import SHOP

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9_999, 9_999) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = [field.path for group in groups(draft=True) for field in group.fields]
TOP = sorted({path.partition(".")[0] for path in FIELDS} | {"unknown"})
DOCUMENTS = st.dictionaries(st.sampled_from(TOP), JSON, max_size=8)
GOOD: Document = {
    **SHOP,
    "instructions": "\nOne.\n\n  Two.\n",
    "notice": "",
    "volume_db": 1.5,
    "languages": ["en-US", "es-US"],
    "transfer_numbers": {"billing": "+14155550150"},
    "idle": {"nudge_after_s": 12.0},
    "opening_hours": {"monday": "24h", "closed_on": ["12-25"], "message": ""},
    "made_up": {"by": ["somebody"]},
}
_PAGES = Pages()


def sent(document: Document, *, draft: bool = False) -> list[tuple[str, str]]:
    """The fields that a browser sends for an untouched form."""
    text = _PAGES.template("agent_fields.html").render(
        groups=groups(draft=draft),
        shown=lambda field: shown(field, document, draft=draft),
        tools=offered_tools(document, ["lookup_account"]),
        pills=[],
        problems={},
        left=[],
    )
    return forms(f'<form action="it">{text}</form>')["it"]


def same(one: Document, other: Document) -> bool:
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


@pytest.mark.parametrize("draft", [False, True])
def test_a_form_that_nobody_touched_changes_nothing(draft: bool) -> None:
    assert same(applied(GOOD, Form(sent(GOOD, draft=draft)), draft=draft), GOOD)


@given(DOCUMENTS)
@settings(max_examples=500)
def test_that_is_so_for_any_document(document: Document) -> None:
    assert same(applied(document, Form(sent(document, draft=True)), draft=True), document)


def changed(**changes: str) -> Document:
    kept = [(name, value) for name, value in sent(SHOP) if name not in changes]
    return applied(SHOP, Form([*kept, *changes.items()]))


def test_a_text_is_changed_and_nothing_else() -> None:
    assert changed(greeting="Hi.") == {**SHOP, "greeting": "Hi."}


def test_a_default_that_is_chosen_is_not_written() -> None:
    assert changed(voice="Kore") == SHOP
    assert changed(language="en-US") == SHOP


def test_an_empty_field_is_taken_out() -> None:
    assert "time_zone" not in changed(time_zone="")


def test_a_text_can_be_empty_on_purpose() -> None:
    assert changed(notice='""')["notice"] == ""
    assert "notice" not in changed(notice="")
    assert ("notice", '""') in sent({**SHOP, "notice": ""})


def test_a_number_is_a_number_and_anything_else_is_kept_for_the_check() -> None:
    assert changed(max_call_s="600")["max_call_s"] == 600
    assert changed(volume_db="-1.5")["volume_db"] == -1.5
    assert changed(max_call_s="ten minutes")["max_call_s"] == "ten minutes"


def test_a_list_has_an_item_a_line() -> None:
    assert changed(vocabulary="Käthe\n\n Ringdown ")["vocabulary"] == ["Käthe", "Ringdown"]


def test_a_field_inside_a_field_makes_the_one_around_it() -> None:
    document = changed(**{"idle.nudge_after_s": "5"})

    assert document["idle"] == {"nudge_after_s": 5}


def test_hours_that_are_switched_off_go_as_a_whole() -> None:
    kept = [(name, value) for name, value in sent(SHOP) if name != "has_opening_hours"]

    assert "opening_hours" not in applied(SHOP, Form(kept))


def test_hours_that_are_switched_on_begin_closed() -> None:
    plain = {name: value for name, value in SHOP.items() if name != "opening_hours"}
    form = Form([*sent(plain), ("has_opening_hours", "yes")])

    assert applied(plain, form)["opening_hours"] == {}


def test_an_example_is_a_sentence_and_what_must_be_in_the_answer() -> None:
    pairs = [*sent(SHOP), ("examples.caller", "And tulips?"), ("examples.contains", "five\nbunch")]

    assert applied(SHOP, Form(pairs))["examples"][-1] == {
        "caller": "And tulips?",
        "answer_contains": ["five", "bunch"],
    }


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        ("voice: unknown voice Korr.", "voice"),
        ("opening_hours.monday: times such as", "opening_hours.monday"),
        ("examples[3].answer_contains: is missing", "examples"),
        ("transfer_numbers.billing: written like", "transfer_numbers"),
        ("greating: unknown field", None),
        ("idle: goodbye_after_s must be longer", None),
    ],
)
def test_a_problem_is_shown_beside_its_field(problem: str, field: str | None) -> None:
    assert field_of(problem, draft=False) == field
