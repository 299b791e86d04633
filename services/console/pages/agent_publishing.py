"""Publishes or discards a draft."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.forms import Form, read_form
from console.pages.agent_edits import Place, edit_by, stored_agent
from console.showing import Pages
from ringdown.agents.check import agent_document, draft_findings, findings
from ringdown.agents.difference import difference
from ringdown.agents.edits import publish
from ringdown.agents.store import StoredAgent
from ringdown.errors import Conflict
from ringdown.log import Log
from ringdown.rehearsals.comparison import draft_standing

_log = Log(__name__)


class AgentPublishing:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            Route("/agents/{agent_id}/publish", self.show),
            Route("/agents/{agent_id}/publish", self.publish, methods=["POST"]),
            Route("/agents/{agent_id}/discard", self.discard, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        place = Place(request.path_params["agent_id"], is_draft=True)
        draft, agent, tools = await asyncio.gather(
            stored_agent(self._desk.store, place),
            self._desk.store.read_agent(place.agent_id),
            self._desk.store.declared_tools(),
        )
        before = {} if agent is None else agent.document
        found = draft_findings(draft.document, tools)
        published = findings(before).agent
        standing = await draft_standing(
            self._desk.store.documents,
            place.agent_id,
            draft=None if found.agent is None else found.agent.revision,
            published=None if published is None else published.revision,
            now=self._desk.now(),
        )
        return self._pages.page(
            request,
            "agent_publish.html",
            place=place,
            found=found,
            changes=difference(before, agent_document(draft.document)),
            examples=() if found.agent is None else found.agent.examples,
            standing=standing,
            version=draft.version,
        )

    async def publish(self, request: Request) -> Response:
        """Publish the draft as shown: an edit made after the page loaded isn't published unseen."""
        place = Place(request.path_params["agent_id"], is_draft=True)
        form = await read_form(request)
        draft = await self._unchanged_draft(place, form)
        if draft_findings(draft.document).agent is None:
            raise HTTPException(422, "This draft can't answer calls yet. Correct it first.")
        try:
            edit = edit_by(request, self._desk, form.text("why"))
            await publish(self._desk.store, draft, self._desk.now(), edit)
        except Conflict as error:
            raise HTTPException(409, f"{error}.") from None
        _log.info("draft published", agent=place.agent_id)
        return RedirectResponse(f"{place.agent_address}?said=published", 303)

    async def discard(self, request: Request) -> Response:
        place = Place(request.path_params["agent_id"], is_draft=True)
        draft = await self._unchanged_draft(place, await read_form(request))
        try:
            await self._desk.store.delete_agent(place.agent_id, over=draft.version, draft=True)
        except Conflict:
            raise _changed(place) from None
        return RedirectResponse(f"{place.agent_address}?said=discarded", 303)

    async def _unchanged_draft(self, place: Place, form: Form) -> StoredAgent:
        draft = await stored_agent(self._desk.store, place)
        if draft.version != form.text("version"):
            raise _changed(place)
        return draft


def _changed(place: Place) -> HTTPException:
    return HTTPException(
        409,
        f"Someone else just changed the draft of {place.agent_id}, so nothing was done. Check"
        " it again.",
    )
