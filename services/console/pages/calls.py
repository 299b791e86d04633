"""The list of calls, the search, and the page of one call.

URLs never contain phone numbers, because URLs end up in logs.
"""

import datetime
import re
import zoneinfo
from dataclasses import dataclass
from urllib.parse import urlencode

from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.forms import read_form
from console.pages.photos import photo_address
from console.pages.recordings import recording_address
from console.showing import OUTCOMES, Pages
from ringdown.call_page import CallPage, ServedRecording, call_page_in_site
from ringdown.calls import RETENTION, Call, CallQuery, EndReason, ListedCall
from ringdown.calls.line_state import FAILURES
from ringdown.calls.outcomes import STANDINGS
from ringdown.calls.problems import problems
from ringdown.calls.recorded_sound import recorded_sound
from ringdown.calls.uploads import kept_pictures
from ringdown.errors import StoreUnavailable
from ringdown.gemini.prices import cost_usd
from ringdown.log import Log, call_bound
from ringdown.phone_numbers import is_e164
from ringdown.webhooks.lost import lost_problems

_ON_A_PAGE = 50
_ANY = "any"
_FILTERS = ("agent", "before", "day", "failed", "like", "live", "outcome")
_SID = re.compile(r"CA[0-9a-f]{2,32}")
_ENDING = re.compile(r"[0-9]{3,15}")
_RECENT = 500
_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter that can be switched on and off."""

    label: str
    address: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Row:
    call: ListedCall
    problem: str
    cost_usd: float


class CallPages:
    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            Route("/calls", self.list),
            Route("/calls/search", self.search, methods=["POST"]),
            Route("/calls/{call_sid}", self.show),
        ]

    async def list(self, request: Request) -> Response:
        asked, zone = dict(request.query_params), await self._desk.zone()
        query = await self._query(asked, zone)
        calls = await self._desk.store.list_calls(query)
        agents = await self._desk.store.list_agents()
        outcomes = "outcome" in asked or any(each.document.get("after_call") for each in agents)
        shown = calls[:_ON_A_PAGE]
        more = len(calls) > _ON_A_PAGE
        return self._pages.page(
            request,
            "calls.html",
            rows=[Row(call, problem_of(call), _cost(call)) for call in shown],
            choices=_choices(asked, [each.agent_id for each in agents], outcomes=outcomes),
            outcomes=outcomes,
            like=bool(asked.get("like")),
            older=_address(asked, before=shown[-1].created_at.isoformat()) if more else "",
            filtered=any(name in _FILTERS for name in asked),
            nothing=asked.get("nothing") == "found",
            zone=zone,
            now=self._desk.now(),
        )

    async def show(self, request: Request) -> Response:
        """Show the page that `calls show` writes, and log who read which call."""
        call_sid = request.path_params["call_sid"]
        record = await self._desk.store.read_record(call_sid)
        if record is None:
            raise _no_call(call_sid)
        with call_bound(call_sid):
            _log.info("call read", by=request.state.person.name)
        lost = await lost_problems(self._desk.store.documents, call_sid)
        served, unread = await self._recording(record.call)
        found = (*problems(record), *lost, *unread)
        pictures = {
            n: photo_address(call_sid, n)
            for n in await kept_pictures(self._desk.store, record.call)
        }
        page = CallPage(record=record, recording=served, problems=found, pictures=pictures)
        above = self._pages.text(request, "call_bar.html", call=record.call)
        head = self._pages.text(request, "call_head.html", call=record.call)
        return HTMLResponse(
            call_page_in_site(page, head=head, above=above, files="/static/call_page")
        )

    async def _recording(self, call: Call) -> tuple[ServedRecording | None, tuple[str, ...]]:
        """Return the recording, if there is one, and what went wrong while looking for it."""
        if not call.agent.record:
            return None, ()
        try:
            sound = await recorded_sound(self._desk.store.recordings, call.call_sid)
        except StoreUnavailable as error:
            _log.warning("recording not found", call_sid=call.call_sid, reason=str(error))
            return None, ("The recording can't be read at the moment. Reload the page.",)
        if sound is None:
            return None, ()
        address = recording_address(call.call_sid)
        return ServedRecording(address, sound.began_ms, sound.duration_ms), ()

    async def _query(self, asked: dict[str, str], zone: zoneinfo.ZoneInfo) -> CallQuery:
        """Return a query with one filter, for one day or all.

        Firestore needs an index for each combination of filters.
        """
        day, before = _day(asked.get("day", ""), zone), _moment(asked.get("before", ""))
        until = min((each for each in (day and day[1], before) if each is not None), default=None)
        query = CallQuery(since=day and day[0], until=until, limit=_ON_A_PAGE + 1)
        if like := asked.get("like"):
            return replace(query, number=(await self._call(like)).caller)
        if failed := asked.get("failed"):
            return replace(query, end_reasons=_reasons(failed))
        if outcome := asked.get("outcome"):
            return replace(query, outcomes=(outcome,) if outcome in STANDINGS else STANDINGS)
        if agent_id := asked.get("agent"):
            return replace(query, agent_id=agent_id)
        return replace(query, live="live" in asked)

    async def _call(self, call_sid: str) -> Call:
        call = await self._desk.store.read_call(call_sid)
        if call is None:
            raise _no_call(call_sid)
        return call

    async def search(self, request: Request) -> Response:
        """Search by number (caller's or called), the end of one, or the beginning of a SID."""
        text = (await read_form(request)).text("text").replace("…", "").replace(" ", "")
        sid = await self._sid_like(text)
        if sid is not None and _SID.fullmatch(text):
            return RedirectResponse(f"/calls/{sid}", 303)
        address = f"/calls?like={sid}" if sid else "/calls?nothing=found"
        return RedirectResponse(address, 303)

    async def _sid_like(self, text: str) -> str | None:
        """Return the SID of a call that matches `text`, if there is one."""
        store = self._desk.store
        if _SID.fullmatch(text):
            return next(iter(await store.find_sids(text, 1)), None)
        if is_e164(text):
            calls = await store.list_calls(CallQuery(number=text, limit=1))
        elif _ENDING.fullmatch(text):
            recent = await store.list_calls(CallQuery(limit=_RECENT))
            calls = tuple(call for call in recent if call.caller.endswith(text))
        else:
            return None
        return calls[0].call_sid if calls else None


def _no_call(call_sid: str) -> HTTPException:
    return HTTPException(
        404, f"Call {call_sid} not found. Records are kept for {RETENTION.days} days."
    )


def problem_of(call: ListedCall) -> str:
    """Return what went wrong according to the call's own document. Its page says more."""
    if call.end_reason in FAILURES:
        return FAILURES[call.end_reason]
    if call.agent_problem is not None:
        return "another version of the agent answered"
    if call.stream_error is not None:
        return "Twilio reported an error in the audio"
    return ""


def _cost(call: ListedCall) -> float:
    return cost_usd(call.usage) if call.cost_usd is None else call.cost_usd


def _reasons(text: str) -> tuple[EndReason, ...]:
    """Return the reasons to look for; all of them if `text` isn't one."""
    return tuple(reason for reason in FAILURES if reason.value == text) or tuple(FAILURES)


def _day(text: str, zone: zoneinfo.ZoneInfo) -> tuple[datetime.datetime, datetime.datetime] | None:
    """Return the day's start and end, at midnight; None if `text` isn't a day."""
    try:
        day = datetime.date.fromisoformat(text)
        midnights = (day, day + datetime.timedelta(days=1))
    except (ValueError, OverflowError):
        return None
    since, until = (datetime.datetime.combine(d, datetime.time(), zone) for d in midnights)
    return since.astimezone(datetime.UTC), until.astimezone(datetime.UTC)


def _moment(text: str) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _choices(asked: dict[str, str], agents: list[str], *, outcomes: bool) -> list[Choice]:
    """Return the filters. Choosing one drops any other; choosing it again shows all calls.

    A chosen day stays chosen.
    """
    day = {"day": asked.get("day", "")}

    def choice(label: str, name: str, value: str) -> Choice:
        is_on = asked.get(name) == value
        return Choice(label, _address(day) if is_on else _address(day, **{name: value}), is_on)

    shown = [choice("Live", "live", "yes"), choice("Failed", "failed", _ANY)]
    if asked.get("failed", _ANY) != _ANY:
        shown.append(choice(asked["failed"].replace("_", " "), "failed", asked["failed"]))
    if outcomes:
        shown += [choice(OUTCOMES[word], "outcome", word) for word in STANDINGS]
    if len(agents) > 1:
        shown += [choice(agent, "agent", agent) for agent in agents]
    if day["day"]:
        shown.append(Choice(day["day"], _address({**asked, "day": "", "before": ""}), True))
    return shown


def _address(asked: dict[str, str], **changes: str) -> str:
    wanted = {name: value for name, value in {**asked, **changes}.items() if value}
    query = urlencode({name: wanted[name] for name in wanted if name in _FILTERS})
    return f"/calls?{query}" if query else "/calls"
