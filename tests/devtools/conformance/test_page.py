"""Comparison and page, from made-up outcomes."""

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

from devtools.conformance import observing, scripts
from devtools.conformance.behaviours import Behaviour, Probe, Source, SourceKind
from devtools.conformance.comparison import Differs, NotTried, Same, Unknown, Verdict, compare
from devtools.conformance.outcomes import NotObserved, Observed, Outcome
from devtools.conformance.page import write_page
from devtools.conformance.results import PeerResults, Results, read_results, write_results

BINARY, TEXT = Observed({"frames": "binary"}), Observed({"frames": "text"}, note="why | <b>not</b>")
FRAMES = Behaviour(
    "frames",
    "Frames are binary.",
    Source(SourceKind.REPORTED, "somebody"),
    "The reader.",
    Probe(scripts.short_answer, observing.frames, BINARY.facts),
)
ALERTS = Behaviour(
    "alert-codes", "Codes fit.", Source(SourceKind.MEMORY, "us"), "Tests.", by_hand="look"
)
DAY = datetime.date(2026, 11, 22)


@pytest.mark.parametrize(
    ("stand_in", "real", "verdict"),
    [
        (BINARY, None, NotTried()),
        (BINARY, Observed({"frames": "binary"}, note="other words"), Same()),
        (BINARY, NotObserved("no network"), Unknown("no network")),
        (NotObserved("x"), BINARY, Unknown("the stand-in could not be observed")),
        (None, BINARY, Unknown("the stand-in could not be observed")),
        (BINARY, TEXT, Differs({"frames": "text"}, {"frames": "binary"}, TEXT.note)),
        (
            Observed({"a": "1", "b": "2"}),
            Observed({"a": "1", "c": "3"}),
            Differs({"b": "", "c": "3"}, {"b": "2", "c": ""}, ""),
        ),
    ],
)
def test_compare(stand_in: Outcome | None, real: Outcome | None, verdict: Verdict) -> None:
    assert compare(stand_in, real) == verdict


def page(real: Outcome | None = None, twilio: Mapping[str, Outcome] | None = None) -> str:
    results = Results(
        gemini=PeerResults(DAY, "https://gemini.example", {"frames": real}, "a-model")
        if real
        else None,
        twilio=PeerResults(DAY, "https://twilio.example", dict(twilio)) if twilio else None,
    )
    return write_page([FRAMES], [ALERTS], {"frames": BINARY}, results)


def row(text: str, start: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_without_keys_the_page_has_sources_and_no_date() -> None:
    text = page()

    assert row(text, "Frames") == [
        "Frames are binary.",
        "reported: somebody",
        "The reader.",
        "frames: binary",
        "not yet tried against the real service",
    ]
    assert row(text, "Codes")[3:] == ["look", "not yet tried against the real service"]
    assert "2026" not in text


def test_a_difference_is_dated_and_shows_both_sides() -> None:
    text = page(real=TEXT)

    assert "Tried on 2026-11-22 against https://gemini.example with a-model" in text
    assert "0 the same, 1 different, 0 could not be observed, 0 not tried" in text
    assert row(text, "Frames")[4] == (
        "**differs: frames: text (“why \\| &lt;b>not&lt;/b>”); the stand-in: frames: binary**"
    )


def test_the_same_is_said_in_two_words() -> None:
    assert row(page(real=BINARY), "Frames")[4] == "the same"


def test_what_could_not_be_observed_says_why() -> None:
    text = page(real=NotObserved("no network"))

    assert row(text, "Frames")[4] == "could not be observed: no network"


def test_a_stand_in_that_is_not_as_its_source_says_is_marked() -> None:
    text = write_page([FRAMES], [], {"frames": TEXT}, Results())

    assert row(text, "Frames")[3] == "**frames: text**"


def test_an_account_that_was_looked_at() -> None:
    text = page(twilio={"alert-codes": Observed({"codes of the last day": "31951 (2)"})})

    assert "An account was looked at on 2026-11-22, through https://twilio.example." in text
    assert row(text, "Codes")[4] == "codes of the last day: 31951 (2)"


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "conformance.json"
    outcomes: dict[str, Outcome] = {"frames": TEXT, "usage": NotObserved("no network")}
    results = Results(gemini=PeerResults(DAY, "https://gemini.example", outcomes, "a-model"))

    write_results(path, results)

    assert read_results(path) == results


def test_no_file_is_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path / "conformance.json") == Results()
