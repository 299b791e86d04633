"""The tool `lookup_account`, as functions-framework loads it: composition root."""

from pathlib import Path

import functions_framework.aio
from account_lookup import LookupArgs, look_up
from accounts import DemonstrationAccounts, read_accounts
from starlette.requests import Request
from starlette.responses import Response

from ringdown import log
from ringdown.tool_endpoint import ToolEndpoint
from ringdown.tools import Json, ToolAnswer, ToolRequest

log.configure()
_accounts = DemonstrationAccounts(
    read_accounts(Path(__file__).with_name("demonstration_accounts.yaml"))
)


async def _answer(args: LookupArgs, _request: ToolRequest) -> dict[str, Json] | ToolAnswer:
    return await look_up(_accounts, args)


_endpoint = ToolEndpoint("lookup_account", LookupArgs, _answer)


@functions_framework.aio.http
async def lookup_account(request: Request) -> Response:
    return await _endpoint(request)
