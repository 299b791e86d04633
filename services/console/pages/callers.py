"""Callers: shows who is blocked; blocks, unblocks and forgets them.

A caller is identified by a number in a form, or by one of their calls, so that pages don't need to
show a number in order to act on it.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.forms import Form, read_form
from console.showing import Pages, count
from ringdown.calls.callers import UNREACHED, Forgotten
from ringdown.log import Log
from ringdown.phone_numbers import is_e164

_log = Log(__name__)


class CallerPages:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            Route("/callers", self.show),
            Route("/callers/block", self.block, methods=["POST"]),
            Route("/callers/unblock", self.unblock, methods=["POST"]),
            Route("/callers/forget", self.forget, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        blocked = await self._desk.store.blocked_callers()
        return self._pages.page(request, "callers.html", blocked=blocked)

    async def block(self, request: Request) -> Response:
        caller = await self._caller(await read_form(request))
        await self._desk.store.block_caller(caller, True)
        _log.info("caller blocked", by=request.state.person.name)
        return RedirectResponse("/callers?said=blocked", 303)

    async def unblock(self, request: Request) -> Response:
        caller = await self._caller(await read_form(request))
        if not (await self._desk.store.read_caller(caller)).blocked:
            return RedirectResponse("/callers?said=not-blocked", 303)
        await self._desk.store.block_caller(caller, False)
        _log.info("caller unblocked", by=request.state.person.name)
        return RedirectResponse("/callers?said=unblocked", 303)

    async def forget(self, request: Request) -> Response:
        """Ask for confirmation first; then show a receipt, which has no separate URL."""
        form = await read_form(request)
        caller = await self._caller(form)
        if form.text("sure") != "yes":
            return self._pages.page(
                request, "caller_forget.html", caller=caller, receipt="", unreached=UNREACHED
            )
        erased = await self._desk.store.forget_caller(caller)
        _log.info("caller forgotten", by=request.state.person.name)
        return self._pages.page(
            request,
            "caller_forget.html",
            caller=caller,
            receipt=_receipt(erased),
            unreached=UNREACHED,
        )

    async def _caller(self, form: Form) -> str:
        """Return the caller's number as calls store it. Raises HTTPException if it is invalid."""
        call_sid = form.text("call")
        if call_sid:
            call = await self._desk.store.read_call(call_sid)
            if call is None:
                raise HTTPException(404, f"Call {call_sid} no longer exists.")
            return call.caller
        text = form.text("number")
        number = text.replace(" ", "").replace("-", "")
        if is_e164(number):
            return number
        if text.startswith(("sip:", "sips:", "client:")) or text in ("anonymous", "unknown"):
            return text
        raise HTTPException(
            422,
            f"“{text}” isn't a complete phone number, so nothing was changed. Write it like"
            " +14155550123, or use the page of one of the caller's calls.",
        )


def _receipt(erased: Forgotten) -> str:
    if not (erased.callers or erased.calls or erased.documents):
        return "Nothing was stored about this caller."
    parts = [count(erased.calls, "call")]
    if erased.recordings:
        parts.append(count(erased.recordings, "recording"))
    if erased.documents:
        parts.append(f"{count(erased.documents, 'document')} (turns, tool calls, texts)")
    if erased.callers:
        parts.append("the caller's profile")
    live = (
        " The caller is still in a call, which will be stored again. Repeat this when it is over."
        if erased.in_progress
        else ""
    )
    stays = " The caller stays blocked: a salted hash of the number is kept."
    return f"Deleted: {'; '.join(parts)}.{live}{stays if erased.still_blocked else ''}"
