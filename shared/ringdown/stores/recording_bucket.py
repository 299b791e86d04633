"""Recordings in a Google Cloud Storage bucket, through its JSON API: one object per part.

https://docs.cloud.google.com/storage/docs/json_api/v1/objects. Why we don't use Google's library:
docs/decisions/0016-recordings-are-parts-in-a-bucket.md.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

import httpx2
import msgspec

from ringdown.calls.recordings import KeptPart, RecordingPart, kept_part
from ringdown.errors import NoCredentials, StoreUnavailable
from ringdown.gemini.access_token import AccessToken
from ringdown.stores.paths import document_id

GOOGLE_URL = "https://storage.googleapis.com"

_WITHIN_S = 10.0
"""The time for a request, including retries."""
_TRY_WITHIN_S = 4.0
_PAUSES_S = (0.5, 1.0, 2.0)
_KEEP_CONNECTIONS_S = 30.0  # parts of a call are seven seconds apart
_ERASED_AT_ONCE = 8
_AGAIN = frozenset({408, 429, *range(500, 600)})
"""https://docs.cloud.google.com/storage/docs/retry-strategy"""


class RecordingBucket:
    """Implements `ringdown.calls.recordings.RecordingStore`."""

    def __init__(self, bucket: str, api_url: str = GOOGLE_URL) -> None:
        self._bucket = bucket
        self._objects = f"{api_url}/storage/v1/b/{bucket}/o"
        self._upload = f"{api_url}/upload/storage/v1/b/{bucket}/o"
        self._token = AccessToken() if api_url == GOOGLE_URL else None
        self._http = httpx2.AsyncClient(
            trust_env=False,
            timeout=_TRY_WITHIN_S,
            limits=httpx2.Limits(keepalive_expiry=_KEEP_CONNECTIONS_S),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def keep_part(self, call_sid: str, part: RecordingPart) -> None:
        """Upload the part. Repeating it is harmless: generation 0 means that an existing part isn't
        written again."""
        query = {
            "uploadType": "media",
            "name": _name(call_sid, part.kept),
            "ifGenerationMatch": "0",
        }
        await self._ask(
            "POST",
            self._upload,
            query,
            part.wav(),
            accepted=(HTTPStatus.OK, HTTPStatus.PRECONDITION_FAILED),
        )

    async def list_parts(self, call_sid: str) -> tuple[KeptPart, ...]:
        objects = await self._list(call_sid)
        parts = (kept_part(each.name.rpartition("/")[2], each.size) for each in objects)
        return tuple(sorted(part for part in parts if part is not None))

    async def read_part(self, call_sid: str, part: KeptPart) -> bytes:
        found = await self._ask(
            "GET",
            f"{self._objects}/{_quoted(_name(call_sid, part))}",
            {"alt": "media"},
            accepted=(HTTPStatus.OK, HTTPStatus.NOT_FOUND),
        )
        return found.content if found.status_code == HTTPStatus.OK else b""

    async def erase_recording(self, call_sid: str) -> bool:
        objects = await self._list(call_sid)
        at_once = asyncio.Semaphore(_ERASED_AT_ONCE)

        async def erase(name: str) -> None:
            async with at_once:
                await self._ask(
                    "DELETE",
                    f"{self._objects}/{_quoted(name)}",
                    accepted=(HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND),
                )

        await asyncio.gather(*(erase(each.name) for each in objects))
        return bool(objects)

    async def _list(self, call_sid: str) -> "list[_Object]":
        found: list[_Object] = []
        query = {
            "prefix": f"{document_id(call_sid)}/",
            "fields": "items(name,size),nextPageToken",
        }
        while True:
            answer = await self._ask("GET", self._objects, query)
            try:
                page = msgspec.json.decode(answer.content, type=_Page, strict=False)
            except msgspec.DecodeError as error:
                problem = f"the list of objects can't be read: {error}"
                raise StoreUnavailable(f"the bucket {self._bucket}: {problem}") from None
            found += page.items
            if not page.next_page_token:
                return found
            query = {**query, "pageToken": page.next_page_token}

    async def _ask(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] = {},
        content: bytes | None = None,
        *,
        accepted: tuple[HTTPStatus, ...] = (HTTPStatus.OK,),
    ) -> httpx2.Response:
        """Return an accepted response. Retries errors that may be temporary, then raises
        StoreUnavailable."""
        problem = "it didn't answer"
        try:
            async with asyncio.timeout(_WITHIN_S):
                for pause_s in (*_PAUSES_S, None):
                    try:
                        answer = await self._http.request(
                            method,
                            url,
                            params=query,
                            content=content,
                            headers=await self._headers(content),
                        )
                    except httpx2.HTTPError as error:
                        problem = str(error) or type(error).__name__
                    else:
                        if answer.status_code in accepted:
                            return answer
                        problem = _refusal(answer)
                        if answer.status_code not in _AGAIN:
                            break
                    if pause_s is not None:
                        await asyncio.sleep(pause_s)
        except TimeoutError:
            problem = f"no answer within {_WITHIN_S:g} s ({problem})"
        except NoCredentials as error:
            problem = f"there are no Google credentials: {error}"
        raise StoreUnavailable(f"the bucket {self._bucket}: {problem}") from None

    async def _headers(self, content: bytes | None) -> dict[str, str]:
        headers = {} if content is None else {"Content-Type": "audio/wav"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {await self._token.get()}"
        return headers


class _Object(msgspec.Struct, frozen=True):
    name: str
    size: int


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    items: tuple[_Object, ...] = ()
    next_page_token: str = ""


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Error = _Error()


def _name(call_sid: str, part: KeptPart) -> str:
    return f"{document_id(call_sid)}/{part.name}"


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _refusal(answer: httpx2.Response) -> str:
    try:
        message = msgspec.json.decode(answer.content, type=_Refusal).error.message
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = ""
    return f"HTTP {answer.status_code} {message[:200]}".rstrip()
