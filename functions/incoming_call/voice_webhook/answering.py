"""POST /: answers a ringing call with an agent's media stream."""

import asyncio
import datetime
from dataclasses import dataclass, field, replace

import msgspec

from ringdown.agents import Agent
from ringdown.agents.known_clips import KnownClips
from ringdown.agents.phrases import notice_words
from ringdown.calls import RETENTION, Call, CallStatus, EndReason, travelling_call
from ringdown.calls.stream_token import mint
from ringdown.errors import RingdownError
from ringdown.log import Log
from ringdown.stores import Store
from ringdown.stores.deadline import store_deadline
from voice_webhook.agent_choice import AgentChoice, ChosenAgent
from voice_webhook.call_twiml import (
    NOTHING,
    Sentence,
    StreamOffer,
    caller_id,
    connect_stream,
    hang_up,
)
from voice_webhook.caller_facts import with_facts
from voice_webhook.caller_memory import is_remembered
from voice_webhook.clips import Voice
from voice_webhook.connections import Connections
from voice_webhook.handler_wake_up import REQUEST_LEAVES_WITHIN_S
from voice_webhook.line_guard import LineGuard
from voice_webhook.outside_hours import is_answered, turn_away, turned_away
from voice_webhook.refusals import refusal
from voice_webhook.twilio_request import CallUpdate
from voice_webhook.webhook_settings import WebhookSettings

OPEN_CALL_WITHIN_S = 1.0

_log = Log("incoming_call.answering")


@dataclass(frozen=True, slots=True)
class Desk:
    """What this process remembers from earlier calls."""

    agents: AgentChoice = field(default_factory=AgentChoice)
    line: LineGuard = field(default_factory=LineGuard)
    clips: KnownClips | None = field(default_factory=KnownClips)
    """None if clips must not be used."""


async def answer(
    update: CallUpdate,
    *,
    settings: WebhookSettings,
    desk: Desk,
    connections: Connections,
    now: datetime.datetime,
) -> str:
    """Open the call, wake the handler, and return TwiML; works even if the store fails."""
    wake_up = connections.wake_handler()
    store = connections.store
    async with asyncio.TaskGroup() as group:
        choosing = group.create_task(desk.agents.choose(store, update.called, update.caller))
        looking = group.create_task(desk.line.look(store, update.caller, now))
    chosen, standing = choosing.result(), looking.result()
    person = person_for(chosen.agent, settings.fallback_number, update.called)
    voice = Voice(chosen.agent_id, chosen.agent, store, desk.clips, settings)
    if not standing.is_clear and not await _is_admitted(store, update.call_sid):
        shown = caller_id(update.caller, update.called)
        return await refusal(standing, chosen, voice, person, shown)
    memory = standing.memory(now) if is_remembered(chosen.agent, update.caller) else None
    opened = new_call(update, chosen, now, person=person, memory=memory)
    if opened.status is not CallStatus.ENDED:
        opened = await with_facts(opened, chosen.facts_tool, connections.tools)
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(_open(store, opened))
        reading = group.create_task(_notice(voice))
        group.create_task(desk.agents.keep_revision(store, chosen, now))
    stored = opening.result()
    call, notice = stored or opened, reading.result()
    if call.agent_revision != opened.agent_revision:  # a repeated request, after an edit
        voice = replace(voice, agent_id=call.agent_id, agent=call.agent)
        notice = await _notice(voice)
    if call.end_reason is EndReason.OUTSIDE_HOURS:
        _log.info("call outside opening hours", agent=call.agent_id, next=call.next)
        return await turn_away(call, voice)
    if call.status is CallStatus.ENDED:
        _log.warning("call is already over")
        return hang_up()
    if notice.text:
        await wake_up.requested(within_s=REQUEST_LEAVES_WITHIN_S)
    else:
        await wake_up.finished()
    _log.info(
        "call answered",
        agent=call.agent_id,
        agent_revision=call.agent_revision,
        attempt=call.attempt,
    )
    return offer_stream(call, settings, now, notice=notice, travelling=stored is None)


async def _notice(voice: Voice) -> Sentence:
    return await voice.says(*notice_words(voice.agent))


def person_for(agent: Agent, line: str | None, called: str) -> str | None:
    """Return the number of a person who can step in: the agent's, or else the line's. None if there
    is none, or if it is the called number, which would loop forever."""
    person = agent.fallback_number or line
    return None if person == called else person


def new_call(
    update: CallUpdate,
    chosen: ChosenAgent,
    now: datetime.datetime,
    *,
    person: str | None,
    memory: str | None,
) -> Call:
    """Return the record of a call that has just started ringing."""
    call = Call(
        call_sid=update.call_sid,
        caller=update.caller,
        called=update.called,
        caller_verified=update.caller_verified,
        agent_id=chosen.agent_id,
        # Examples are only for `agents try`, and large.
        agent=msgspec.structs.replace(chosen.agent, examples=()),
        agent_revision=chosen.agent.revision,
        tools=chosen.tools,
        created_at=now,
        expires_at=now + RETENTION,
        fallback_number=person,
        caller_memory=memory,
        is_draft=chosen.is_draft,
        agent_problem=chosen.problem,
    )
    return call if is_answered(call) else turned_away(call)


def offer_stream(
    call: Call,
    settings: WebhookSettings,
    now: datetime.datetime,
    *,
    notice: Sentence = NOTHING,
    pause_s: int = 0,
    travelling: bool = False,
) -> str:
    """Return TwiML that hands the call's current attempt to the stream handler.

    If `travelling`, it carries the call itself, because the store may not have it.
    """
    token = mint(
        settings.stream_token_secrets,
        call_sid=call.call_sid,
        attempt=call.attempt,
        now_s=now.timestamp(),
    )
    offer = StreamOffer(
        media_url=settings.media_url,
        token=token,
        call=_packed(call, settings) if travelling else {},
        status_url=f"{settings.public_url}/status",
        after_stream_url=f"{settings.public_url}/after-stream?attempt={call.attempt}",
        pause_s=pause_s,
    )
    return connect_stream(offer, notice)


async def _is_admitted(store: Store, call_sid: str) -> bool:
    """Whether the call was already let through: Twilio repeats webhooks. Also True if the store
    fails."""
    try:
        async with store_deadline(OPEN_CALL_WITHIN_S):
            return await store.read_call(call_sid) is not None
    except RingdownError as error:
        _log.error("call could not be read", reason=str(error))
        return True


async def _open(store: Store, call: Call) -> Call | None:
    """Store the call, and return it as stored; None if the store fails."""
    try:
        async with store_deadline(OPEN_CALL_WITHIN_S):
            return await store.open_call(call)
    except RingdownError as error:
        _log.error("call could not be opened", reason=str(error))
        return None


def _packed(call: Call, settings: WebhookSettings) -> dict[str, str]:
    parameters = travelling_call.pack(settings.stream_token_secrets, call)
    if not parameters:
        _log.error("call is too large to travel with its stream", agent=call.agent_id)
    return parameters
