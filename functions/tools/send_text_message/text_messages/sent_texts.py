"""Limits how many texts a number gets. Caller ID can be spoofed: the texts then go to the number's
real owner, and we pay for them."""

import datetime

import msgspec

from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path

MOST_IN_A_CALL = 3
MOST_IN_A_DAY = 6
_DAY = datetime.timedelta(days=1)


class SentText(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is the request's: one that is delivered twice counts once."""

    key: str
    call_sid: str
    at: datetime.datetime


class SentTexts(msgspec.Struct, frozen=True, kw_only=True):
    """`sent_texts/{E.164}`: the texts of the last day. Erased by `ringdown callers forget`
    (`ringdown.stores.paths`)."""

    texts: tuple[SentText, ...]
    expires_at: datetime.datetime


async def count_text(documents: Documents, number: str, text: SentText) -> bool:
    """Count `text` before it is sent, so that parallel texts can't outrun the count.

    False if it must not be sent, because of `MOST_IN_A_CALL` or `MOST_IN_A_DAY`. Raises
    StoreUnavailable.
    """
    return await documents.change(
        SentTexts, document_path("sent_texts", number), lambda sent: counted(sent, text)
    )


def counted(sent: SentTexts | None, text: SentText) -> SentTexts | None:
    """`sent` from the last day plus `text`; None if that is too many."""
    texts = [each for each in (sent.texts if sent else ()) if text.at - each.at < _DAY]
    if all(each.key != text.key for each in texts):
        in_call = sum(each.call_sid == text.call_sid for each in texts)
        if in_call >= MOST_IN_A_CALL or len(texts) >= MOST_IN_A_DAY:
            return None
        texts.append(text)
    return SentTexts(texts=tuple(texts), expires_at=text.at + _DAY)
