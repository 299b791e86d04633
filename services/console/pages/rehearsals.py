"""A rehearsal's report, as written by `agents rehearse`, without its recordings."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.pages.agent_edits import Place
from console.showing import Pages
from ringdown.rehearsal_page import rehearsal_page_in_site
from ringdown.rehearsals.comparison import read_compared
from ringdown.rehearsals.report import make_report
from ringdown.rehearsals.store import list_rehearsals, read_runs


class RehearsalPages:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("/agents/{agent_id}/rehearsals/{rehearsal_id}", self.show)]

    async def show(self, request: Request) -> Response:
        documents, place = self._desk.store.documents, Place(request.path_params["agent_id"], True)
        kept = await list_rehearsals(documents, place.agent_id)
        id = request.path_params["rehearsal_id"]
        rehearsal = next((each for each in kept if each.id == id), None)
        if rehearsal is None or rehearsal.expires_at <= self._desk.now():
            raise HTTPException(404, f"Rehearsal of {place.agent_id} not found.")
        runs, before = await asyncio.gather(
            read_runs(documents, id), read_compared(self._desk.store, rehearsal)
        )
        return HTMLResponse(
            rehearsal_page_in_site(
                make_report(rehearsal, runs, before),
                head=self._pages.text(request, "head.html"),
                above=self._pages.text(request, "rehearsal_bar.html", place=place),
                files="/static/rehearsal_page",
                call_page_files="/static/call_page",
            )
        )
