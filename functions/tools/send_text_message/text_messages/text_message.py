"""Sends prepared texts to the caller's number."""

from typing import Annotated

import msgspec

from ringdown.caller_texts import NO_NUMBER, CallerTexts
from ringdown.errors import InvalidDocument
from ringdown.log import Log
from ringdown.open_once import OpenOnce
from ringdown.phone_numbers import is_somebody
from ringdown.stores import Store
from ringdown.stores.documents import Documents
from ringdown.tools import Json, ToolAnswer, ToolRequest
from ringdown.twilio import TwilioAccount
from text_messages.templates import (
    filled_in,
    problem_with_values,
    read_template,
    template_names,
)

Value = Annotated[str, msgspec.Meta(max_length=500)]

_MOST_NAMED = 20
_BROKEN = ToolAnswer.failed("This text cannot be used just now. Tell the caller without a text.")

_log = Log("send_text_message.text_message")


class TextMessageArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    template: Annotated[str, msgspec.Meta(max_length=100)]
    values: Annotated[dict[str, Value], msgspec.Meta(max_length=20)] = {}


class TextMessages:
    """Fills in and sends prepared texts."""

    def __init__(self, store: OpenOnce[Store], account: TwilioAccount | None) -> None:
        self._store = store
        self._texts = CallerTexts(account)

    async def send(
        self, args: TextMessageArgs, request: ToolRequest
    ) -> dict[str, Json] | ToolAnswer:
        """Send the text, or say why it isn't sent. Raises what the store raises."""
        documents = (await self._store.get()).documents
        if not is_somebody(request.call.caller):
            return NO_NUMBER
        try:
            template = await read_template(documents, args.template)
        except InvalidDocument as error:
            _log.error("text template is invalid", reason=str(error))
            return _BROKEN
        if template is None:
            return await _unknown(documents)
        problem = problem_with_values(template, args.values)
        if problem is not None:
            return ToolAnswer.failed(problem)
        text = filled_in(template, args.values)
        refusal = await self._texts.send(text, request, documents)
        return refusal or {"status": "The text is on its way.", "text": text}


async def _unknown(documents: Documents) -> ToolAnswer:
    names = (await template_names(documents))[:_MOST_NAMED]
    if not names:
        return ToolAnswer.failed("No texts are prepared. Tell the caller that none can be sent.")
    return ToolAnswer.failed(f"There is no text of this name. Texts: {', '.join(names)}.")
