"""Sends webhooks and determines the outcome when a call is over; the composition root that
functions-framework loads.

Pub/Sub sends an event for every call, sometimes twice, and retries for about 100 minutes if it gets
no answer.
"""

import os
import sys
from functools import partial

import functions_framework.aio
from cloudevents.http.event import CloudEvent

from call_outcomes.outcome_event import open_connections, read_settings, take_event
from ringdown import log
from ringdown.errors import ConfigurationError
from ringdown.open_once import OpenOnce

log.configure(app="call_ended")
try:
    _settings = read_settings(os.environ)
except ConfigurationError as error:
    sys.exit(str(error))

_connections = OpenOnce(partial(open_connections, _settings))


@functions_framework.aio.cloud_event
async def call_ended(event: CloudEvent) -> None:
    await take_event(event.get_attributes(), await _connections.get())
