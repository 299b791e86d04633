"""Every page of the console, and its error pages."""

from collections.abc import Collection

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from console.desk import Desk
from console.guard import Guard
from console.pages.agent_editor import AgentEditor
from console.pages.agent_history import AgentHistory
from console.pages.agent_publishing import AgentPublishing
from console.pages.agents import AgentPages
from console.pages.callers import CallerPages
from console.pages.calls import CallPages
from console.pages.costs import CostPages
from console.pages.home import HomePage
from console.pages.numbers import NumberPages
from console.pages.outcomes import OutcomePages
from console.pages.people import PeoplePages
from console.pages.photos import PhotoPages
from console.pages.recordings import RecordingPages
from console.pages.rehearsals import RehearsalPages
from console.people import Doorkeeper, Refused
from console.showing import FOLDER, Pages
from ringdown.call_page import FILES
from ringdown.errors import InvalidDocument, RecordingsOutOfReach, StoreUnavailable
from ringdown.log import Log
from ringdown.rehearsal_page import FILES as REHEARSAL_FILES

_log = Log(__name__)


def console(desk: Desk, doorkeeper: Doorkeeper, framed_by: Collection[str] = ()) -> ASGIApp:
    """Build the console. Pages from the origins `framed_by` may show it in a frame."""
    pages = Pages()

    async def refusal(request: Request, refused: Refused) -> Response:
        return pages.page(
            request, "stopped.html", status=refused.status, title="Not allowed", text=str(refused)
        )

    async def not_found(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - how handlers are registered
        text = error.detail if error.status_code != 404 or error.detail != "Not Found" else ""
        return pages.page(
            request,
            "stopped.html",
            status=error.status_code,
            title="Not found" if error.status_code == 404 else "That didn't work",
            text=text or "This page doesn't exist.",
        )

    async def store_away(request: Request, error: Exception) -> Response:
        _log.error("store does not answer", reason=type(error).__name__)
        text = "The store didn't respond. Nothing was changed unless a page said so. Try again."
        return pages.page(request, "stopped.html", status=503, title="Store unavailable", text=text)

    async def out_of_reach(request: Request, error: Exception) -> Response:
        return pages.page(
            request, "stopped.html", status=500, title="Not forgotten", text=str(error)
        )

    async def damaged(request: Request, error: Exception) -> Response:
        text = f"{error}. Correct this document in the store."
        return pages.page(
            request, "stopped.html", status=500, title="A document is damaged", text=text
        )

    sections = (
        HomePage(desk, pages),
        OutcomePages(desk, pages),
        CallPages(desk, pages),
        RecordingPages(desk),
        PhotoPages(desk),
        AgentHistory(desk, pages),
        AgentPublishing(desk, pages),
        RehearsalPages(desk, pages),
        AgentEditor(desk, pages, is_draft=False),
        AgentEditor(desk, pages, is_draft=True),
        AgentPages(desk, pages),
        NumberPages(desk, pages),
        CallerPages(desk, pages),
        CostPages(desk, pages),
        PeoplePages(desk, pages),
    )
    app = Starlette(
        routes=[
            Mount("/static/rehearsal_page", StaticFiles(directory=str(REHEARSAL_FILES))),
            Mount("/static/call_page", StaticFiles(directory=str(FILES))),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
            *(route for section in sections for route in section.routes()),
        ],
        exception_handlers={
            HTTPException: not_found,
            StoreUnavailable: store_away,
            InvalidDocument: damaged,
            RecordingsOutOfReach: out_of_reach,
        },
    )
    return Guard(app, doorkeeper, refusal, framed_by)
