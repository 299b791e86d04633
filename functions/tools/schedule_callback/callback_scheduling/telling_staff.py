"""Tells staff about a callback, in a Pub/Sub message, and in a text if a number is set.

The callback is already stored by then, so failures are only logged for operators; the caller isn't
told that nothing was arranged.
"""

import asyncio
import base64

import httpx2
import msgspec

from callback_scheduling.callbacks import Callback
from callback_scheduling.scheduling import Tell
from ringdown.errors import NoCredentials
from ringdown.gemini.access_token import AccessToken
from ringdown.log import Log
from ringdown.settings import SettingsReader
from ringdown.twilio import TwilioTexts, read_twilio_account

_PUBSUB_URL = "https://pubsub.googleapis.com"
_PUBLISH_WITHIN_S = 4.0
_LONGEST_TOPIC = 100

_log = Log("schedule_callback.telling_staff")


def ways_to_tell(settings: SettingsReader) -> list[Tell]:
    """Return the configured ways to tell staff; `settings.finish()` reports what is wrong with
    them."""
    ways: list[Tell] = []
    topic = settings.optional("CALLBACK_TOPIC")
    if topic is not None:
        url = _PUBSUB_URL
        if settings.optional("PUBSUB_URL") is not None:
            url = settings.url("PUBSUB_URL", "another endpoint, https://HOST", scheme="https")
        ways.append(CallbackTopic(topic, url).tell)
    account, staff = read_twilio_account(settings), settings.phone_number("STAFF_NUMBER")
    if staff is not None and account is None:
        settings.problem(
            "STAFF_NUMBER is set, but TWILIO_ACCOUNT_SID, TWILIO_API_KEY or PHONE_NUMBERS is not."
            " Set all three: without them no text can be sent."
        )
    if staff is not None and account is not None:
        ways.append(StaffTexts(TwilioTexts(account), staff).tell)
    return ways


class CallbackTopic:
    """Publishes callbacks to a Pub/Sub topic, over REST
    (https://cloud.google.com/pubsub/docs/reference/rest)."""

    def __init__(self, topic: str, base_url: str) -> None:
        self._url = f"{base_url}/v1/{topic}:publish"
        self._token = AccessToken()

    async def tell(self, callback: Callback, spoken: str) -> None:
        """Publish the callback as JSON, with its time in words."""
        content = msgspec.json.encode({**msgspec.to_builtins(callback), "spoken": spoken})
        message = {
            "data": base64.b64encode(content).decode(),
            "attributes": {"call_sid": callback.call_sid, "agent_id": callback.agent_id},
        }
        try:
            async with asyncio.timeout(_PUBLISH_WITHIN_S):
                status = await self._publish({"messages": [message]})
        except (httpx2.HTTPError, NoCredentials, TimeoutError) as error:
            _log.error("callback not published", error=type(error).__name__)
        else:
            if status != httpx2.codes.OK:
                advice = "check CALLBACK_TOPIC, and that the function has roles/pubsub.publisher"
                _log.error("callback not published", status=status, advice=advice)

    async def _publish(self, body: dict[str, object]) -> int:
        headers = {"Authorization": f"Bearer {await self._token.get()}"}
        async with httpx2.AsyncClient(trust_env=False, timeout=_PUBLISH_WITHIN_S) as http:
            response = await http.post(self._url, json=body, headers=headers)
        return response.status_code


class StaffTexts:
    """Texts one staff number."""

    def __init__(self, texts: TwilioTexts, number: str) -> None:
        self._texts = texts
        self._number = number

    async def tell(self, callback: Callback, spoken: str) -> None:
        topic = callback.topic[:_LONGEST_TOPIC]
        refusal = await self._texts.send(
            self._number, f"Call back {callback.caller} on {spoken}: {topic}"
        )
        if refusal is not None:
            _log.error("callback not texted to staff", reason=refusal.message)
