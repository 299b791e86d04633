import re

import msgspec

from benchmarks import report
from benchmarks.report.figures import Spread
from benchmarks.report.tables import Table, aligned, markdown, shown
from tests.benchmarks.report.made_up import point, results

TABLE = Table("Speeds", ("who", "ms"), (("relay", "1.0"), ("ringdown", "12.5")), ("A note.",))


def test_words_stand_left_and_figures_right() -> None:
    assert aligned(TABLE).splitlines() == [
        *("Speeds", "who         ms", "relay      1.0", "ringdown  12.5", "A note."),
    ]


def test_markdown_aligns_figures_too() -> None:
    assert markdown(TABLE).splitlines()[:3] == [
        *("| who | ms |", "| --- | ---: |", "| relay | 1.0 |"),
    ]


def test_a_range_is_shown_where_there_is_one() -> None:
    assert shown(Spread(1.26, 1.2, 1.4), 1) == "1.3 (1.2…1.4)"
    assert shown(Spread(1.26, 1.26, 1.26), 1) == "1.3"
    assert shown(None, 1) == "–"


def test_every_part_that_was_measured_has_a_table() -> None:
    text = report.tables(results([point("relay", core=0.008), point("ringdown", core=0.016)]))

    for title in ("Delay of the audio", "Use of the machine", "Sample rate", "Starts", "Goals"):
        assert title in text
    use = next(line for line in text.split("Use of")[1].splitlines() if "ringdown" in line)
    assert use.split()[:4] == ["50", "ringdown", "1.60", "2.00"], "core per call, times the floor's"
    assert re.search(r"webhook, warm, p50 +9\.0 \(8\.0…10\.0\)", text)
    assert re.search(r"tool call, warm, p99 +4\.0", text)


def test_what_was_not_measured_has_none() -> None:
    text = report.tables(results([point("ringdown")], only_load=True))

    assert "Sample rate" not in text
    assert "Starts" not in text
    assert "pipecat" not in text.split("Goals")[0]


def test_a_target_that_is_overloaded_is_marked() -> None:
    text = report.tables(results([point("pipecat", core=0.0199), point("ringdown")]))

    assert "pipecat †" in text
    assert "† More calls than it can carry" in text


def test_the_states_of_firestore_are_side_by_side_in_the_order_measured() -> None:
    measured = results([point("ringdown")], only_load=True)
    states = [point(state, up_ms=up_ms) for state, up_ms in (("well", 1.0), ("gone", 1.4))]
    text = report.tables(msgspec.structs.replace(measured, store=states))

    lines = text.split("Audio while Firestore")[1].splitlines()[2:4]
    assert [line.split()[:3] for line in lines] == [["well", "1.0", "3.0"], ["gone", "1.4", "3.0"]]
    assert "Audio while Firestore" not in report.tables(measured)
