"""What the tool sends, and to whom: prepared texts, to the caller's number."""

from typing import Annotated

import msgspec

from ringdown import clock
from ringdown.errors import InvalidDocument
from ringdown.log import Log
from ringdown.open_once import OpenOnce
from ringdown.phone_numbers import is_somebody
from ringdown.stores import Store
from ringdown.stores.documents import Documents
from ringdown.tools import Json, ToolAnswer, ToolCallContext, ToolRequest
from ringdown.twilio import TwilioAccount, TwilioTexts
from text_messages.sent_texts import MOST_IN_A_CALL, MOST_IN_A_DAY, SentText, count_text
from text_messages.templates import (
    filled_in,
    problem_with_values,
    read_template,
    template_names,
)

Value = Annotated[str, msgspec.Meta(max_length=500)]

_MOST_NAMED = 20
_NO_NUMBER = ToolAnswer.failed(
    "The caller's number is withheld or cannot get texts, so none can be sent. Tell the caller."
)
_BROKEN = ToolAnswer.failed("This text cannot be used just now. Tell the caller without a text.")
_TOO_MANY = ToolAnswer.failed(
    f"No more texts go to this number: {MOST_IN_A_CALL} in a call and {MOST_IN_A_DAY} in a day are"
    " the most. Tell the caller, and say what the text would have said."
)

_log = Log("send_text_message.text_message")


class TextMessageArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    template: Annotated[str, msgspec.Meta(max_length=100)]
    values: Annotated[dict[str, Value], msgspec.Meta(max_length=20)] = {}


class TextMessages:
    """Sends prepared texts; without a Twilio account, tells operators what to set."""

    def __init__(self, store: OpenOnce[Store], account: TwilioAccount | None) -> None:
        self._store = store
        self._texts = None if account is None else TwilioTexts(account)

    async def send(
        self, args: TextMessageArgs, request: ToolRequest
    ) -> dict[str, Json] | ToolAnswer:
        """Send the text, or say why it isn't sent. Raises what the store raises."""
        number, documents = request.call.caller, (await self._store.get()).documents
        if not is_somebody(number):
            return _NO_NUMBER
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
        call_sid, now = request.call.call_sid, clock.now()
        this = SentText(key=request.idempotency_key, call_sid=call_sid, at=now)
        if not await count_text(documents, number, this):
            _log.warning("too many texts to one number")
            return _TOO_MANY
        text = filled_in(template, args.values)
        refusal = await self._hand_over(request.call, text)
        return refusal or {"status": "The text is on its way.", "text": text}

    async def _hand_over(self, call: ToolCallContext, text: str) -> ToolAnswer | None:
        """None if the text is on its way, otherwise what the model should know."""
        if self._texts is None:
            _log.error(
                "texts cannot be sent",
                advice="set TWILIO_ACCOUNT_SID, TWILIO_API_KEY and PHONE_NUMBERS",
            )
            return ToolAnswer.failed("Texts cannot be sent here. Tell the caller.")
        refusal = await self._texts.send(call.caller, text, called=call.called)
        if refusal is None:
            return None
        return ToolAnswer.failed(refusal.message, retryable=refusal.retryable)


async def _unknown(documents: Documents) -> ToolAnswer:
    names = (await template_names(documents))[:_MOST_NAMED]
    if not names:
        return ToolAnswer.failed("No texts are prepared. Tell the caller that none can be sent.")
    return ToolAnswer.failed(f"There is no text of this name. Texts: {', '.join(names)}.")
