"""Publishes to Pub/Sub that a call is over. `ringdown calls analyse` makes up for messages that are
lost."""

import asyncio
import base64
import datetime

import httpx2

from ringdown.calls.ended_calls import EVENT_BODY, EndedCalls, event_headers
from ringdown.errors import RingdownError
from ringdown.gemini.access_token import AccessToken
from ringdown.log import Log
from voice_webhook.twilio_request import CallUpdate, StreamUpdate

ANNOUNCE_WITHIN_S = 10.0
_TRIES = 3
_TRY_WITHIN_S = 3.0

_log = Log("incoming_call.ended_calls")


class PubSubTopic:
    """Implements `ringdown.calls.ended_calls.EndedCalls` over REST
    (https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish)."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self._http = http
        self._url = f"{url}:publish"
        self._token = AccessToken()

    async def announce(self, call_sid: str, caller: str, at: datetime.datetime) -> None:
        """Publish the end of a call, without the caller's number.

        Raises httpx2.HTTPError and NoCredentials.
        """
        data = base64.b64encode(EVENT_BODY).decode()
        message = {"attributes": event_headers(call_sid, at), "data": data}
        for tries_left in reversed(range(_TRIES)):
            try:
                response = await self._http.post(
                    self._url,
                    headers={"Authorization": f"Bearer {await self._token.get()}"},
                    json={"messages": [message]},
                    timeout=_TRY_WITHIN_S,
                )
                response.raise_for_status()
                return
            except httpx2.HTTPError:
                if not tries_left:
                    raise


async def announce_end(
    update: CallUpdate | StreamUpdate, ended_calls: EndedCalls, now: datetime.datetime
) -> None:
    """Announce the end of a call when Twilio reports its final status. Never raises.

    Every call gets a final status, even if its handler died, or its caller was transferred or hung
    up during the notice.
    """
    if not isinstance(update, CallUpdate) or not update.over:
        return
    try:
        async with asyncio.timeout(ANNOUNCE_WITHIN_S):
            await ended_calls.announce(update.call_sid, update.caller, now)
    except (RingdownError, httpx2.HTTPError, TimeoutError) as error:
        _log.error("end of call could not be announced", reason=str(error) or "it took too long")
