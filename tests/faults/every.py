"""The list of all faults."""

from tests.faults import handlers, models, stores, tools, twilio
from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *handlers.FAULTS,
    *twilio.FAULTS,
    *stores.FAULTS,
    *tools.FAULTS,
    *models.FAULTS,
)
