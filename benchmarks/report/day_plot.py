"""The simulated day as a small SVG that reads on a light and on a dark page."""

from pathlib import Path

from benchmarks.day import Day
from benchmarks.report.plots import SETTINGS

_SIZE_INCHES = (8.0, 3.2)


def draw(day: Day, calls_per_instance: int, path: Path) -> None:
    """Calls at once, what the instances could carry, and the instances. Needs matplotlib."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    hours = [moment.at_s / 3600 for moment in day.moments]
    with mpl.rc_context(SETTINGS):
        canvas = Figure(figsize=_SIZE_INCHES, layout="constrained")
        axes = canvas.subplots()
        room = [moment.instances * calls_per_instance for moment in day.moments]
        axes.step(hours, room, color="#009e73", linestyle=":", label="room in the instances")
        calls = [moment.calls for moment in day.moments]
        axes.plot(hours, calls, color="#2a8fd6", linewidth=1, label="calls at once")
        axes.set_xlim(0, 24)
        axes.set_xticks(range(0, 25, 3))
        axes.set_ylim(0)
        axes.set_xlabel("hour")
        axes.set_ylabel("calls")
        axes.legend(loc="upper left")
        canvas.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
