"""The form for editing an agent or its draft."""

import asyncio
from dataclasses import dataclass

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from console.agent_form import applied, field_of, groups, offered_tools, shown
from console.desk import Desk
from console.forms import Form, read_form
from console.pages.agent_edits import Both, Place, edit_by, look, stored_agent
from console.showing import Pages
from ringdown.agents import Agent
from ringdown.agents.check import Findings
from ringdown.agents.difference import changed_fields, contested, difference, merged
from ringdown.agents.documents import Document, field_text, plain_text
from ringdown.agents.form_fields import LEFT_TO_YAML
from ringdown.agents.templates import FIELDS
from ringdown.agents.yaml_text import NotReadable, from_yaml
from ringdown.errors import Conflict
from ringdown.log import Log

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """The document that an edit started from. `version` is None if it doesn't exist yet."""

    document: Document
    version: str | None


class AgentEditor:
    """Edits agents; with `is_draft`, edits their drafts, whose pages are below the agents'."""

    def __init__(self, desk: Desk, pages: Pages, *, is_draft: bool) -> None:
        self._desk = desk
        self._pages = pages
        self._is_draft = is_draft

    def routes(self) -> list[Route]:
        address = "/agents/{agent_id}/draft" if self._is_draft else "/agents/{agent_id}"
        return [
            Route(address, self.edit),
            Route(address, self.save, methods=["POST"]),
            Route(f"{address}/check", self.check, methods=["POST"]),
        ]

    def _place(self, request: Request) -> Place:
        return Place(request.path_params["agent_id"], self._is_draft)

    async def edit(self, request: Request) -> Response:
        place = self._place(request)
        stored = await stored_agent(self._desk.store, place)
        begun = Begun(stored.document, stored.version)
        return await self._form(request, place, begun, stored.document)

    async def save(self, request: Request) -> Response:
        place = self._place(request)
        form = await read_form(request)
        begun = _begun(form)
        try:
            mine = _written(form, begun, is_draft=self._is_draft)
        except NotReadable as error:
            return await self._form(
                request, place, begun, begun.document, text=form.raw("text"), trouble=str(error)
            )
        if form.text("action") == "turn":
            as_yaml = form.text("view") != "yaml"
            return await self._form(
                request, place, begun, mine, form=form, as_yaml=as_yaml, status=200
            )
        if form.text("action") == "draft":
            return await self._begin_draft(request, place, begun, mine)
        if not changed_fields(begun.document, mine):
            return RedirectResponse(f"{place.address}?said=unchanged", 303)
        tools = await self._desk.store.declared_tools()
        found = place.findings(mine, tools)
        new = set(found.remarks) - set(place.findings(begun.document, tools).remarks)
        if found.agent is None or (new and "anyway" not in form):
            return await self._form(request, place, begun, mine, form=form, ask=bool(new))
        try:
            await self._desk.store.write_agent(
                place.agent_id, mine, over=begun.version, draft=self._is_draft
            )
        except Conflict:
            return await self._conflict(request, place, begun, mine, form)
        await look(
            self._desk,
            place.agent_id,
            edit_by(request, self._desk, form.text("why")),
            draft=self._is_draft,
        )
        _log.info("agent edited", agent=place.agent_id, draft=self._is_draft)
        return RedirectResponse(f"{place.address}?said=saved", 303)

    async def _begin_draft(
        self, request: Request, place: Place, begun: Begun, mine: Document
    ) -> Response:
        """Save the form as a draft; leave the agent unchanged."""
        draft = {**mine, "testers": [], "publish": False}
        try:
            await self._desk.store.write_agent(place.agent_id, draft, over=None, draft=True)
        except Conflict:
            trouble = f"{place.agent_id} already has a draft. Publish it or discard it first."
            return await self._form(request, place, begun, mine, trouble=trouble)
        await look(self._desk, place.agent_id, None, draft=True)
        return RedirectResponse(f"{place.agent_address}/draft?said=drafted", 303)

    async def _conflict(
        self, request: Request, place: Place, begun: Begun, mine: Document, form: Form
    ) -> Response:
        """Show both edits merged, to review and save. Where both changed something, yours wins."""
        now = await self._desk.store.read_agent(place.agent_id, draft=place.is_draft)
        if now is None:
            trouble = f"Someone has deleted {place.agent_id}. Saving recreates it."
            begun = Begun({}, None)
            return await self._form(
                request, place, begun, mine, form=form, status=409, trouble=trouble
            )
        theirs = Begun(now.document, now.version)
        both = [
            Both(name, field_text(name, theirs.document), field_text(name, mine))
            for name in contested(begun.document, mine, theirs.document)
        ]
        return await self._form(
            request,
            place,
            theirs,
            merged(begun.document, mine, theirs.document),
            form=form,
            status=409,
            changed=difference(begun.document, theirs.document),
            both=both,
        )

    async def _form(
        self,
        request: Request,
        place: Place,
        begun: Begun,
        document: Document,
        *,
        form: Form | None = None,
        text: str | None = None,
        as_yaml: bool | None = None,
        trouble: str = "",
        ask: bool = False,
        status: int | None = None,
        changed: list[str] | None = None,
        both: list[Both] | None = None,
    ) -> Response:
        """Render the form, filled in with `document` or with the `text` that couldn't be read."""
        store = self._desk.store
        tools, draft = await asyncio.gather(
            store.declared_tools(), store.read_agent(place.agent_id, draft=True)
        )
        found = place.findings(document, tools)
        by_field, general = _by_field(found, draft=place.is_draft)
        if as_yaml is None:
            view = request.query_params.get("as") if form is None else form.text("view")
            as_yaml = text is not None or view == "yaml"
        if status is None:
            status = 422 if trouble or form is not None else 200
        return self._pages.page(
            request,
            "agent.html",
            status=status,
            place=place,
            groups=groups(draft=place.is_draft),
            shown=lambda field: shown(field, document, draft=place.is_draft),
            tools=offered_tools(document, tools),
            pills=sorted(FIELDS),
            found=found,
            problems=by_field,
            general=[*([trouble] if trouble else []), *general],
            base=msgspec.json.encode(begun.document).decode(),
            version=begun.version or "",
            left=[name for name in LEFT_TO_YAML if name in Agent.__struct_fields__],
            as_yaml=as_yaml,
            text=plain_text(document) if text is None else text,
            why="" if form is None else form.text("why"),
            ask=ask,
            has_draft=draft is not None,
            changed=changed,
            both=both or [],
        )

    async def check(self, request: Request) -> Response:
        """Tell the page's script what is wrong with the form as it stands, and what it changes."""
        place = self._place(request)
        form = await read_form(request)
        begun = _begun(form)
        try:
            mine = _written(form, begun, is_draft=self._is_draft)
        except NotReadable as error:
            return JSONResponse({"fields": {}, "general": [str(error)], "difference": []})
        found = place.findings(mine, await self._desk.store.declared_tools())
        by_field, general = _by_field(found, draft=self._is_draft)
        return JSONResponse(
            {
                "fields": by_field,
                "general": general,
                "difference": difference(begun.document, mine),
            }
        )


def _begun(form: Form) -> Begun:
    """Return what the edit started from, which the form carries in hidden fields."""
    try:
        document = msgspec.json.decode(form.raw("base"), type=Document)
    except msgspec.MsgspecError:
        raise HTTPException(400, "The form is incomplete. Reload the page.") from None
    return Begun(document, form.text("version") or None)


def _written(form: Form, begun: Begun, *, is_draft: bool) -> Document:
    """Raises NotReadable."""
    if form.text("view") == "yaml":
        return from_yaml(form.raw("text"))
    return applied(begun.document, form, draft=is_draft)


def _by_field(found: Findings, *, draft: bool) -> tuple[dict[str, list[str]], list[str]]:
    by_field: dict[str, list[str]] = {}
    general = []
    for problem in (*found.errors, *found.remarks):
        path = field_of(problem, draft=draft)
        if path is None:
            general.append(problem)
        else:
            by_field.setdefault(path, []).append(problem.partition(": ")[2] or problem)
    return by_field, general
