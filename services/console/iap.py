"""Google's Identity-Aware Proxy: who is asking, by the header that it signs.

https://cloud.google.com/iap/docs/signed-headers-howto says how it is signed, and for whom: for a
Cloud Run service, its audience is /projects/NUMBER/locations/REGION/services/SERVICE.

The plain header with the e-mail address is not looked at: whoever reached the service without the
proxy could write it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import google.auth.exceptions
import google.auth.jwt
import httpx2
import msgspec

from console.people import Headers, Person, Refused, known_person
from ringdown.log import Log
from ringdown.stores.documents import Documents

HEADER = "x-goog-iap-jwt-assertion"
ISSUER = "https://cloud.google.com/iap"
KEYS_URL = "https://www.gstatic.com/iap/verify/public_key"
_ALGORITHM = "ES256"
_CLOCK_SKEW_S = 30
_KEYS_WITHIN_S = 5.0
_ASK_AGAIN_AFTER_S = 60.0
"""A key that nobody knows must not make us ask Google at every request."""

_log = Log(__name__)


class Keys:
    """The proxy's public keys by their ids; Google adds new ones now and then."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._monotonic = monotonic
        self._known: Mapping[str, str] = {}
        self._asked_at: float | None = None
        self._turn = asyncio.Lock()

    async def with_key(self, key_id: str) -> Mapping[str, str]:
        """All known keys, after asking for new ones if this one is missing. Raises HTTPError."""
        async with self._turn:
            if key_id not in self._known and self._may_ask():
                self._known = await self._fetch()
                self._asked_at = self._monotonic()
            return self._known

    def _may_ask(self) -> bool:
        asked = self._asked_at
        return asked is None or self._monotonic() - asked >= _ASK_AGAIN_AFTER_S

    async def _fetch(self) -> Mapping[str, str]:
        async with httpx2.AsyncClient(timeout=_KEYS_WITHIN_S) as client:
            response = await client.get(self._url)
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=dict[str, str])


class IapDoorkeeper:
    """Lets in whom the proxy vouches for, if they are among the people of the store."""

    def __init__(self, keys: Keys, audience: str, documents: Documents) -> None:
        self._keys = keys
        self._audience = audience
        self._documents = documents

    async def identify(self, headers: Headers) -> Person:
        given = headers.getlist(HEADER)
        if len(given) != 1:
            raise Refused(
                "This request did not come through Identity-Aware Proxy, so nobody knows who asks."
                " Turn the proxy on for this service: terraform apply",
                status=401,
            )
        return await known_person(self._documents, await self._email(given[0]))

    async def _email(self, token: str) -> str:
        try:
            claims = await self._claims(token)
        except (google.auth.exceptions.GoogleAuthError, ValueError, TypeError) as error:
            _log.warning("signed header refused", reason=type(error).__name__)
            raise Refused(
                "Your sign-in could not be verified, or has expired. Load the page again.",
                status=401,
            ) from None
        except (httpx2.HTTPError, msgspec.MsgspecError):
            _log.exception("keys of Identity-Aware Proxy cannot be fetched")
            raise Refused(
                "Google's keys could not be fetched, so your sign-in cannot be verified. Load the"
                " page again.",
                status=503,
            ) from None
        self._check_audience(claims.get("aud"))
        email = claims.get("email")
        if claims.get("iss") != ISSUER or not isinstance(email, str) or not email:
            _log.warning("signed header refused", reason="another issuer, or no e-mail address")
            raise Refused("Your sign-in could not be verified. Load the page again.", status=401)
        return email.removeprefix("accounts.google.com:")

    def _check_audience(self, audience: object) -> None:
        """The proxy's signature alone would let in whoever comes through anybody's proxy."""
        if audience != self._audience:
            _log.error("signed for another audience", got=str(audience), expected=self._audience)
            raise Refused(
                f"This sign-in was made for {audience}, and the console expects {self._audience}."
                " If the first is this service, set IAP_AUDIENCE to it in terraform/console.tf, and"
                " apply.",
                status=401,
            )

    async def _claims(self, token: str) -> Mapping[str, object]:
        header = google.auth.jwt.decode_header(token)  # type: ignore[no-untyped-call]
        key_id = header.get("kid")
        if header.get("alg") != _ALGORITHM or not isinstance(key_id, str):
            raise ValueError("it is not signed as the proxy signs")
        keys = await self._keys.with_key(key_id)
        claims: Mapping[str, object] = google.auth.jwt.decode(  # type: ignore[no-untyped-call]
            token, certs=keys, clock_skew_in_seconds=_CLOCK_SKEW_S
        )
        return claims
