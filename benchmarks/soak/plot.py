"""What processes held, against the calls that were made. Needs matplotlib."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report.plots import INK, SETTINGS
from benchmarks.soak.holding import Held

if TYPE_CHECKING:
    from benchmarks.report.plots import Axes

_SIZE_INCHES = (8.0, 2.8)
_PANELS: tuple[tuple[str, Callable[[Held], float | None]], ...] = (
    ("memory, MB", lambda sample: sample.memory_mb),
    ("descriptors", lambda sample: sample.descriptors),
    ("tasks", lambda sample: sample.tasks),
)
_COLOURS = ("#2a8fd6", "#e08a00", "#009e73", "#cc79a7")
_STROKES = ("-", "--", ":", "-.")


def draw(samples: Iterable[Held], path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    samples = list(samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(SETTINGS):
        canvas = Canvas(figsize=_SIZE_INCHES, layout="constrained")
        panels = canvas.subplots(1, len(_PANELS))
        for axes, (label, value) in zip(panels, _PANELS, strict=True):
            _panel(axes, samples, label, value)
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        canvas.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})


def _panel(
    axes: "Axes", samples: list[Held], label: str, value: Callable[[Held], float | None]
) -> None:
    names = sorted({sample.process for sample in samples})
    for name, colour, stroke in zip(names, _COLOURS, _STROKES, strict=False):
        told = [(s.calls, value(s)) for s in samples if s.process == name and value(s) is not None]
        if told:
            calls, values = zip(*told, strict=True)
            axes.plot(calls, values, label=name, color=colour, linestyle=stroke, linewidth=1.5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("calls made")
    axes.set_ylabel(label, color=INK)
