"""The page where callers send photos and texts; the composition root that functions-framework
loads."""

import os
import sys
from functools import partial

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from photo_page.answering import CallerPage
from photo_page.settings import read_settings
from ringdown import log
from ringdown.errors import ConfigurationError
from ringdown.open_once import OpenOnce
from ringdown.stores import open_store

log.configure(app="caller_page")
try:
    _settings = read_settings(os.environ)
except ConfigurationError as error:
    sys.exit(str(error))

_page = CallerPage(_settings, OpenOnce(partial(open_store, _settings.store_url)).get)


@functions_framework.aio.http
async def caller_page(request: Request) -> Response:
    return await _page.respond(request)
