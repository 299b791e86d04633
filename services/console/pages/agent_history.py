"""An agent's versions: who made each and why, what it changed, and how to restore it."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.forms import read_form
from console.pages.agent_edits import Place, edit_by, look, stored_agent
from console.showing import Pages
from ringdown.agents.check import findings
from ringdown.agents.difference import difference
from ringdown.agents.documents import document_of
from ringdown.agents.history import history
from ringdown.agents.store import Revision, Rollback, StoredAgent
from ringdown.errors import Conflict


class AgentHistory:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            Route("/agents/{agent_id}/history", self.list),
            Route("/agents/{agent_id}/history/{revision}", self.show),
            Route("/agents/{agent_id}/history/{revision}", self.restore, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        place = Place(request.path_params["agent_id"], is_draft=False)
        stored, revisions = await self._read(place)
        return self._pages.page(
            request,
            "agent_history.html",
            place=place,
            events=history(revisions),
            answering=_answering(stored, revisions),
            zone=await self._desk.zone(),
            now=self._desk.now(),
        )

    async def show(self, request: Request) -> Response:
        """Show what would change if this revision were restored."""
        place = Place(request.path_params["agent_id"], is_draft=False)
        stored, revisions = await self._read(place)
        revision = _revision(revisions, request.path_params["revision"])
        document = document_of(revision.agent, like=stored.document)
        return self._pages.page(
            request,
            "agent_revision.html",
            place=place,
            revision=revision,
            events=[e for e in history(revisions) if e.revision == revision.revision],
            changes=difference(stored.document, document),
            is_answering=_answering(stored, revisions) == revision.revision,
            version=stored.version,
            zone=await self._desk.zone(),
            now=self._desk.now(),
        )

    async def restore(self, request: Request) -> Response:
        place = Place(request.path_params["agent_id"], is_draft=False)
        form = await read_form(request)
        stored, revisions = await self._read(place)
        revision = _revision(revisions, request.path_params["revision"])
        document = document_of(revision.agent, like=stored.document)
        agent = findings(stored.document).agent
        edit = edit_by(request, self._desk, form.text("why"))
        rollback = Rollback(
            at=edit.at,
            by=edit.by,
            why=edit.why,
            given_up=None if agent is None else agent.revision,
        )
        try:
            await self._desk.store.write_agent(
                place.agent_id, document, over=form.text("version") or None
            )
        except Conflict:
            raise HTTPException(
                409,
                f"Someone else just changed {place.agent_id}, so nothing was restored. Check"
                " the history again.",
            ) from None
        await look(self._desk, place.agent_id, rollback)
        return RedirectResponse(f"{place.address}/history?said=restored", 303)

    async def _read(self, place: Place) -> tuple[StoredAgent, tuple[Revision, ...]]:
        return await asyncio.gather(
            stored_agent(self._desk.store, place),
            self._desk.store.list_revisions(place.agent_id),
        )


def _revision(revisions: tuple[Revision, ...], wanted: str) -> Revision:
    found = next((each for each in revisions if each.revision == wanted), None)
    if found is None:
        raise HTTPException(404, f"Revision {wanted} not found.")
    return found


def _answering(stored: StoredAgent, revisions: tuple[Revision, ...]) -> str | None:
    """Return the revision that answers calls: the last good one if the document is broken."""
    agent = findings(stored.document).agent
    if agent is not None:
        return agent.revision
    return revisions[0].revision if revisions else None
