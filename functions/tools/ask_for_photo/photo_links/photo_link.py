"""Texts a link to the caller's number, for this call only."""

from dataclasses import dataclass, field

import msgspec

from ringdown import clock
from ringdown.agents.phrases import phrases_for
from ringdown.caller_texts import CallerTexts
from ringdown.calls.upload_link import mint
from ringdown.open_once import OpenOnce
from ringdown.settings import SettingsReader
from ringdown.stores import Store
from ringdown.tools import Json, ToolAnswer, ToolRequest
from ringdown.twilio import TwilioAccount

_MIN_SECRET = 32
_LONGEST_SENDER = 40
_WORDS = {
    "de": "Senden Sie Ihr Foto hier, während wir sprechen: {link}",
    "en": "Send your photo here while we talk: {link}",
    "es": "Mande su foto por este enlace mientras hablamos: {link}",
    "fr": "Envoyez votre photo ici pendant notre appel : {link}",
    "it": "Invii qui la Sua foto mentre parliamo: {link}",
    "nl": "Stuur uw foto hier tijdens ons gesprek: {link}",
    "pt": "Envie sua foto por este link durante a chamada: {link}",
}
"""All in GSM 7-bit characters: with any others, a text costs twice as much."""
_SENT = {
    "status": "The text with the link is on its way. Tell the caller to open the link in it and to"
    " choose or take a photo, and that you will wait. Then wait: the photo is shown to you as soon"
    " as it is there. If no text arrives, go on without a photo."
}


class AskForPhotoArgs(msgspec.Struct, frozen=True):
    """No arguments: the model doesn't choose who gets the text."""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    page_url: str
    secrets: tuple[str, ...] = field(repr=False)
    sender: str
    """Who the text is from, as carriers require; may be empty."""


def read_link_settings(reader: SettingsReader) -> LinkSettings:
    """Read the link's settings; `reader.finish()` reports what is wrong with them."""
    sender = reader.optional("SENDER") or ""
    if len(sender) > _LONGEST_SENDER:
        reader.problem(f"SENDER has {len(sender)} characters. Shorten it to {_LONGEST_SENDER}.")
    return LinkSettings(
        page_url=reader.url("CALLER_PAGE_URL", "the caller's page, https://HOST", scheme="https"),
        secrets=reader.rotated_secret(
            "UPLOAD_LINK_SECRET",
            "a random secret, the same as the caller's page's",
            min_length=_MIN_SECRET,
        ),
        sender=sender,
    )


class PhotoLinks:
    """Texts callers the link for their call."""

    def __init__(
        self, store: OpenOnce[Store], account: TwilioAccount | None, settings: LinkSettings
    ) -> None:
        self._store = store
        self._texts = CallerTexts(account)
        self._settings = settings

    async def send(
        self, args: AskForPhotoArgs, request: ToolRequest
    ) -> dict[str, Json] | ToolAnswer:
        """Send the link, or say why it isn't sent. Raises what the store raises."""
        documents = (await self._store.get()).documents
        refusal = await self._texts.send(self._text(request), request, documents)
        return refusal or _SENT

    def _text(self, request: ToolRequest) -> str:
        link = mint(
            self._settings.page_url,
            self._settings.secrets,
            call_sid=request.call.call_sid,
            now_s=clock.now().timestamp(),
        )
        language = phrases_for(request.call.language).language.partition("-")[0]
        text = _WORDS.get(language, _WORDS["en"]).format(link=link)
        return f"{self._settings.sender}: {text}" if self._settings.sender else text
