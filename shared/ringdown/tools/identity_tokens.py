"""Google-signed ID tokens, which tell Cloud Run who is calling a private function.

They come from the metadata server, or from the service account's key file that
GOOGLE_APPLICATION_CREDENTIALS names. Each is valid for an hour, and for one audience.
"""

import asyncio
import datetime
import time
from collections.abc import Callable
from typing import NamedTuple

from ringdown.errors import NoCredentials

_WITHIN_S = 5.0
_RENEWED_BEFORE_S = 300.0
_USABLE_BEFORE_S = 10.0


class IdentityToken(NamedTuple):
    text: str
    expires_s: float
    """Unix time."""


def fetch_identity_token(audience: str) -> IdentityToken:
    """Ask Google for a token, which blocks for some milliseconds. Raises NoCredentials."""
    # Importing these takes 0.1 s, and not every process needs them.
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.id_token import fetch_id_token_credentials

    request = Request()
    try:
        credentials = fetch_id_token_credentials(audience, request)  # type: ignore[no-untyped-call]
        credentials.refresh(request)
    except GoogleAuthError as error:
        raise NoCredentials(str(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        # Google's library raises these if a metadata server responds with nonsense.
        raise NoCredentials(f"the metadata server's response is invalid: {error!r}") from error
    expires = credentials.expiry.replace(tzinfo=datetime.UTC)
    return IdentityToken(str(credentials.token), expires.timestamp())


class IdentityTokens:
    """This process's tokens: fetched in a thread, cached, and renewed before they expire."""

    def __init__(
        self,
        fetch: Callable[[str], IdentityToken] = fetch_identity_token,
        *,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`fetch` gets a token for an audience, or raises NoCredentials."""
        self._fetch = fetch
        self._now_s = now_s
        self._kept: dict[str, IdentityToken] = {}
        self._one_at_a_time: dict[str, asyncio.Lock] = {}

    async def get(self, audience: str) -> str:
        """Return a valid token, or raise NoCredentials after 5 s at the latest."""
        async with self._one_at_a_time.setdefault(audience, asyncio.Lock()):
            if self._left_s(audience) > _RENEWED_BEFORE_S:
                return self._kept[audience].text
            try:
                async with asyncio.timeout(_WITHIN_S):
                    fresh = await asyncio.to_thread(self._fetch, audience)
            except (TimeoutError, NoCredentials) as error:
                if self._left_s(audience) > _USABLE_BEFORE_S:
                    return self._kept[audience].text
                raise NoCredentials(str(error) or f"no answer in {_WITHIN_S:g} s") from None
            self._kept[audience] = fresh
            return fresh.text

    def refused(self, audience: str) -> None:
        """Forget a token that wasn't accepted, so that the next `get` fetches a new one."""
        self._kept.pop(audience, None)

    def _left_s(self, audience: str) -> float:
        kept = self._kept.get(audience)
        return kept.expires_s - self._now_s() if kept is not None else 0.0
