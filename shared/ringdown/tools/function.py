"""Makes the entry point of a tool's `main.py`.

Only tools import this, because it loads functions-framework.

    class Args(msgspec.Struct, frozen=True): ...
    async def look_up(args: Args, request: ToolRequest) -> dict[str, Json] | ToolAnswer: ...

    lookup_account = tool_function("lookup_account", Args, look_up, SettingsReader(os.environ))
"""

import sys

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from ringdown import log
from ringdown.errors import ConfigurationError
from ringdown.open_once import OpenOnce
from ringdown.settings import SettingsReader
from ringdown.stores import Store
from ringdown.tools.endpoint import Args, Tool, ToolEndpoint


def tool_function(
    name: str,
    args_type: type[Args],
    tool: Tool[Args],
    settings: SettingsReader,
    *,
    answers: OpenOnce[Store] | None = None,
) -> functions_framework.aio.HTTPFunction:
    """Return the function that the platform calls; assign it to a variable called `name`.

    `settings` is the reader that the tool read its settings from. If one is missing or wrong, the
    process says what to set and exits. A tool that changes something passes its store as `answers`,
    so that a request delivered twice is done once (`ringdown.tools.endpoint`).
    """
    log.configure(app=name)
    try:
        settings.finish()
    except ConfigurationError as error:
        sys.exit(str(error))
    endpoint = ToolEndpoint(name, args_type, tool, answers=answers)

    async def serve(request: Request) -> Response:
        return await endpoint(request)

    serve.__name__ = name  # the framework knows functions by their names
    return functions_framework.aio.http(serve)
