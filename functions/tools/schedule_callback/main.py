"""The tool `schedule_callback`, as functions-framework loads it: composition root."""

import os
import sys
from functools import partial

import functions_framework.aio
from callback_scheduling.scheduling import CallbackArgs, Tell, schedule
from callback_scheduling.telling_staff import PUBSUB_URL, CallbackTopic, StaffTexts
from starlette.requests import Request
from starlette.responses import Response

from ringdown import clock, log
from ringdown.errors import ConfigurationError
from ringdown.open_once import OpenOnce
from ringdown.settings import SettingsReader
from ringdown.stores import open_store, read_store_url
from ringdown.tools import Json, ToolAnswer, ToolRequest
from ringdown.tools.endpoint import ToolEndpoint
from ringdown.twilio import TwilioTexts, read_twilio_account


def _ways_to_tell(reader: SettingsReader) -> list[Tell]:
    ways: list[Tell] = []
    topic = reader.optional("CALLBACK_TOPIC")
    if topic is not None:
        url = PUBSUB_URL
        if reader.optional("PUBSUB_URL") is not None:
            url = reader.url("PUBSUB_URL", "another endpoint, https://HOST", scheme="https")
        ways.append(CallbackTopic(topic, url).tell)
    account, staff = read_twilio_account(reader), reader.phone_number("STAFF_NUMBER")
    if staff is not None and account is None:
        reader.problem(
            "STAFF_NUMBER is set, but TWILIO_ACCOUNT_SID or PHONE_NUMBER is not: without them no"
            " text can be sent."
        )
    if staff is not None and account is not None:
        ways.append(StaffTexts(TwilioTexts(account), staff).tell)
    return ways


log.configure(app="schedule_callback")
_reader = SettingsReader(os.environ)
_store = OpenOnce(partial(open_store, read_store_url(_reader)))
_tell = _ways_to_tell(_reader)
try:
    _reader.finish()
except ConfigurationError as error:
    sys.exit(str(error))


async def _answer(args: CallbackArgs, request: ToolRequest) -> dict[str, Json] | ToolAnswer:
    now = clock.now()
    return await schedule(await _store.get(), _tell, args, request, now)


_endpoint = ToolEndpoint("schedule_callback", CallbackArgs, _answer, answers=_store.get)


@functions_framework.aio.http
async def schedule_callback(request: Request) -> Response:
    return await _endpoint(request)
