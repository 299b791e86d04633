"""The HTTP shell: checks the link, reads what was sent, and answers the caller.

Without a valid link you learn nothing, not even from how long a response takes: the store is read
only for calls that a link was made for.
"""

from collections.abc import Awaitable, Callable
from typing import assert_never

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from photo_page.page import Page
from photo_page.refusals import Refusal, Refused
from photo_page.sent import read_sent
from photo_page.settings import PageSettings
from photo_page.words import accepted_language, words_for
from ringdown import clock
from ringdown.calls import CallStatus
from ringdown.calls.upload_link import verify
from ringdown.calls.uploads import Reception
from ringdown.errors import StoreUnavailable, TokenRefused
from ringdown.log import Log, call_bound
from ringdown.stores import Store

_log = Log("caller_page.answering")


class CallerPage:
    def __init__(self, settings: PageSettings, store: Callable[[], Awaitable[Store]]) -> None:
        """`store` returns the open store, and is called for every request."""
        self._secrets = settings.upload_link_secrets
        self._store = store
        self._page = Page(settings.framed_by)

    async def respond(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            return PlainTextResponse(
                "Use GET or POST.\n", 405, headers={"Allow": "GET, HEAD, POST"}
            )
        words = words_for(accepted_language(request.headers.get("Accept-Language")))
        try:
            token = request.scope["path"].removeprefix("/")
            call_sid = verify(self._secrets, token, now_s=clock.now().timestamp())
        except TokenRefused as error:
            _log.info("link refused", reason=str(error))
            return self._page.over(words)
        with call_bound(call_sid):
            try:
                return await self._for_call(call_sid, request)
            except StoreUnavailable as error:
                _log.warning("store is unavailable", reason=str(error))
            except Exception:  # noqa: BLE001 - the boundary: someone is waiting for a page
                _log.exception("request failed")
            return self._page.failed(words)

    async def _for_call(self, call_sid: str, request: Request) -> Response:
        store = await self._store()
        call = await store.read_call(call_sid)
        if call is None or call.status is CallStatus.ENDED:
            language = "en" if call is None else call.agent.language
            return self._page.over(words_for(language))
        words = words_for(call.agent.language)
        if request.method != "POST":
            return self._page.open(call, words, sent=request.query_params.get("sent"))
        text = ""
        try:
            sent = await read_sent(request)
            text = sent.text
            upload = await sent.upload()
            reception = await store.add_upload(call_sid, upload)
        except Refused as refused:
            _log.info("upload refused", reason=refused.refusal)
            return self._page.refused(call, words, refused.refusal, text=text)
        except StoreUnavailable as error:
            _log.warning("store is unavailable", reason=str(error))
            return self._page.refused(call, words, Refusal.TRY_AGAIN, text=text)
        _log.info("upload", reception=reception, is_photo=sent.is_photo, size=len(upload.picture))
        match reception:
            case Reception.TAKEN:
                kind = "photo" if sent.is_photo else "text"
                return RedirectResponse(f"?sent={kind}", 303, headers=self._page.headers)
            case Reception.TOO_MANY:
                return self._page.refused(call, words, Refusal.ENOUGH, text=text)
            case Reception.NOT_IN_CALL:
                return self._page.over(words)
            case unreachable:
                assert_never(unreachable)
