import msgspec
import pytest

from benchmarks.__main__ import read_options
from benchmarks.load import HEADING, LoadPlan, row
from benchmarks.results import Delay, LoadPoint
from benchmarks.targets import Relay, Ringdown

POINT = LoadPoint(
    target="ringdown",
    calls=50,
    run=1,
    uplink=Delay(1.4, 3.2, 500),
    downlink=Delay(1.7, 3.9, 340),
    barge_in=Delay(0.7, 1.5, 60),
    first_audio=Delay(6.0, 12.5, 50),
    core_share_per_call=0.0123,
    memory_per_call_mb=0.25,
    idle_memory_mb=84.0,
    uplink_lost_ms=0.0,
    downlink_lost_bursts=0,
    calls_failed=0,
    rig_core_share=0.35,
)


def test_a_row_stands_under_its_heading() -> None:
    heading = HEADING.splitlines()[1]

    assert row(POINT).split() == [
        *("ringdown", "50", "1.4", "3.2", "1.7", "3.9", "0.7", "1.5", "6.0", "12.5"),
        *("1.23%", "0.25", "0", "ms+0", "35%"),
    ]
    assert len(row(POINT)) == len(heading)
    for column, figure in (("calls", "50"), ("core/call", "1.23%"), ("rig", "35%")):
        right = heading.index(column) + len(column)
        assert row(POINT)[:right].endswith(figure), column


def test_what_was_not_measured_is_a_dash() -> None:
    silent = msgspec.structs.replace(POINT, barge_in=Delay(None, None, 0))

    assert "-" in row(silent)
    assert len(row(silent)) == len(row(POINT))


def test_what_went_wrong_is_said() -> None:
    bad = msgspec.structs.replace(
        POINT, calls_failed=3, clears_missed=2, rig_core_share=0.93, others_core_share=0.4
    )

    assert "3 calls failed" in row(bad)
    assert "2 interruptions without a clear" in row(bad)
    assert "THE RIG'S OWN CORE IS FULL" in row(bad)
    assert "OTHERS TOOK 40% OF A CORE" in row(bad)


def test_the_time_it_takes_grows_with_runs_targets_and_loads() -> None:
    plan = LoadPlan((Relay(), Ringdown()), (1, 50), runs=5, seconds=10)

    assert plan.minutes == pytest.approx(5 * 2 * (19 + 19 + 51 / 25) / 60)


def test_options_have_defaults_and_say_what_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = read_options([]).plan

    assert [target.name for target in plan.targets] == ["relay", "ringdown", "pipecat"]
    assert (plan.calls, plan.runs, plan.seconds) == ((1, 10, 25, 50, 100, 150), 5, 10)
    assert [t.name for t in read_options(["--targets", "ringdown,relay"]).plan.targets] == [
        "relay",
        "ringdown",
    ]
    for wrong in (["--targets", "other"], ["--calls", "1,none"], ["--runs", "0"]):
        with pytest.raises(SystemExit):
            read_options(wrong)
    assert "there are relay, ringdown, pipecat" in capsys.readouterr().err
