"""The tool `run_code`, as functions-framework loads it: composition root."""

import os
import sys
from typing import Annotated

import functions_framework.aio
import msgspec
from code_runs.gemini_code import GeminiCode
from starlette.requests import Request
from starlette.responses import Response

from ringdown import clock, log
from ringdown.errors import ConfigurationError
from ringdown.gemini.backend import read_developer_api
from ringdown.settings import SettingsReader
from ringdown.tools import Json, ToolAnswer, ToolRequest
from ringdown.tools.endpoint import ToolEndpoint

log.configure(app="run_code")
_reader = SettingsReader(os.environ)
_backend = read_developer_api(_reader)
_model = _reader.text(
    "CODE_MODEL", "a model of Gemini that runs code", default="gemini-flash-latest"
)
try:
    _reader.finish()
except ConfigurationError as error:
    sys.exit(str(error))
_code = GeminiCode(_backend, _model)


class RunCodeArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    task: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


async def _answer(args: RunCodeArgs, _request: ToolRequest) -> dict[str, Json] | ToolAnswer:
    return await _code.run(args.task, clock.now().date())


_endpoint = ToolEndpoint("run_code", RunCodeArgs, _answer)


@functions_framework.aio.http
async def run_code(request: Request) -> Response:
    return await _endpoint(request)
