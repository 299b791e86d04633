"""What counts as use of the line, in every store."""

import datetime

from ringdown.calls import CallStatus

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
RUNNING = (CallStatus.RINGING.value, CallStatus.IN_PROGRESS.value)
