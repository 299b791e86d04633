"""Guards every page: checks who the user is, and that forms come from the console's own pages.

A form is accepted only if the browser says that one of our pages sent it. Since 2023, all browsers
say so in `Sec-Fetch-Site`; older ones do in `Origin`. No page can forge either. This needs no
secret, so a form left open overnight can still be sent, whichever instance receives it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.people import Doorkeeper, Person, Refused
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.log import Log

READY = "/ready"
OPEN = (READY, "/static/")
"""Open to anyone: the readiness check, and the files that every page needs."""
_READING = ("GET", "HEAD")
ASKING = ("/calls/search",)
"""Forms that change nothing; they are posted to keep phone numbers out of URLs."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

Refusal = Callable[[Request, Refused], Awaitable[Response]]
_log = Log(__name__)


class Guard:
    """Passes the user to pages as `request.state.person`; refuses anyone not allowed in.

    Pages from the origins `framed_by` may show the console in a frame.
    """

    def __init__(
        self, app: ASGIApp, doorkeeper: Doorkeeper, refusal: Refusal, framed_by: Collection[str]
    ) -> None:
        self._app = app
        self._doorkeeper = doorkeeper
        self._refusal = refusal
        policy = _POLICY + (" ".join(framed_by) or "'none'")
        self._headers = {**_HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # nothing else is served
            return
        request = Request(scope, receive)
        is_page = not request.url.path.startswith(OPEN)
        respond = _with_headers(send, self._headers, is_page=is_page)
        if request.url.path == READY:
            await PlainTextResponse("ready\n")(scope, receive, respond)
            return
        try:
            if is_page:
                request.state.person = await self._admitted(request)
        except Refused as refused:
            response = await self._refusal(request, refused)
            await response(scope, receive, respond)
            return
        await self._app(scope, receive, respond)

    async def _admitted(self, request: Request) -> Person:
        """Raises Refused."""
        try:
            person = await self._doorkeeper.identify(request.headers)
        except InvalidDocument as error:
            raise Refused(f"{error}. Correct this document in the store.", status=500) from None
        except StoreUnavailable:
            _log.exception("can't read who may use the console")
            raise Refused(
                "The store didn't respond, so your access couldn't be checked. Reload the page.",
                status=503,
            ) from None
        if request.method not in _READING:
            if not _is_from_our_page(request.headers):
                raise Refused("The console accepts forms only from its own pages.")
            if not person.may_edit and request.url.path not in ASKING:
                raise Refused(f"{person.name} can view this, but not change it. Ask an editor.")
        return person


def _is_from_our_page(headers: Headers) -> bool:
    site = headers.getlist("sec-fetch-site")
    if site:
        return site == ["same-origin"]
    origins, hosts = headers.getlist("origin"), headers.getlist("host")
    return len(origins) == len(hosts) == 1 and urlsplit(origins[0]).netloc == hosts[0]


def _with_headers(send: Send, given: Mapping[str, str], *, is_page: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in given.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store" if is_page else "no-cache")
        await send(message)

    return sending
