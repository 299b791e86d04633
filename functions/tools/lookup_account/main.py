"""The tool `lookup_account`, as functions-framework loads it: composition root."""

import os
import sys
from functools import partial

import functions_framework.aio
from account_lookup.lookup import LookupArgs, look_up
from starlette.requests import Request
from starlette.responses import Response

from ringdown import clock, log
from ringdown.errors import ConfigurationError
from ringdown.open_once import OpenOnce
from ringdown.settings import SettingsReader
from ringdown.stores import open_store, read_store_url
from ringdown.tools import Json, ToolAnswer, ToolRequest
from ringdown.tools.endpoint import ToolEndpoint

log.configure(app="lookup_account")
_reader = SettingsReader(os.environ)
_store = OpenOnce(partial(open_store, read_store_url(_reader)))
_verified_number_is_proof = _reader.flag("VERIFIED_NUMBER_IS_PROOF")
try:
    _reader.finish()
except ConfigurationError as error:
    sys.exit(str(error))


async def _answer(args: LookupArgs, request: ToolRequest) -> dict[str, Json] | ToolAnswer:
    return await look_up(
        await _store.get(),
        args,
        request,
        clock.now(),
        verified_number_is_proof=_verified_number_is_proof,
    )


_endpoint = ToolEndpoint("lookup_account", LookupArgs, _answer)


@functions_framework.aio.http
async def lookup_account(request: Request) -> Response:
    return await _endpoint(request)
