"""The tool `send_text_message`, as functions-framework loads it: composition root."""

import os
import sys
from functools import partial

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from text_messages.text_message import TextMessageArgs, send_text

from ringdown import clock, log
from ringdown.errors import ConfigurationError
from ringdown.log import Log
from ringdown.open_once import OpenOnce
from ringdown.settings import SettingsReader
from ringdown.stores import open_store, read_store_url
from ringdown.tools import Json, ToolAnswer, ToolRequest
from ringdown.tools.endpoint import ToolEndpoint
from ringdown.twilio import TwilioTexts, read_twilio_account

log.configure(app="send_text_message")
_log = Log("send_text_message")
_reader = SettingsReader(os.environ)
_store = OpenOnce(partial(open_store, read_store_url(_reader)))
_account = read_twilio_account(_reader)
try:
    _reader.finish()
except ConfigurationError as error:
    sys.exit(str(error))
_texts = None if _account is None else TwilioTexts(_account)


async def _send(number: str, text: str) -> ToolAnswer | None:
    if _texts is None:
        _log.error("texts cannot be sent", advice="set TWILIO_ACCOUNT_SID and PHONE_NUMBER")
        return ToolAnswer.failed("Texts cannot be sent here. Tell the caller.")
    refusal = await _texts.send(number, text)
    if refusal is None:
        return None
    return ToolAnswer.failed(refusal.message, retryable=refusal.retryable)


async def _answer(args: TextMessageArgs, request: ToolRequest) -> dict[str, Json] | ToolAnswer:
    now = clock.now()
    return await send_text(await _store.get(), _send, args, request, now)


_endpoint = ToolEndpoint("send_text_message", TextMessageArgs, _answer, answers=_store.get)


@functions_framework.aio.http
async def send_text_message(request: Request) -> Response:
    return await _endpoint(request)
