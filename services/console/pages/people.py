"""Edits who may use the console and in which role; shows who changed that, and why."""

import re
from collections.abc import Iterator

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.forms import Form, read_form
from console.pages.agent_edits import Both, edit_by
from console.people import PEOPLE, People, PeopleEdit, Role
from console.showing import Pages
from ringdown.agents.difference import changed_fields, contested, difference, merged
from ringdown.log import Log

_MOST_EDITS = 100
_NO_ACCESS = "no access"
_STEPS_BACK = "You will no longer be able to change anything. Only another editor can undo this."
_EMAIL = re.compile(r"[^@\s,;:<>()\"'\\]{1,64}@[a-z0-9.-]{1,190}\.[a-z0-9-]{2,63}")
_log = Log(__name__)


class PeoplePages:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("/people", self.show), Route("/people", self.save, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        people = await self._read()
        return await self._page(request, people, people.roles)

    async def save(self, request: Request) -> Response:
        form = await read_form(request)
        base, mine = _base(form), _roles(form)
        if not changed_fields(base, mine):
            return RedirectResponse("/people?said=unchanged", 303)
        problems = list(_problems(form, base, mine))
        me = request.state.person.name
        steps_back = _may_edit(base, me) and not _may_edit(mine, me)
        if steps_back and not problems and "anyway" not in form:
            problems = [_STEPS_BACK]
        if problems:
            return await self._page(
                request, People(roles=base), mine, form=form, problems=problems, ask=steps_back
            )
        if not await self._write(request, base, mine, form.text("why")):
            return await self._conflict(request, base, mine, form)
        _log.info("people changed", by=me)
        return RedirectResponse("/people?said=people", 303)

    async def _read(self) -> People:
        return await self._desk.store.documents.read(People, PEOPLE) or People()

    async def _write(
        self, request: Request, base: dict[str, Role], mine: dict[str, Role], why: str
    ) -> bool:
        """Save the edit. False if someone else has changed the roles since they were `base`."""
        by = edit_by(request, self._desk, why)
        edit = PeopleEdit(at=by.at, by=by.by, why=by.why, what=_in_a_line(base, mine))

        def decide(stored: People | None) -> People | None:
            people = stored or People()
            if people.roles != base:
                return None
            return People(roles=mine, edits=(edit, *people.edits)[:_MOST_EDITS])

        return await self._desk.store.documents.change(People, PEOPLE, decide)

    async def _conflict(
        self, request: Request, base: dict[str, Role], mine: dict[str, Role], form: Form
    ) -> Response:
        """Show both edits merged, to review and save. Where both changed something, yours wins."""
        theirs = await self._read()
        both = [
            Both(email, theirs.roles.get(email, _NO_ACCESS), mine.get(email, _NO_ACCESS))
            for email in contested(base, mine, theirs.roles)
        ]
        together = msgspec.convert(merged(base, mine, theirs.roles), dict[str, Role])
        return await self._page(
            request,
            theirs,
            together,
            form=form,
            status=409,
            changed=difference(base, theirs.roles),
            both=both,
        )

    async def _page(
        self,
        request: Request,
        people: People,
        roles: dict[str, Role],
        *,
        form: Form | None = None,
        problems: list[str] | None = None,
        ask: bool = False,
        status: int | None = None,
        changed: list[str] | None = None,
        both: list[Both] | None = None,
    ) -> Response:
        """Render the form for `people`, filled in with `roles`."""
        rows = dict.fromkeys(people.roles, "") | roles
        return self._pages.page(
            request,
            "people.html",
            status=status or (422 if problems else 200),
            rows=sorted(rows.items()),
            named=people.roles,
            base=msgspec.json.encode(people.roles).decode(),
            roles={"editor": "editor", "viewer": "viewer", "": _NO_ACCESS},
            why="" if form is None else form.text("why"),
            problems=problems or [],
            ask=ask,
            changed=changed,
            both=both or [],
            edits=people.edits,
            zone=await self._desk.zone(),
            now=self._desk.now(),
        )


def _base(form: Form) -> dict[str, Role]:
    """Return the roles that the edit started from, which the form carries in a hidden field."""
    try:
        return msgspec.json.decode(form.raw("base"), type=dict[str, Role])
    except msgspec.MsgspecError:
        raise HTTPException(400, "The form is incomplete. Reload the page.") from None


def _rows(form: Form) -> Iterator[tuple[str, str]]:
    for email, role in zip(form.all("email"), form.all("role"), strict=False):
        if email.strip():
            yield email.strip(), role


def _roles(form: Form) -> dict[str, Role]:
    """Raises HTTPException for a role that none of our pages would send."""
    try:
        return msgspec.convert({e: r for e, r in _rows(form) if r}, dict[str, Role])
    except msgspec.ValidationError:
        raise HTTPException(400, "Unknown role. Reload the page.") from None


def _problems(form: Form, base: dict[str, Role], mine: dict[str, Role]) -> Iterator[str]:
    given = [email.lower() for email, _ in _rows(form)]
    for email in sorted({email for email in given if given.count(email) > 1}):
        yield f"{email} is listed twice. Give each person one role."
    for email in mine:
        if email not in base and not _EMAIL.fullmatch(email.lower()):
            yield f"“{email}” isn't an e-mail address. Write it like anna@example.com."
    if "editor" not in mine.values():
        yield (
            "This leaves no editor, so no one could change anything. Make someone else an editor"
            " first."
        )


def _may_edit(roles: dict[str, Role], name: str) -> bool:
    return People(roles=roles).role_of(name) == "editor"


def _in_a_line(before: dict[str, Role], after: dict[str, Role]) -> str:
    """Sum up an edit in a line: `vera@example.com: viewer → editor; …`."""
    return "; ".join(
        f"{email}: {before.get(email, _NO_ACCESS)} → {after.get(email, _NO_ACCESS)}"
        for email in changed_fields(before, after)
    )
