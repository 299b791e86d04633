from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report.figures import LoadFigures
from benchmarks.report.plots import plotted
from tests.benchmarks.report.made_up import point, results

LOAD = [
    point(target, calls, run, up_ms=up_ms)
    for target, up_ms in (("relay", 0.4), ("ringdown", 1.8), ("pipecat", 100.0), ("other", 9.0))
    for calls in (1, 10, 50)
    for run in (1, 2)
]


def test_what_was_not_measured_is_not_plotted() -> None:
    deaf = [point("ringdown", up_ms=None, p99_ms=None)]

    assert set(plotted(LoadFigures(LOAD))) == {
        *("uplink", "downlink", "barge_in", "first_audio", "use"),
    }
    assert "uplink" not in plotted(LoadFigures(deaf))
    assert plotted(LoadFigures([])) == {}


def test_the_page_comes_with_small_plots_that_are_labelled(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="only the benchmark needs it")
    (tmp_path / "performance").mkdir()
    (tmp_path / "performance" / "gone.svg").write_text("of an earlier page", "utf-8")

    report.write(results(LOAD), tmp_path)

    page = (tmp_path / report.PAGE).read_text("utf-8")
    plots = sorted((tmp_path / "performance").iterdir())
    assert len(plots) == 5, "an older page's plots are gone"
    for plot in plots:
        text = plot.read_text("utf-8")
        assert f"(performance/{plot.name})" in page
        assert len(text) < 60_000
        assert "calls at once" in text
        assert "pipecat" in text
        assert "p99, ms" in text or "per call, MB" in text
