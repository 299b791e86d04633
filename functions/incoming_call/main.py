"""The webhook that Twilio calls; the composition root that functions-framework loads.

Settings are read when the platform loads this file, so a misconfigured process doesn't start.
Clients are created by the first request, inside the event loop that serves it.
"""

import os
import sys
from functools import partial

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from ringdown import log
from ringdown.errors import ConfigurationError
from ringdown.open_once import OpenOnce
from voice_webhook.connections import open_connections
from voice_webhook.webhook import Webhook
from voice_webhook.webhook_settings import read_settings

log.configure(app="incoming_call")
try:
    _settings = read_settings(os.environ)
except ConfigurationError as error:
    sys.exit(str(error))

_webhook = Webhook(_settings, OpenOnce(partial(open_connections, _settings)).get)


@functions_framework.aio.http
async def incoming_call(request: Request) -> Response:
    return await _webhook.respond(request)
