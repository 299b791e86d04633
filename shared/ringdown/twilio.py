"""Text messages through Twilio's REST API, with Twilio's own client."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ringdown.log import Log
from ringdown.phone_numbers import is_e164
from ringdown.settings import SettingsReader

if TYPE_CHECKING:
    from twilio.rest import Client

_WITHIN_S = 8.0

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """The account that sends texts, and its numbers."""

    account_sid: str
    key_sid: str
    key_secret: str = field(repr=False)
    """The secret of an API key that may only send messages; the auth token could do anything."""
    numbers: tuple[str, ...]
    """The numbers that texts can be sent from; at least one."""
    api_url: str | None = None
    """The endpoint to use instead of Twilio's own."""


class NotSent(NamedTuple):
    """Why a text was not sent, in words for the model."""

    message: str
    retryable: bool = False


def read_twilio_account(reader: SettingsReader) -> TwilioAccount | None:
    """Read the account; None if TWILIO_ACCOUNT_SID, TWILIO_API_KEY or PHONE_NUMBERS isn't set.
    `reader.finish()` reports problems."""
    account_sid = reader.optional("TWILIO_ACCOUNT_SID")
    numbers = reader.phone_numbers("PHONE_NUMBERS")
    api_url = None
    if reader.optional("TWILIO_API_URL") is not None:
        api_url = reader.url("TWILIO_API_URL", "another endpoint, https://HOST", scheme="https")
    key = reader.optional("TWILIO_API_KEY")
    if account_sid is None or not numbers or key is None:
        return None
    key_sid, _, key_secret = key.partition(":")
    if re.fullmatch("SK[0-9a-f]{32}", key_sid) is None or not key_secret:
        reader.problem(
            "TWILIO_API_KEY isn't an API key. Set it to the key's SID and secret, joined by a"
            " colon:"
            " SK0123…:secret."
        )
        return None
    return TwilioAccount(account_sid, key_sid, key_secret, numbers, api_url)


class TwilioTexts:
    """Sends texts from the account's numbers."""

    def __init__(self, account: TwilioAccount) -> None:
        self._account = account
        self._client: Client | None = None

    async def send(self, to: str, text: str, *, called: str = "") -> NotSent | None:
        """Hand the text to Twilio; return None if Twilio accepted it. `to` must be an E.164 number.

        The sender is the number that was `called` if it is the account's, else the account's first.
        """
        if not is_e164(to):
            raise ValueError("texts can be sent to E.164 numbers only")
        numbers = self._account.numbers
        sender = called if called in numbers else numbers[0]
        return await asyncio.to_thread(self._send, to, sender, text)

    def _send(self, to: str, sender: str, text: str) -> NotSent | None:
        from requests.exceptions import RequestException
        from twilio.base.exceptions import TwilioException, TwilioRestException

        client = self._client = self._client or _client(self._account)
        try:
            client.messages.create(to=to, from_=sender, body=text)
        except TwilioRestException as error:
            return _refused(error.status, error.code)
        except (TwilioException, RequestException) as error:
            # The request may have arrived, so it mustn't be sent again.
            _log.error("Twilio did not answer", error=type(error).__name__)
            return NotSent("It is not known whether the text was sent. Do not send it again.")
        return None


def _client(account: TwilioAccount) -> "Client":
    from twilio.http.http_client import TwilioHttpClient  # importing it takes half a second
    from twilio.rest import Client

    http = TwilioHttpClient(timeout=_WITHIN_S)
    client = Client(account.key_sid, account.key_secret, account.account_sid, http_client=http)
    if account.api_url is not None:
        client.api.base_url = account.api_url
    return client


_CALLERS = {
    21211: "This number cannot get texts. Tell the caller.",
    21610: "The caller has opted out of texts, by STOP. Tell them to text START to get them again.",
    21612: "This number cannot get texts from here. Tell the caller.",
    21614: "The caller's telephone cannot get texts: it is a landline. Tell the caller.",
}
_OPERATORS = {
    20003: "TWILIO_API_KEY isn't a key of TWILIO_ACCOUNT_SID, may not send messages, or belongs to"
    " a different region from TWILIO_API_URL",
    21408: "allow texts to this country: Twilio console, Messaging, Geo permissions",
    21606: "PHONE_NUMBERS has a number that isn't this account's, or can't send texts",
    21608: "a trial account can only text verified numbers: upgrade it, or verify the number",
    21662: "Twilio's region ie1 can't send texts from or to +1 numbers: see docs/deploy.md",
    21663: "the number sends its texts from another Twilio region: see docs/deploy.md",
    30034: "carriers block this number's texts: register it for A2P 10DLC",
}
_NOT_NOW = "Texts cannot be sent at the moment. Tell the caller without a text."


def _refused(status: int, code: int | None) -> NotSent:
    """Log why Twilio refused, by its error code (https://www.twilio.com/docs/api/errors), and
    return what the model should know."""
    if code in _CALLERS:
        _log.info("Twilio refused the text", code=code)
        return NotSent(_CALLERS[code])
    if status == 429 or status >= 500:
        _log.warning("Twilio isn't accepting texts", status=status, code=code)
        return NotSent(_NOT_NOW, retryable=True)
    advice = _OPERATORS.get(code or 0, "see https://www.twilio.com/docs/api/errors")
    _log.error("Twilio refused the text", status=status, code=code, advice=advice)
    return NotSent(_NOT_NOW)
