"""Serves the page and its one WebSocket, on this machine only."""

import http
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from devtools.ports import HOST
from devtools.talk.line import TalkLine
from devtools.talk.telephone import Telephone
from ringdown.call_page import palette
from simulators.pictures import PICTURES, picture

_SOCKET = "/line"
_CONSOLE = "/console/"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action {caller_page}; frame-ancestors 'none';"
    " frame-src 'self' {frames}"
)
"""The page's frames show the agent's form, which is a console page, and the caller's page, to which
pictures are posted as well."""


def origins(listener: socket.socket) -> list[str]:
    """Return the origins of the page's URLs."""
    port = listener.getsockname()[1]
    return [f"http://{name}:{port}" for name in (HOST, "localhost")]


@asynccontextmanager
async def serving(line: TalkLine, listener: socket.socket) -> AsyncIterator[str]:
    """Serve the page on `listener`, which it closes at the end. Yields the page's URL."""

    ours = origins(listener)

    async def talk(page: ServerConnection) -> None:
        await Telephone(page, line).run()

    def answer(page: ServerConnection, request: Request) -> Response | None:
        return _answer(line, request, ours)

    async with serve(talk, sock=listener, process_request=answer, compression=None):
        yield f"{ours[0]}/"


def _answer(line: TalkLine, request: Request, ours: list[str]) -> Response | None:
    """Return a file, a refusal, or None for the page's own WebSocket.

    Other pages open in the browser must not use the telephone, whatever name they use for this
    machine.
    """
    hosts = request.headers.get_all("Host")
    if len(hosts) != 1:  # RFC 9112, section 3.2
        return _response(http.HTTPStatus.BAD_REQUEST, b"A request has one Host header.\n")
    if f"http://{hosts[0]}" not in ours:
        return _response(http.HTTPStatus.FORBIDDEN, b"This isn't our address.\n")
    path = request.path.partition("?")[0]
    if path == _SOCKET:
        if request.headers.get_all("Origin") in [[origin] for origin in ours]:
            return None
        return _response(http.HTTPStatus.FORBIDDEN, b"Only the page may use the line.\n")
    if path.startswith(_CONSOLE) and line.console_url:
        address = line.console_url + path.removeprefix(_CONSOLE)
        return _response(http.HTTPStatus.FOUND, b"", more=(("Location", address),))
    if path.startswith("/calls/"):
        return _call(line, path.removeprefix("/calls/"))
    if path.startswith("/pictures/"):
        return _picture(path.removeprefix("/pictures/").removesuffix(".jpg"))
    return _file("index.html" if path == "/" else path.removeprefix("/"), line)


def _picture(name: str) -> Response:
    if name not in PICTURES:
        return _response(http.HTTPStatus.NOT_FOUND, b"Picture not found.\n")
    return _response(http.HTTPStatus.OK, picture(name), "image/jpeg")


def _file(name: str, line: TalkLine) -> Response:
    caller_page = line.stack.caller_page_local_url
    policy = _POLICY.format(
        caller_page=caller_page or "'none'", frames=f"{line.console_url} {caller_page}"
    )
    if name == "palette.css":
        return _page_file(name, palette().encode(), policy)
    files = {file.name: file for file in (resources.files(__package__) / "page").iterdir()}
    if name not in files or _type_of(name) is None:
        return _response(http.HTTPStatus.NOT_FOUND, b"Page not found.\n")
    return _page_file(name, files[name].read_bytes(), policy)


def _page_file(name: str, body: bytes, policy: str) -> Response:
    headers = (("Content-Security-Policy", policy),)
    return _response(http.HTTPStatus.OK, body, _type_of(name) or "", headers)


def _type_of(name: str) -> str | None:
    return _TYPES.get("." + name.rpartition(".")[2])


def _call(line: TalkLine, name: str) -> Response:
    pages = {page.name: page for page in line.pages.glob("*.html")}
    if name not in pages:
        return _response(http.HTTPStatus.NOT_FOUND, b"This call has no page.\n")
    return _response(http.HTTPStatus.OK, pages[name].read_bytes(), _TYPES[".html"])


def _response(
    status: http.HTTPStatus,
    body: bytes,
    content_type: str = "text/plain; charset=utf-8",
    more: tuple[tuple[str, str], ...] = (),
) -> Response:
    headers = Headers(
        (
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
            *more,
        )
    )
    return Response(status.value, status.phrase, headers, body)
