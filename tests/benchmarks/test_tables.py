import pytest

from benchmarks.results import Delay, FirstSecond, FirstWord, LoadPoint, Machine, Results
from benchmarks.tables import CORE, RIVAL, LoadFigures, Spread, ratio, spread, tables

MACHINE = Machine("Some CPU", 2, "3.13", "Linux", {}, "2026-01-02")


def point(
    target: str,
    calls: int = 50,
    run: int = 1,
    *,
    up_ms: float | None = 1.0,
    p99_ms: float | None = 3.0,
    core: float = 0.01,
    failed: int = 0,
) -> LoadPoint:
    """A point whose delays all have the same p99."""
    return LoadPoint(
        target=target,
        calls=calls,
        run=run,
        uplink=Delay(up_ms, p99_ms, 100),
        downlink=Delay(1.5, p99_ms, 100),
        barge_in=Delay(0.5, p99_ms, 20),
        first_audio=Delay(8.0, p99_ms, calls),
        core_share_per_call=core,
        memory_per_call_mb=0.2,
        idle_memory_mb=80.0,
        uplink_lost_ms=0.0,
        downlink_lost_bursts=0,
        calls_failed=failed,
        rig_core_share=0.3,
    )


def word(*, cold: bool) -> FirstWord:
    start = 1_000.0 if cold else 0.0
    return FirstWord(
        run=1,
        cold=cold,
        webhook_up=start / 2,
        handler_asked=start / 2 + 10,
        answered=start / 2 + 20,
        handler_up=start,
        streaming=start + 30,
        admitted=start + 32,
        model_set_up=start + 40,
        model_asked=start + 42,
        heard=start + 60,
    )


def written(*load: LoadPoint, words: tuple[FirstWord, ...] = ()) -> str:
    return tables(Results(machine=MACHINE, load=[*load], first_word=[*words], seconds=6, runs=1))


def cells(text: str, start: str) -> list[str]:
    """The cells of the first row that starts with `start`."""
    [row, *_] = (line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_median_of_the_runs_with_their_range() -> None:
    assert spread([3.0, 1.0, None, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([None]) is None


def test_ratios_are_taken_within_a_run() -> None:
    # The second run met a slow minute: each ratio is 2, though the ratio of the medians is 1.5
    load = LoadFigures(
        [
            *(point("relay", run=1, core=0.01), point("ringdown", run=1, core=0.02)),
            *(point("relay", run=2, core=0.03), point("ringdown", run=2, core=0.06)),
            point("ringdown", run=3, core=0.05),
        ]
    )

    beside = load.beside_floor(CORE, ratio, 50)

    assert beside is not None
    assert (beside.median, beside.least, beside.most) == pytest.approx((2.0, 2.0, 2.0))


def test_rows_are_in_order_and_the_floor_comes_first() -> None:
    load = LoadFigures(
        [point("x", 1), point("pipecat", 1), point("ringdown", 10), point("relay", 1)]
    )

    assert [*load.measured] == [(1, "relay"), (1, "pipecat"), (1, "x"), (10, "ringdown")]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (point(RIVAL, core=0.0195), "the core is full"),
        (point(RIVAL, p99_ms=1_400.0), "audio is a second late"),
        (point(RIVAL, up_ms=None, p99_ms=None), "no audio came"),
        (point(RIVAL, failed=2), "calls failed"),
    ],
)
def test_more_calls_than_a_target_can_carry_are_marked(bad: LoadPoint, why: str) -> None:
    assert "| 50 | pipecat † |" in written(bad), why
    assert "| 50 | pipecat |" in written(point(RIVAL))


def test_an_exceeded_limit_is_shown() -> None:
    kept = written(point("relay"), point("ringdown", up_ms=2.9))
    missed = written(point("relay"), point("ringdown", up_ms=3.1))

    assert cells(kept, "uplink p50, ms above")[1:] == ["1.90", "2", "yes"]
    assert cells(missed, "uplink p50, ms above")[1:] == ["2.10", "2", "NO"]
    assert "limits" not in written(point("relay", 10), point("ringdown", 10)).splitlines()


def test_the_parts_add_up_to_the_first_word() -> None:
    text = written(words=(word(cold=True), word(cold=False)))

    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")][2:]
    parts = [float(row[1]) for row in rows if "first word" not in row[0]]
    assert sum(parts) == float(cells(text, "**dial to first word**")[1]) == 1_060


def test_the_first_second_is_shown_with_and_without_a_notice() -> None:
    def second(run: int, *, cold: bool, notice: float | None) -> FirstSecond:
        after = None if notice is None else 30.0 * run
        return FirstSecond(
            run=run, cold=cold, notice=notice, word_after_notice=after, word=2_000.0 + run
        )

    seconds = [
        second(run, cold=cold, notice=notice)
        for run in (1, 2, 3)
        for cold in (True, False)
        for notice in (None, 20.0)
    ]
    results = Results(machine=MACHINE, first_second=seconds, seconds=6, runs=3)

    text = tables(results)
    assert cells(text, "POST to the notice")[1:] == ["20", "20"]
    assert cells(text, "end of the notice")[1:] == ["60 (30…90)", "60 (30…90)"]
    assert cells(text, "pick-up to the agent's first word, without")[2] == "2002 (2001…2003)"
