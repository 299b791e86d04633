"""Plots of the load, as small SVG that reads on a light and on a dark page."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.report.figures import (
    BARGE_IN,
    CORE,
    DOWNLINK,
    FIRST_AUDIO,
    FLOOR,
    MEMORY,
    OURS,
    RIVAL,
    UPLINK,
    Figure,
    LoadFigures,
)

Axes: TypeAlias = Any
"""matplotlib's; its types are not installed everywhere."""

INK = "#767e87"  # reads on white and on GitHub's dark page
_STYLES = {
    # Okabe and Ito's colours, told apart by shape and stroke as well
    FLOOR: {"color": "#009e73", "marker": "s", "linestyle": ":"},
    OURS: {"color": "#2a8fd6", "marker": "o", "linestyle": "-"},
    RIVAL: {"color": "#e08a00", "marker": "^", "linestyle": "--"},
}
_OTHER = {"color": "#cc79a7", "marker": "D", "linestyle": "-."}
_SIZE_INCHES = (8.0, 3.2)
SETTINGS: Any = {
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.alpha": 0.3,
    "grid.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "ringdown",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def plotted(load: LoadFigures) -> dict[str, Callable[[Path], None]]:
    """File name (without suffix) to what draws it; only what was measured."""
    plots: dict[str, Sequence[Figure]] = {
        "uplink": UPLINK,
        "downlink": DOWNLINK,
        "barge_in": BARGE_IN,
        "first_audio": FIRST_AUDIO,
        "use": (CORE, MEMORY),
    }
    return {
        name: functools.partial(draw, load, figures)
        for name, figures in plots.items()
        if any(_line(load, figures[0], target) for target in load.targets)
    }


def draw(load: LoadFigures, figures: Sequence[Figure], path: Path) -> None:
    """Two figures side by side against the number of calls. Needs matplotlib."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    with mpl.rc_context(SETTINGS):
        canvas = Canvas(figsize=_SIZE_INCHES, layout="constrained")
        panels = canvas.subplots(1, len(figures), sharey=figures[0].unit == figures[1].unit)
        for axes, figure in zip(panels, figures, strict=True):
            _panel(axes, load, figure)
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        canvas.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})


def _panel(axes: Axes, load: LoadFigures, figure: Figure) -> None:
    for target in load.targets:
        line = _line(load, figure, target)
        if line:
            calls, medians, below, above = zip(*line, strict=True)
            style = _STYLES.get(target, _OTHER)
            axes.errorbar(
                calls, medians, (below, above), label=target, markersize=5, capsize=2, **style
            )
    if figure is CORE:
        _full_core(axes, load.calls)
    axes.set_yscale("log")
    axes.set_xscale("log")
    axes.set_xticks(load.calls, [str(calls) for calls in load.calls])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("calls at once")
    axes.set_ylabel(f"{figure.name}, {figure.unit}")


def _full_core(axes: Axes, calls: Sequence[int]) -> None:
    shares = [100 / count for count in calls]
    axes.plot(calls, shares, color=INK, linewidth=1, linestyle=(0, (1, 3)))
    axes.annotate(
        "core full", (calls[0], shares[0]), (12, -2), textcoords="offset points", va="center"
    )


def _line(load: LoadFigures, figure: Figure, target: str) -> list[tuple[int, float, float, float]]:
    """Calls, median, and how far the runs reach below and above it; what is above zero only."""
    found = ((calls, load.of(figure, target, calls)) for calls in load.calls)
    return [
        (calls, value.median, value.median - max(value.least, 1e-3), value.most - value.median)
        for calls, value in found
        if value is not None and value.least > 0
    ]
