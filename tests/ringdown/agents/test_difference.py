import pytest

from ringdown.agents.difference import (
    changed_fields,
    contested,
    difference,
    in_a_line,
    merged,
)
from ringdown.tools import Json

Document = dict[str, Json]
BASE: Document = {
    "instructions": "Be brief.\nBe kind.\nBe exact.\n",
    "greeting": "Hello.",
    "voice": "Kore",
}


def test_the_difference_is_that_of_the_texts() -> None:
    after = {**BASE, "instructions": "Be brief.\nBe merry.\nBe exact.\n"}
    lines = difference(BASE, after)
    assert lines == [
        "@@ -1,6 +1,6 @@",
        " instructions: |",
        "   Be brief.",
        "-  Be kind.",
        "+  Be merry.",
        "   Be exact.",
        " greeting: Hello.",
        " voice: Kore",
    ]


def test_the_order_of_fields_makes_no_difference() -> None:
    assert difference(BASE, dict(reversed(BASE.items()))) == []
    assert changed_fields(BASE, dict(reversed(BASE.items()))) == []


def test_true_is_not_one() -> None:
    assert changed_fields({"publish": True}, {"publish": 1}) == ["publish"]


def test_changes_in_a_line() -> None:
    after: Document = {
        "instructions": "Be brief.\nBe merry.\nBe exact.\nBe there.\n",
        "greeting": "Hello.",
        "max_call_s": 600,
        "idle": {"nudge_after_s": 5},
    }
    assert in_a_line({**BASE, "idle": {"nudge_after_s": 9}}, after) == (
        'instructions: +2 −1 lines; voice: "Kore" → not set; idle: nudge_after_s;'
        " max_call_s: not set → 600"
    )


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (["a", "b"], ["b", "c"], "+c −a"),
        (None, ["a"], "+a"),
        (["a", "b"], ["b", "a"], "reordered"),
        ([{"caller": "Hi."}], [{"caller": "Ho."}, {"caller": "Hi."}], "+1 −0"),
    ],
)
def test_of_a_list_it_is_said_what_came_and_what_went(
    before: Json, after: Json, change: str
) -> None:
    old = BASE if before is None else {**BASE, "tools": before}
    assert in_a_line(old, {**BASE, "tools": after}) == f"tools: {change}"


def test_two_edits_of_different_fields_go_together() -> None:
    mine = {**BASE, "voice": "Puck"}
    theirs: Document = {"instructions": "Be brief.", "voice": "Kore", "language": "de-DE"}
    assert merged(BASE, mine, theirs) == {
        "instructions": "Be brief.",
        "voice": "Puck",
        "language": "de-DE",
    }
    assert contested(BASE, mine, theirs) == []


def test_a_field_that_both_changed_is_named_and_mine_stays() -> None:
    mine, theirs = {**BASE, "voice": "Puck"}, {**BASE, "voice": "Leda", "greeting": "Hi."}
    assert merged(BASE, mine, theirs) == {**BASE, "voice": "Puck", "greeting": "Hi."}
    assert contested(BASE, mine, theirs) == ["voice"]


def test_the_same_change_made_twice_is_no_contest() -> None:
    both = {**BASE, "voice": "Puck"}
    assert contested(BASE, both, dict(both)) == []
