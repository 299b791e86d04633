"""The console on a real socket, and a browser without a window."""

import asyncio
import datetime
import re
import socket
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx2

from console.desk import Desk
from console.people import Doorkeeper
from console.serving import serve
from console.site import console
from console.this_machine import LocalDoorkeeper
from ringdown.stores import Store
from tests.console.stored import NOW

OURS = {"Sec-Fetch-Site": "same-origin"}
"""The header that a browser sends with forms from the console's own pages."""
Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Site:
    url: str
    store: Store
    client: httpx2.AsyncClient

    async def get(self, path: str) -> httpx2.Response:
        return await self.client.get(path)

    async def page(self, path: str) -> str:
        response = await self.get(path)
        assert response.status_code == 200, f"{path}: {response.status_code}\n{response.text}"
        return response.text

    async def post(
        self,
        path: str,
        fields: Fields | Mapping[str, str],
        headers: Mapping[str, str] = OURS,
    ) -> httpx2.Response:
        pairs = list(fields.items()) if isinstance(fields, Mapping) else fields
        body = urlencode(pairs)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.client.post(path, content=body, headers={**kind, **headers})

    async def send(
        self, path: str, *, changes: Mapping[str, str] | None = None, form: str = ""
    ) -> httpx2.Response:
        """Fill in and send the form with this name on the page. None unticks a box."""
        page = await self.page(path)
        sent = forms(page)[form or path]
        return await self.post(form or path.partition("?")[0], with_changes(sent, changes or {}))


@asynccontextmanager
async def running_site(
    store: Store,
    *,
    doorkeeper: Doorkeeper | None = None,
    now: datetime.datetime = NOW,
    framed_by: Collection[str] = (),
) -> AsyncIterator[Site]:
    listener = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    keeper = doorkeeper or LocalDoorkeeper("anna", [host])
    pages = console(Desk(store, lambda: now), keeper, framed_by)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(pages, listener, stop))
    async with httpx2.AsyncClient(base_url=f"http://{host}", timeout=30) as client:
        try:
            yield Site(f"http://{host}", store, client)
        finally:
            await client.aclose()
            stop.set()
            await serving


def with_changes(sent: Fields, changes: Mapping[str, str]) -> Fields:
    kept = [(name, value) for name, value in sent if name not in changes]
    return [*kept, *changes.items()]


class _Forms(HTMLParser):
    """The fields that a browser would send for each untouched form, by the form's action."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Fields] = {}
        self._fields: Fields = []
        self._area: str | None = None
        self._select: tuple[str, str | None] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        match tag:
            case "form":
                self._fields = self.found.setdefault(given.get("action", ""), [])
            case "input" if given.get("type") == "checkbox":
                if "checked" in given:
                    self._fields.append((name, given.get("value", "on")))
            case "input":
                self._fields.append((name, given.get("value", "")))
            case "textarea":
                self._area, self._text = name, ""
            case "select":
                self._select = (name, None)
            case "option" if self._select is not None:
                if self._select[1] is None or "selected" in given:
                    self._select = (self._select[0], given.get("value"))
            case _:
                pass

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            # The first line break belongs to the markup; the others are sent as browsers do.
            text = re.sub("\r?\n", "\r\n", self._text.removeprefix("\n"))
            self._fields.append((self._area, text))
            self._area = None
        elif tag == "select" and self._select is not None:
            name, value = self._select
            self._fields.append((name, value or ""))
            self._select = None


def forms(page: str) -> dict[str, Fields]:
    parser = _Forms()
    parser.feed(page)
    return parser.found
