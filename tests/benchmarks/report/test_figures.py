import pytest

from benchmarks.report.figures import (
    CORE,
    FLOOR,
    RIVAL,
    UPLINK,
    LoadFigures,
    Spread,
    difference,
    ratio,
    spread,
)
from tests.benchmarks.report.made_up import point


def test_the_median_of_the_runs_with_their_range() -> None:
    assert spread([3.0, 1.0, None, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([None]) is None


def test_ratios_are_taken_within_a_run() -> None:
    # The second run met a slow minute: each ratio is 2, though the medians' is 1.5
    load = LoadFigures(
        [
            *(point("relay", run=1, core=0.01), point("ringdown", run=1, core=0.02)),
            *(point("relay", run=2, core=0.03), point("ringdown", run=2, core=0.06)),
            point("ringdown", run=3, core=0.05),
        ]
    )

    beside = load.beside(CORE, FLOOR, 50, ratio)

    assert beside is not None
    assert (beside.median, beside.least, beside.most) == pytest.approx((2.0, 2.0, 2.0))


def test_a_difference_may_be_in_our_favour() -> None:
    load = LoadFigures([point("relay", up_ms=0.5), point("ringdown", up_ms=0.4)])

    beside = load.beside(UPLINK[0], FLOOR, 50, difference)

    assert beside is not None
    assert beside.median == pytest.approx(-0.1)


def test_a_floor_of_nothing_gives_a_difference_and_no_ratio() -> None:
    load = LoadFigures([point("relay", core=0.0), point("ringdown", core=0.01)])

    assert load.beside(CORE, FLOOR, 50, ratio) is None
    beside = load.beside(CORE, FLOOR, 50, difference)
    assert beside is not None
    assert beside.median == pytest.approx(1.0)


def test_what_was_not_measured_is_none() -> None:
    load = LoadFigures([point("ringdown")])

    assert load.beside(CORE, RIVAL, 50, ratio) is None
    assert load.of(CORE, RIVAL, 50) is None
    assert load.most_carried(RIVAL) is None


def test_the_floor_is_told_first() -> None:
    load = LoadFigures([point("other"), point("pipecat"), point("ringdown"), point("relay")])

    assert load.targets == ["relay", "ringdown", "pipecat", "other"]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (point("pipecat", 50, core=0.0195), "the core is full"),
        (point("pipecat", 50, p99_ms=1_400.0), "audio is a second late"),
        (point("pipecat", 50, up_ms=None, p99_ms=None), "no audio came"),
        (point("pipecat", 50, failed=2), "calls failed"),
    ],
)
def test_more_calls_than_it_can_carry(bad: object, why: str) -> None:
    assert isinstance(bad, type(point("pipecat")))
    load = LoadFigures([point("pipecat", 10), bad, point("pipecat", 100)])

    assert not load.carries(RIVAL, 50), why
    assert load.most_carried(RIVAL) == 10, "what follows a load that was too much counts no more"
