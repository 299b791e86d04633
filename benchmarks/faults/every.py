"""Every fault there is."""

from benchmarks.faults import models, ours, stores, twilios
from benchmarks.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (*ours.FAULTS, *twilios.FAULTS, *stores.FAULTS, *models.FAULTS)
