"""The HTTP shell: routes, limits, signature checks, and always a response that Twilio can use."""

import asyncio
import contextlib
import datetime
import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import assert_never
from urllib.parse import urlencode, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from ringdown import clock
from ringdown.agents.known_clips import KnownClips
from ringdown.calls import EndReason
from ringdown.errors import TokenRefused
from ringdown.log import Log, call_bound
from ringdown.request_body import BodyTooLarge, read_body
from ringdown.twilio_signature import SIGNATURE_HEADER, signature_is_valid
from voice_webhook.after_dial import after_dial
from voice_webhook.after_stream import after_stream, next_twiml, read_call
from voice_webhook.answering import Desk, answer
from voice_webhook.call_twiml import apology, caller_id, hang_up, nothing, say_and_dial
from voice_webhook.caller_memory import remember_call
from voice_webhook.clips import (
    GIVE_WITHIN_S,
    ClipAddress,
    Voice,
    sound_response,
    unchanged_response,
)
from voice_webhook.connections import Connections
from voice_webhook.ended_calls import announce_end
from voice_webhook.status_callbacks import take_status
from voice_webhook.transfer_acceptance import (
    UnrecordedAcceptances,
    accept,
    transfer_of,
    whisper,
)
from voice_webhook.twilio_request import (
    MAX_BODY_BYTES,
    CallUpdate,
    Form,
    MalformedRequest,
    call_sid,
    call_update,
    dial_update,
    ended_attempt,
    error_code,
    error_path,
    parse_form,
    parties,
    pressed_key,
    status_update,
)
from voice_webhook.webhook_settings import WebhookSettings

BODY_WITHIN_S = 5.0

_log = Log("incoming_call.webhook")


class Refused(Exception):
    """Refuses a request, with a status code and a sentence for the response."""

    def __init__(self, status_code: int, sentence: str) -> None:
        self.status_code = status_code
        super().__init__(sentence)


class Route(enum.StrEnum):
    ANSWER = "/"
    AFTER_STREAM = "/after-stream"
    AFTER_DIAL = "/after-dial"
    WHISPER = "/whisper"
    ACCEPT = "/accept"
    STATUS = "/status"
    FALLBACK = "/fallback"


class Webhook:
    """Answers every request; one that Twilio signed never gets a 5xx."""

    def __init__(
        self, settings: WebhookSettings, connect: Callable[[], Awaitable[Connections]]
    ) -> None:
        """`connect` returns the open connections, and is called for every request."""
        self._settings = settings
        self._prefix = urlsplit(settings.public_url).path
        """The path of our public URL, which a proxy may strip or keep."""
        self._connect = connect
        self._clips = KnownClips()
        self._desk = Desk(clips=self._clips)
        self._unrecorded = UnrecordedAcceptances()

    async def respond(self, request: Request) -> Response:
        path = request.scope["path"]
        without_prefix = path.removeprefix(self._prefix)
        clip = ClipAddress.in_path(path) or ClipAddress.in_path(without_prefix)
        if clip is not None:
            return await self._give_clip(clip, request)
        route = _route(path) or _route(without_prefix)
        if route is None:
            return _sentence(404, "Not found.")
        if request.method != "POST":
            return _sentence(
                405, "This is a telephone webhook. It accepts only POST, from Twilio.", Allow="POST"
            )
        form = Form()
        with contextlib.ExitStack() as bound:
            try:
                form = await self._admit(route, request)
                bound.enter_context(call_bound(call_sid(form)))
                return await self._handle(route, form, request.query_params)
            except Refused as refusal:
                _log.warning("request refused", route=route, reason=str(refusal))
                return _sentence(refusal.status_code, str(refusal))
            except MalformedRequest as error:
                _log.warning("request is malformed", route=route, reason=str(error))
                return _sentence(400, str(error))
            except Exception:  # noqa: BLE001 - the boundary: a caller is on the line
                _log.exception("request failed", route=route)
                return self._last_resort(route, form)

    async def _give_clip(self, clip: ClipAddress, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return _sentence(405, "This is an audio clip. Use GET or HEAD.", Allow="GET, HEAD")
        if not clip.is_signed(request.query_params, self._settings):
            _log.warning("clip refused", reason="the signature is missing or wrong")
            return _sentence(403, "The signature is missing or wrong.")
        if request.headers.get("If-None-Match") == clip.etag:
            return unchanged_response(clip)
        try:
            store = (await self._connect()).store
            found = await self._clips.find(store, clip.agent_id, clip.key, within_s=GIVE_WITHIN_S)
        except Exception:  # noqa: BLE001 - the boundary: on an error, Twilio requests /fallback
            _log.exception("clip failed", agent=clip.agent_id)
            found = None
        if found is None:
            return _sentence(503, "This clip is temporarily unavailable.")
        return sound_response(found.mulaw, clip, head=request.method == "HEAD")

    async def _admit(self, route: Route, request: Request) -> Form:
        """Read the form and check Twilio's signature. Raises Refused and MalformedRequest."""
        form = parse_form(await _read_body(request))
        path = "" if route is Route.ANSWER else route.value
        if not signature_is_valid(
            request.headers,
            auth_tokens=self._settings.twilio_auth_tokens,
            shared_key_secret=self._settings.twilio_shared_key_secret,
            url=f"{self._settings.public_url}{path}{_query(request)}",
            form=form.multi_items(),
        ):
            if SIGNATURE_HEADER in request.headers:  # strangers send none, so this is Twilio
                _log.error("signature refused", route=route)
            raise Refused(403, "The signature is missing or wrong.")
        return form

    async def _handle(self, route: Route, form: Form, query: Mapping[str, str]) -> Response:
        if route is Route.FALLBACK and not self._lacks_a_clip(form):
            return self._fall_back(form)
        connections = await self._connect()
        now = clock.now()
        match route:
            case Route.ANSWER:
                return _twiml(
                    await answer(
                        call_update(form),
                        settings=self._settings,
                        desk=self._desk,
                        connections=connections,
                        now=now,
                    )
                )
            case Route.AFTER_STREAM:
                return _twiml(
                    await after_stream(
                        call_update(form),
                        ended_attempt(query),
                        store=connections.store,
                        clips=self._clips,
                        settings=self._settings,
                        now=now,
                    )
                )
            case Route.FALLBACK:
                _log.warning("Twilio could not play a clip", error_code=error_code(form))
                return _twiml(await self._say_it(call_update(form), connections, now))
            case Route.AFTER_DIAL:
                return _twiml(
                    await after_dial(
                        dial_update(form),
                        store=connections.store,
                        unrecorded=self._unrecorded,
                        settings=self._settings,
                        now=now,
                    )
                )
            case Route.WHISPER | Route.ACCEPT:
                return _twiml(await self._ask_person(route, form, query, connections, now))
            case Route.STATUS:
                update = status_update(form)
                await take_status(update, store=connections.store, now=now)
                await asyncio.gather(
                    announce_end(update, connections.ended_calls, now),
                    remember_call(
                        update, store=connections.store, summaries=connections.summaries, now=now
                    ),
                )
                return Response(status_code=204)
            case unreachable:
                assert_never(unreachable)

    async def _ask_person(
        self,
        route: Route,
        form: Form,
        query: Mapping[str, str],
        connections: Connections,
        now: datetime.datetime,
    ) -> str:
        """Return TwiML for a person who was dialled for a transfer."""
        try:
            transfer = transfer_of(query, self._settings, now)
        except TokenRefused as error:
            _log.warning("transfer refused", reason=str(error))
            return hang_up()
        with call_bound(transfer.call_sid):
            if route is Route.WHISPER:
                accept_url = f"{self._settings.public_url}{Route.ACCEPT}?{urlencode(query)}"
                return await whisper(transfer, store=connections.store, accept_url=accept_url)
            return await accept(
                transfer,
                pressed_key(form),
                store=connections.store,
                unrecorded=self._unrecorded,
            )

    def _lacks_a_clip(self, form: Form) -> bool:
        """Whether Twilio requests /fallback because it couldn't get one of our clips, and the call
        isn't over."""
        path = error_path(form)
        clip = ClipAddress.in_path(path) or ClipAddress.in_path(path.removeprefix(self._prefix))
        return clip is not None and not call_update(form).over

    async def _say_it(
        self, update: CallUpdate, connections: Connections, now: datetime.datetime
    ) -> str:
        """Return the same TwiML again, but with Twilio's voice in place of the clip."""
        call = await read_call(connections.store, update.call_sid)
        if call is None or call.next is None or call.end_reason is EndReason.OUTSIDE_HOURS:
            return await answer(
                update,
                settings=self._settings,
                desk=replace(self._desk, clips=None),
                connections=connections,
                now=now,
            )
        voice = Voice(call.agent_id, call.agent, connections.store, None, self._settings)
        return await next_twiml(call, voice, self._settings, now)

    def _fall_back(self, form: Form) -> Response:
        """Apologise, because Twilio couldn't get or use another route's response."""
        _log.error("Twilio asks for the fallback", error_code=error_code(form))
        return _twiml(nothing() if call_update(form).over else self._apology(form))

    def _last_resort(self, route: Route, form: Form) -> Response:
        match route:
            case Route.STATUS:
                return Response(status_code=204)
            case Route.WHISPER | Route.ACCEPT:  # the caller goes back to the agent
                return _twiml(hang_up())
            case _:
                return _twiml(self._apology(form))

    def _apology(self, form: Form) -> str:
        number = self._settings.fallback_number
        shown = caller_id(*parties(form))
        return say_and_dial(apology(None, number), number=number, caller_id=shown)


def _route(path: str) -> Route | None:
    try:
        return Route(path.rstrip("/") or "/")
    except ValueError:
        return None


def _query(request: Request) -> str:
    """Return the query exactly as requested, with its question mark; empty if there is none."""
    query: bytes = request.scope["query_string"]
    try:
        return f"?{query.decode('ascii')}" if query else ""
    except UnicodeDecodeError:
        raise MalformedRequest("The query isn't a form.") from None


async def _read_body(request: Request) -> bytes:
    try:
        return await read_body(request.stream(), at_most=MAX_BODY_BYTES, within_s=BODY_WITHIN_S)
    except BodyTooLarge:
        raise Refused(413, "The body is too large.") from None
    except TimeoutError:
        raise Refused(408, "The body did not arrive in time.") from None
    except ClientDisconnect:
        raise Refused(400, "The body ended early.") from None


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml; charset=utf-8")


def _sentence(status_code: int, sentence: str, **headers: str) -> Response:
    return PlainTextResponse(f"{sentence}\n", status_code=status_code, headers=headers)
