"""Sends texts to the caller's number only, and limits how many it gets: if caller ID is spoofed,
the number's owner gets the texts, and we pay for them."""

import datetime

import msgspec

from ringdown import clock
from ringdown.log import Log
from ringdown.phone_numbers import is_somebody
from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path
from ringdown.tools import ToolAnswer, ToolRequest
from ringdown.twilio import TwilioAccount, TwilioTexts

MOST_IN_A_CALL = 3
MOST_IN_A_DAY = 6
_DAY = datetime.timedelta(days=1)
NO_NUMBER = ToolAnswer.failed(
    "The caller's number is withheld or cannot get texts, so none can be sent. Tell the caller."
)
_TOO_MANY = ToolAnswer.failed(
    f"No more texts go to this number: {MOST_IN_A_CALL} in a call and {MOST_IN_A_DAY} in a day are"
    " the most. Tell the caller, and say what the text would have said."
)

_log = Log(__name__)


class CallerTexts:
    """Sends texts; without a Twilio account, logs what operators must set."""

    def __init__(self, account: TwilioAccount | None) -> None:
        self._texts = None if account is None else TwilioTexts(account)

    async def send(
        self, text: str, request: ToolRequest, documents: Documents
    ) -> ToolAnswer | None:
        """Send `text` to the caller; return None if it is on its way, or else an error for the
        model. Raises StoreUnavailable."""
        call = request.call
        if not is_somebody(call.caller):
            return NO_NUMBER
        if self._texts is None:
            _log.error(
                "texts cannot be sent",
                advice="set TWILIO_ACCOUNT_SID, TWILIO_API_KEY and PHONE_NUMBERS",
            )
            return ToolAnswer.failed("Texts cannot be sent here. Tell the caller.")
        this = SentText(key=request.idempotency_key, call_sid=call.call_sid, at=clock.now())
        if not await count_text(documents, call.caller, this):
            _log.warning("too many texts to one number")
            return _TOO_MANY
        refusal = await self._texts.send(call.caller, text, called=call.called)
        if refusal is None:
            return None
        return ToolAnswer.failed(refusal.message, retryable=refusal.retryable)


class SentText(msgspec.Struct, frozen=True, kw_only=True):
    """A text counted toward the limits. `key` is the tool request's idempotency key, so a request
    delivered twice counts once."""

    key: str
    call_sid: str
    at: datetime.datetime


class SentTexts(msgspec.Struct, frozen=True, kw_only=True):
    """The last day's texts to a number (`sent_texts/{E.164}`). `ringdown callers forget` erases
    them (`ringdown.stores.paths`)."""

    texts: tuple[SentText, ...]
    expires_at: datetime.datetime


async def count_text(documents: Documents, number: str, text: SentText) -> bool:
    """Count `text` before it is sent, so that simultaneous texts can't exceed the limits. Return
    False if MOST_IN_A_CALL or MOST_IN_A_DAY forbids sending it. Raises StoreUnavailable."""
    return await documents.change(
        SentTexts, document_path("sent_texts", number), lambda sent: counted(sent, text)
    )


def counted(sent: SentTexts | None, text: SentText) -> SentTexts | None:
    """Return the last day's texts in `sent` plus `text`; None if that is too many."""
    texts = [each for each in (sent.texts if sent else ()) if text.at - each.at < _DAY]
    if all(each.key != text.key for each in texts):
        in_call = sum(each.call_sid == text.call_sid for each in texts)
        if in_call >= MOST_IN_A_CALL or len(texts) >= MOST_IN_A_DAY:
            return None
        texts.append(text)
    return SentTexts(texts=tuple(texts), expires_at=text.at + _DAY)
