"""What the tool sends, and to whom: prepared texts, to the number that is calling."""

import datetime
from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol

import msgspec

from ringdown.errors import InvalidDocument
from ringdown.log import Log
from ringdown.phone_numbers import is_e164
from ringdown.sent_texts import MOST_IN_A_CALL, MOST_IN_A_DAY, SentText, SentTextStore
from ringdown.text_templates import TextTemplateStore, filled_in, problem_with_values
from ringdown.tools import Json, ToolAnswer, ToolRequest

Value = Annotated[str, msgspec.Meta(max_length=500)]
Send = Callable[[str, str], Awaitable[ToolAnswer | None]]
"""Sends to a number a text; None if it is on its way, else what the model is to know."""

_MOST_NAMED = 20
_NO_NUMBER = ToolAnswer.failed(
    "The caller's number is withheld, so no text can be sent. Tell the caller."
)
_BROKEN = ToolAnswer.failed("This text cannot be used just now. Tell the caller without a text.")
_TOO_MANY = ToolAnswer.failed(
    f"No more texts go to this number: {MOST_IN_A_CALL} in a call and {MOST_IN_A_DAY} in a day are"
    " the most. Tell the caller, and say what the text would have said."
)

_log = Log("send_text_message.text_message")


class TextRecords(TextTemplateStore, SentTextStore, Protocol):
    """What the tool works on."""


class TextMessageArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    template: Annotated[str, msgspec.Meta(max_length=100)]
    values: Annotated[dict[str, Value], msgspec.Meta(max_length=20)] = {}


async def send_text(
    records: TextRecords,
    send: Send,
    args: TextMessageArgs,
    request: ToolRequest,
    now: datetime.datetime,
) -> dict[str, Json] | ToolAnswer:
    """Send the text, or say why it is not sent. Raises what the store raises."""
    number = request.call.caller
    if not is_e164(number):
        return _NO_NUMBER
    try:
        template = await records.read_text_template(args.template)
    except InvalidDocument as error:
        _log.error("text template is invalid", reason=str(error))
        return _BROKEN
    if template is None:
        return await _unknown(records)
    problem = problem_with_values(template, args.values)
    if problem is not None:
        return ToolAnswer.failed(problem)
    this = SentText(key=request.idempotency_key, call_sid=request.call.call_sid, at=now)
    if not await records.count_text(number, this):
        _log.warning("too many texts to one number")
        return _TOO_MANY
    text = filled_in(template, args.values)
    refusal = await send(number, text)
    return {"status": "The text is on its way.", "text": text} if refusal is None else refusal


async def _unknown(templates: TextTemplateStore) -> ToolAnswer:
    names = (await templates.list_text_templates())[:_MOST_NAMED]
    if not names:
        return ToolAnswer.failed("No texts are prepared. Tell the caller that none can be sent.")
    return ToolAnswer.failed(f"There is no text of this name. Texts: {', '.join(names)}.")
