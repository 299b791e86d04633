"""The access token of the process's Google credentials, for requests to Google's REST APIs."""

import asyncio
from typing import TYPE_CHECKING

from ringdown.errors import NoCredentials

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_WITHIN_S = 5.0


class AccessToken:
    """Application Default Credentials, loaded at the first use and refreshed as they expire."""

    def __init__(self) -> None:
        self._credentials: Credentials | None = None
        self._one_at_a_time = asyncio.Lock()

    async def get(self) -> str:
        """Return a valid token, or raise NoCredentials after 5 s at the latest."""
        async with self._one_at_a_time:
            credentials = self._credentials
            if credentials is not None and credentials.valid:
                return str(credentials.token)
            try:
                async with asyncio.timeout(_WITHIN_S):
                    self._credentials = await asyncio.to_thread(_fresh, credentials)
            except TimeoutError:
                raise NoCredentials(f"no answer within {_WITHIN_S:g} s") from None
            return str(self._credentials.token)


def _fresh(credentials: "Credentials | None") -> "Credentials":
    import google.auth  # importing it takes 0.1 s, and only some processes need it
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        if credentials is None:
            credentials, _ = google.auth.default(scopes=_SCOPES)
        credentials.refresh(Request())  # type: ignore[no-untyped-call]
    except GoogleAuthError as error:
        raise NoCredentials(str(error)) from error
    return credentials
