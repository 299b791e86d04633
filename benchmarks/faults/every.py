"""Every fault there is."""

from benchmarks.faults import model_starts, models, ours, stores, tools, twilios
from benchmarks.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *ours.FAULTS,
    *twilios.FAULTS,
    *stores.FAULTS,
    *tools.FAULTS,
    *model_starts.FAULTS,
    *models.FAULTS,
)
