"""What was measured, told: tables for the terminal, and docs/performance.md with its plots."""

from pathlib import Path

from benchmarks.report.figures import LoadFigures
from benchmarks.report.first_word import first_words, start_goals
from benchmarks.report.page import page
from benchmarks.report.plots import plotted
from benchmarks.report.tables import aligned, all_tables
from benchmarks.results import Results

PAGE = "performance.md"
_PLOTS = "performance"


def tables(results: Results) -> str:
    """Everything that was measured, as aligned text."""
    told = (*all_tables(results), first_words(results.first_word), start_goals(results))
    return "\n\n".join(aligned(table) for table in told if table.rows)


def write(results: Results, docs_dir: Path) -> None:
    """Write `PAGE`, and its plots in a folder beside it. Needs matplotlib."""
    folder = docs_dir / _PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    plots = plotted(LoadFigures(results.load))
    for name, draw in plots.items():
        draw(folder / f"{name}.svg")
    (docs_dir / PAGE).write_text(page(results, plots), "utf-8")
