"""Google's Identity-Aware Proxy: identifies the user by the header that the proxy signs.

https://cloud.google.com/iap/docs/signed-headers-howto describes the signature and the audience: for
a Cloud Run service, /projects/NUMBER/locations/REGION/services/SERVICE.

The plain header with the e-mail address is ignored: anyone who reached the service without the
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
"""Limits requests to Google: otherwise every unknown key would cause one."""

_log = Log(__name__)


class Keys:
    """The proxy's public keys by id; Google adds new ones from time to time."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._monotonic = monotonic
        self._known: Mapping[str, str] = {}
        self._asked_at: float | None = None
        self._turn = asyncio.Lock()

    async def with_key(self, key_id: str) -> Mapping[str, str]:
        """Return all known keys, fetching new ones if this one is missing. Raises HTTPError."""
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
    """Lets in anyone the proxy vouches for, if the store lists them among the people."""

    def __init__(self, keys: Keys, audience: str, documents: Documents) -> None:
        self._keys = keys
        self._audience = audience
        self._documents = documents

    async def identify(self, headers: Headers) -> Person:
        given = headers.getlist(HEADER)
        if len(given) != 1:
            raise Refused(
                "This request didn't come through Identity-Aware Proxy, so you can't be identified."
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
                "Your sign-in couldn't be verified, or has expired. Reload the page.",
                status=401,
            ) from None
        except (httpx2.HTTPError, msgspec.MsgspecError):
            _log.exception("can't fetch Identity-Aware Proxy's keys")
            raise Refused(
                "Google's keys couldn't be fetched, so your sign-in can't be verified. Reload the"
                " page.",
                status=503,
            ) from None
        self._check_audience(claims.get("aud"))
        email = claims.get("email")
        if claims.get("iss") != ISSUER or not isinstance(email, str) or not email:
            _log.warning("signed header refused", reason="another issuer, or no e-mail address")
            raise Refused("Your sign-in couldn't be verified. Reload the page.", status=401)
        return email.removeprefix("accounts.google.com:")

    def _check_audience(self, audience: object) -> None:
        """Refuse a sign-in for another service.

        Otherwise anyone who came through someone else's proxy would be let in.
        """
        if audience != self._audience:
            _log.error("signed for another audience", got=str(audience), expected=self._audience)
            raise Refused(
                f"This sign-in was made for {audience}, but the console expects {self._audience}."
                " If the first is this service, set IAP_AUDIENCE to it in terraform/console.tf, and"
                " apply.",
                status=401,
            )

    async def _claims(self, token: str) -> Mapping[str, object]:
        header = google.auth.jwt.decode_header(token)  # type: ignore[no-untyped-call]
        key_id = header.get("kid")
        if header.get("alg") != _ALGORITHM or not isinstance(key_id, str):
            raise ValueError("not signed the way the proxy signs")
        keys = await self._keys.with_key(key_id)
        claims: Mapping[str, object] = google.auth.jwt.decode(  # type: ignore[no-untyped-call]
            token, certs=keys, clock_skew_in_seconds=_CLOCK_SKEW_S
        )
        return claims
