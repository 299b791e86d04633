"""A line with stored agents, numbers, callers and calls, for pages to show."""

import datetime
from collections.abc import Iterator

import msgspec

from console.people import PEOPLE, People, PeopleEdit
from ringdown.agents import Agent
from ringdown.agents.check import draft_findings
from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import Edit
from ringdown.calls import (
    RETENTION,
    Call,
    CallChanges,
    CallStatus,
    EndReason,
    Speaker,
    ToolCall,
    ToolOutcome,
    Turn,
    Usage,
)
from ringdown.calls.outcomes import Outcome, Success
from ringdown.rehearsals import PersonaRun, Rehearsal
from ringdown.rehearsals.store import keep_rehearsal
from ringdown.stores import Store
from ringdown.tools import Json
from ringdown.webhooks import LostWebhook
from tests.ringdown.rehearsals.reports import a_rehearsal, mixed_runs
from tests.ringdown.samples import CALLED, CALLER, NOW as NOW_OF_RUNS, a_call, a_claim, a_tool

NOW = datetime.datetime(2026, 11, 27, 15, 40, tzinfo=datetime.UTC)
"""A Friday; 16:40 in the shop's time zone."""
SHOP_NUMBER, BLOCKED = "+14155550177", "+14155550166"
MINUTE = datetime.timedelta(minutes=1)
SHOP: dict[str, Json] = {
    "instructions": "You sell flowers.\nThe roses cost ten dollars.\nToday is {weekday}.\n",
    "greeting": "Hello, the flower shop.",
    "voice": "Kore",
    "tools": ["lookup_account"],
    "time_zone": "Europe/Berlin",
    "opening_hours": {"monday": "09:00-17:30", "friday": "09:00-17:30", "outside": "message"},
    "examples": [{"caller": "What do roses cost?", "answer_contains": ["ten dollars"]}],
}
DEFAULT: dict[str, Json] = {
    **SHOP,
    "greeting": "Hello, this is the demonstration line.",
    "opening_hours": dict.fromkeys(("monday", "tuesday", "friday"), "09:00-17:30"),
}
PEOPLE_NAMED = People(
    roles={"anna@example.com": "editor", "ben@example.com": "editor", "vera@example.com": "viewer"},
    edits=(
        PeopleEdit(
            at=NOW - 26 * 60 * MINUTE,
            by="anna@example.com",
            why="Ben runs the line at night",
            what="ben@example.com: viewer → editor",
        ),
    ),
)
USAGE = Usage(reports=2, prompt={"AUDIO": 4_000}, response={"AUDIO": 1_000}, total=5_000)


def sid(n: int) -> str:
    return f"CA{n:032x}"


async def save_agent(
    store: Store,
    document: dict[str, Json],
    *,
    agent_id: str = "shop",
    draft: bool = False,
    edit: Edit | None = None,
    at: datetime.datetime = NOW,
) -> None:
    before = await store.read_agent(agent_id, draft=draft)
    over = None if before is None else before.version
    await store.write_agent(agent_id, document, over=over, draft=draft)
    await look_at_edit(store, agent_id, at, draft=draft, edit=edit)


async def save_call(
    store: Store,
    n: int,
    *,
    ago: datetime.timedelta = 5 * MINUTE,
    caller: str = CALLER,
    agent_id: str = "default",
    reason: EndReason | None = EndReason.AGENT_HUNG_UP,
    turns: tuple[Turn, ...] = (),
    tool_calls: tuple[ToolCall, ...] = (),
    agent: Agent | None = None,
) -> Call:
    """An ended call, or a live one if `reason` is None."""
    began = NOW - ago
    call = msgspec.structs.replace(
        a_call(call_sid=sid(n), agent=agent),
        created_at=began,
        expires_at=began + RETENTION,
        caller=caller,
        called=CALLED if agent_id == "default" else SHOP_NUMBER,
        agent_id=agent_id,
    )
    await store.open_call(call)
    await store.claim(call.call_sid, msgspec.structs.replace(a_claim(), claimed_at=began))
    ended = CallChanges(turns=turns, tool_calls=tool_calls)
    if reason is not None:
        ended |= CallChanges(
            status=CallStatus.ENDED,
            ended_at=began + 65 * datetime.timedelta(seconds=1),
            end_reason=reason,
            usage=USAGE,
            talk_s=65,
            cost_usd=0.02,
        )
    await store.save(call.call_sid, 1, ended)
    return call


def conversation() -> tuple[Turn, ...]:
    said = (
        (Speaker.AGENT, "Hello, this is the demonstration line. How can I help you?"),
        (Speaker.CALLER, "When is my delivery?"),
        (Speaker.AGENT, "It arrives on Tuesday between eight and ten."),
        (Speaker.CALLER, "Thank you, goodbye."),
        (Speaker.AGENT, "Goodbye."),
    )
    return tuple(
        Turn(
            n=n,
            speaker=speaker,
            text=text,
            start_ms=n * 4_000 + 300,
            end_ms=n * 4_000 + 2_900,
            reply_ms=800 if speaker is Speaker.AGENT and n else None,
        )
        for n, (speaker, text) in enumerate(said)
    )


def lookup(*, outcome: ToolOutcome = ToolOutcome.ANSWERED) -> ToolCall:
    return ToolCall(
        id="t1",
        name="lookup_account",
        args={"account_number": "123456"},
        outcome=outcome,
        start_ms=7_000,
        duration_ms=220,
        output={"delivery": "Tuesday, 08:00-10:00"},
    )


async def rehearse_draft(store: Store, *runs: PersonaRun) -> Rehearsal:
    """Save a rehearsal from yesterday of the shop's current draft."""
    draft = await store.read_agent("shop", draft=True)
    found = None if draft is None else draft_findings(draft.document).agent
    revision = "" if found is None else found.revision
    rehearsal = a_rehearsal(*runs, revision=revision, ago=NOW_OF_RUNS - NOW + 1440 * MINUTE)
    await keep_rehearsal(store.documents, rehearsal, runs)
    return rehearsal


async def furnish(store: Store) -> None:
    """Store something for every page to show."""
    await store.write_tool(a_tool())
    anna = Edit(at=NOW - 90 * MINUTE, by="anna@example.com", why="Friday's prices")
    earlier = NOW - 300 * MINUTE
    await save_agent(store, DEFAULT, agent_id="default", at=earlier)
    await save_agent(store, {**SHOP, "greeting": "Hello."}, at=earlier)
    await save_agent(store, SHOP, edit=anna, at=anna.at)
    await save_agent(store, {**SHOP, "voice": "Puck", "testers": [CALLER]}, draft=True)
    await rehearse_draft(store, *mixed_runs())
    await store.write_number(SHOP_NUMBER, "shop")
    await store.block_caller(BLOCKED, True)
    await store.documents.write(PEOPLE, PEOPLE_NAMED)
    for n, ago in enumerate(_times()):
        agent_id = "shop" if n % 3 == 0 else "default"
        reason = EndReason.MODEL_LOST if n == 4 else EndReason.AGENT_HUNG_UP
        await save_call(
            store,
            n,
            ago=ago,
            agent_id=agent_id,
            reason=reason,
            turns=conversation(),
            tool_calls=(lookup(),),
        )
        if n % 3 == 1:
            await store.keep_outcome(sid(n), an_outcome(n))
    await save_call(store, 900, ago=MINUTE, reason=None, turns=conversation()[:2])
    await store.documents.write("lost_webhooks/1", a_lost_webhook())


def an_outcome(n: int) -> Outcome:
    if n == 7:
        return Outcome(questions="q1", asked_at=NOW, problem="Gemini's quota was used up.")
    success = (Success.YES, Success.NO, Success.UNCLEAR, Success.YES)[n // 3 % 4]
    return Outcome(
        questions="q1",
        asked_at=NOW,
        success=success,
        success_turn=None if success is Success.UNCLEAR else 3,
        summary="The caller asked when their delivery arrives.",
        topic="delivery",
    )


def a_lost_webhook() -> LostWebhook:
    return LostWebhook(
        caller=CALLER,
        call_sid=sid(1),
        event="call.ended",
        url="https://orders.example/hooks/b1946ac92492d234",
        problem="It answered with HTTP 500.",
        given_up_at=NOW - MINUTE,
        expires_at=NOW + RETENTION,
    )


def _times() -> Iterator[datetime.timedelta]:
    """How long ago each call began: some today, and some on the days before."""
    yield from (n * 23 * MINUTE for n in range(1, 21))
    yield from (datetime.timedelta(days=day, minutes=7 * day) for day in range(1, 9))
