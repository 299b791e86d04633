import re

import msgspec

from benchmarks.report.page import page
from benchmarks.results import LoadPoint
from tests.benchmarks.report.made_up import point, results


def load(core: float = 0.0115) -> list[LoadPoint]:
    return [
        *(point("relay", up_ms=0.4, core=0.008), point("ringdown", up_ms=1.8, core=core)),
        *(point("ringdown", 10, core=0.02), point("pipecat", 10, up_ms=100.0, core=0.05)),
        point("pipecat", up_ms=1_500.0, p99_ms=3_000.0, core=0.0195),
    ]


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_it_says_where_we_are_behind_and_where_ahead() -> None:
    text = page(results(load()), ())

    behind, ahead = section(text, "Where we are behind"), section(text, "Where we are ahead")
    assert "uplink p50: 1.80 ms; relay 0.40 ms (ours is 4.50 times that)." in behind
    assert "worst alias or image up: -57 dB; soxr VHQ -115." in behind
    assert "cost up: 10.0 µs per 20 ms; soxr VHQ 4.0." in behind
    assert "delay up: 1.2 ms; soxr VHQ 98.0." in ahead
    assert "pipecat, at 10 calls" in ahead, "they are compared where both have time left"
    assert "core per call: 2.00 %; pipecat 5.00 % (pipecat's is 2.50 times ours)." in ahead
    assert "1500" not in behind + ahead


def test_a_missed_goal_is_said_as_missed() -> None:
    goals = section(page(results(load(core=0.0128)), ()), "The goals")

    assert "**missed**" in goals
    assert "core per call at most 1.5 times the floor's at 50 calls" in goals
    assert re.search(r"1\.5 times the floor's at 50 calls \| 1\.60 × \| NO", goals)


def test_reached_goals_are_counted() -> None:
    only_floor = [p for p in load() if p.target != "pipecat"]

    goals = section(page(results(only_floor), ()), "The goals")

    assert "All 5 goals that were measured are reached." in goals
    assert "not measured" in goals, "nothing is claimed beside pipecat"


def test_it_tells_what_a_core_carries() -> None:
    text = page(results(load()), ())

    assert "ringdown carries 50 calls on a core, the most tried" in text
    assert "pipecat carries 10 calls on a core, and 50 are too many" in text


def test_only_plots_that_are_there_are_shown() -> None:
    text = page(results(load()), ["uplink"])

    assert "(performance/uplink.svg)" in text
    assert "downlink.svg" not in text


def test_a_page_without_load_has_no_goals_and_no_plots() -> None:
    text = page(results([]), ())

    assert "## The goals" not in text
    assert "performance/" not in text
    assert "stream_handler, from nothing" in text
    assert "Some CPU, 2 cores" in text


def test_a_busy_machine_is_said() -> None:
    quiet = point("relay")
    busy = msgspec.structs.replace(point("ringdown"), others_core_share=0.4)

    assert "quiet machine" not in page(results([quiet]), ())
    assert "in 1 of 2 points others used the machine" in page(results([quiet, busy]), ())


def test_firestore_has_a_section_if_it_was_measured() -> None:
    measured = results(load())
    with_states = msgspec.structs.replace(measured, store=[point("well"), point("2 s slow")])

    title = "Audio while Firestore is slow or gone"
    assert "| 2 s slow | 1.0 | 3.0 |" in section(page(with_states, ()), title)
    assert title not in page(measured, ())
