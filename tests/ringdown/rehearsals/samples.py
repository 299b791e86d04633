"""A made-up persona, and calls with it that went well or badly."""

import datetime
from collections.abc import Sequence

from msgspec.structs import replace

from ringdown.agents import Agent
from ringdown.calls import (
    CallRecord,
    CallStatus,
    EndReason,
    Speaker,
    ToolCall,
    ToolOutcome,
    Turn,
    Usage,
)
from ringdown.rehearsals import (
    RETENTION,
    CannedResult,
    ExpectedCall,
    Line,
    Must,
    MustNot,
    Persona,
    PersonaRun,
    Promise,
    ServedTool,
    Spoken,
)
from ringdown.tools import Json
from tests.ringdown.samples import NOW, a_call, an_agent

ACCOUNT: dict[str, Json] = {"account_number": "123456"}
BOOKING: dict[str, Json] = {"time": "Tuesday 09:00"}
PERSONA = Persona(
    name="wants-a-callback",
    who="Dana, a customer who is at work.",
    wants="To be called back on Tuesday at nine, and to know what the family plan costs.",
    knows="Account 123456. The PIN is 4921.",
    lines=(Line(say="What does the family plan cost?"), Line(wait="hangup")),
    tools={"schedule_callback": (CannedResult(output={"booked": True}),)},
    must=Must(
        tools=(
            ExpectedCall(tool="lookup_account", args=ACCOUNT),
            ExpectedCall(tool="schedule_callback", args=BOOKING),
            ExpectedCall(tool="end_call"),
        ),
        says=("twenty dollars",),
        ending=EndReason.AGENT_HUNG_UP,
    ),
    must_not=MustNot(
        tools=("transfer_call",),
        says=("4921",),
        promises=(Promise(says="I have booked", tool="schedule_callback"),),
    ),
)


def said(n: int, speaker: Speaker, text: str) -> Turn:
    """A turn of three seconds; turns begin every four seconds."""
    return Turn(
        n=n,
        speaker=speaker,
        text=text,
        start_ms=4_000 * n,
        end_ms=4_000 * n + 3_000,
        reply_ms=800 if speaker is Speaker.AGENT and n else None,
    )


CONVERSATION = (
    (Speaker.AGENT, "Hello, this is the demonstration line."),
    (Speaker.CALLER, "What does the family plan cost? Call me back on Tuesday at nine."),
    (Speaker.AGENT, "It costs $20 a month. I have booked a call for Tuesday at nine."),
    (Speaker.CALLER, "Thank you, goodbye."),
    (Speaker.AGENT, "Goodbye."),
)


def a_tool_call(
    name: str, args: dict[str, Json], *, outcome: ToolOutcome = ToolOutcome.ANSWERED
) -> ToolCall:
    return ToolCall(
        id=f"{name}-1",
        name=name,
        args=args,
        outcome=outcome,
        start_ms=7_500,
        duration_ms=200,
        idempotency_key=f"{name}-key",
    )


TOOL_CALLS = (
    a_tool_call("lookup_account", ACCOUNT),
    a_tool_call("schedule_callback", BOOKING),
    a_tool_call("end_call", {}),
)


def a_record(
    *,
    turns: Sequence[Turn] | None = None,
    tool_calls: Sequence[ToolCall] = TOOL_CALLS,
    ending: EndReason | None = EndReason.AGENT_HUNG_UP,
    agent: Agent | None = None,
) -> CallRecord:
    call = replace(
        a_call(agent=agent or an_agent()),
        status=CallStatus.ENDED,
        started_at=NOW,
        ended_at=NOW + datetime.timedelta(seconds=21),
        end_reason=ending,
        usage=Usage(reports=3, total=4_000),
    )
    spoken = tuple(said(n, *words) for n, words in enumerate(CONVERSATION))
    return CallRecord(
        call=call,
        claims=(),
        turns=spoken if turns is None else tuple(turns),
        tool_calls=tuple(tool_calls),
    )


def served(*tool_calls: ToolCall) -> tuple[ServedTool, ...]:
    """The calls that reach the tools. Built-in functions don't."""
    return tuple(
        ServedTool(
            tool=it.name,
            args=it.args,
            idempotency_key=it.idempotency_key or it.id,
            at_ms=it.start_ms,
            result=CannedResult(output={"booked": True}),
        )
        for it in tool_calls
        if it.name != "end_call"
    )


def a_run(
    record: CallRecord | None = None,
    *,
    persona: Persona = PERSONA,
    run: int = 1,
    ledger: tuple[ServedTool, ...] | None = None,
) -> PersonaRun:
    """A run that went well, unless its record says otherwise."""
    heard = record or a_record()
    return PersonaRun(
        persona=persona,
        run=run,
        expires_at=NOW + RETENTION,
        seed=run,
        model="gemini-3.8-live",
        record=heard,
        ledger=served(*heard.tool_calls) if ledger is None else ledger,
        said=(
            Spoken(what="say", text=CONVERSATION[1][1], start_ms=4_000, end_ms=7_000),
            Spoken(what="say", text=CONVERSATION[3][1], start_ms=12_000, end_ms=15_000),
        ),
        duration_ms=21_000,
        cost_usd=0.01,
    )


def with_reply(text: str, n: int = 2) -> CallRecord:
    """The record of a call in which the agent says `text` in turn `n`."""
    turns = [said(at, *words) for at, words in enumerate(CONVERSATION)]
    turns[n] = replace(turns[n], text=text)
    return a_record(turns=turns)
