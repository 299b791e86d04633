"""The list of agents, and creating one."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.forms import read_form
from console.pages.agent_edits import Place, edit_by, fit_name, look, stored_agent
from console.showing import Pages
from ringdown.agents.check import findings
from ringdown.errors import Conflict


class AgentPages:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            Route("/agents", self.list),
            Route("/agents", self.make, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        store = self._desk.store
        stored, numbers, tools = await asyncio.gather(
            store.list_agents(), store.list_numbers(), store.declared_tools()
        )
        drafts = await asyncio.gather(
            *(store.read_agent(agent.agent_id, draft=True) for agent in stored)
        )
        return self._pages.page(
            request,
            "agents.html",
            rows=[
                {
                    "place": Place(agent.agent_id, is_draft=False),
                    "agent": agent,
                    "found": findings(agent.document, tools),
                    "has_draft": draft is not None,
                    "numbers": sorted(n for n, name in numbers.items() if name == agent.agent_id),
                }
                for agent, draft in zip(stored, drafts, strict=True)
            ],
        )

    async def make(self, request: Request) -> Response:
        """Create an agent as a copy of another, so that it can answer from the start."""
        form = await read_form(request)
        name, like = form.text("name"), form.text("like")
        copied = await stored_agent(self._desk.store, Place(like, is_draft=False))
        if not fit_name(name):
            raise HTTPException(
                422,
                f"“{name}” isn't a valid agent name. Start with a letter or digit; use letters,"
                " digits, _, - and ., as in night-desk.",
            )
        try:
            await self._desk.store.write_agent(name, copied.document, over=None)
        except Conflict:
            raise HTTPException(409, f"Agent {name} already exists.") from None
        place = Place(name, is_draft=False)
        await look(self._desk, name, edit_by(request, self._desk, f"copied from {like}"))
        return RedirectResponse(f"{place.address}?said=made", 303)
