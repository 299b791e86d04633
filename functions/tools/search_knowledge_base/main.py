"""The tool `search_knowledge_base`, as functions-framework loads it: composition root."""

import os
import sys
from pathlib import Path

import functions_framework.aio
from knowledge_base.base_choice import chosen_base
from knowledge_base.search import SearchArgs, search
from starlette.requests import Request
from starlette.responses import Response

from ringdown import log
from ringdown.errors import ConfigurationError
from ringdown.settings import SettingsReader
from ringdown.tools import Json, ToolAnswer, ToolRequest
from ringdown.tools.endpoint import ToolEndpoint

log.configure(app="search_knowledge_base")
_reader = SettingsReader(os.environ)
_base = chosen_base(_reader, Path(__file__).with_name("articles"))
_most = _reader.integer("MOST_RESULTS", default=3, minimum=1, maximum=10)
try:
    _reader.finish()
except ConfigurationError as error:
    sys.exit(str(error))


async def _answer(args: SearchArgs, _request: ToolRequest) -> dict[str, Json] | ToolAnswer:
    return await search(_base, _most, args)


_endpoint = ToolEndpoint("search_knowledge_base", SearchArgs, _answer)


@functions_framework.aio.http
async def search_knowledge_base(request: Request) -> Response:
    return await _endpoint(request)
