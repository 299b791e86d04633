"""Sample records for tests."""

import datetime

from ringdown.agents import Agent
from ringdown.calls import RETENTION, Call, Claim, Speaker, ToolCall, ToolOutcome, Turn
from ringdown.calls.uploads import Upload
from ringdown.tools import ToolDeclaration

CALL_SID = "CA0123456789abcdef0123456789abcdef"
CALLER = "+14155550123"
CALLED = "+14155550100"
WITHHELD = ["+7378742833", "+2562533", "+8656696", "+86282452253", "+266696687"]
"""RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE and ANONYMOUS, as typed on a telephone's keys."""
NOW = datetime.datetime(2026, 11, 2, 9, 30, tzinfo=datetime.UTC)


def an_agent(
    *,
    greeting: str = "Hello.",
    notice: str = "",
    language: str = "en-US",
    tools: tuple[str, ...] = (),
    fallback_number: str | None = None,
    transfer_numbers: dict[str, str] | None = None,
) -> Agent:
    return Agent(
        instructions="Be brief.",
        greeting=greeting,
        notice=notice,
        language=language,
        tools=tools,
        fallback_number=fallback_number,
        transfer_numbers=transfer_numbers or {},
    )


def a_call(
    *,
    call_sid: str = CALL_SID,
    agent: Agent | None = None,
    attempt: int = 1,
    fallback_number: str | None = None,
) -> Call:
    answering = agent or an_agent()
    return Call(
        call_sid=call_sid,
        caller=CALLER,
        called=CALLED,
        agent_id="default",
        agent=answering,
        agent_revision=answering.revision,
        tools=(a_tool(),),
        created_at=NOW,
        expires_at=NOW + RETENTION,
        attempt=attempt,
        fallback_number=fallback_number,
    )


def a_claim(*, attempt: int = 1, handler: str = "handler-1") -> Claim:
    return Claim(attempt=attempt, handler=handler, claimed_at=NOW)


def a_tool(name: str = "lookup_account") -> ToolDeclaration:
    return ToolDeclaration(name=name, description="Looks up.", url="https://tools.example/lookup")


def a_turn(n: int, *, text: str = "Hello.") -> Turn:
    return Turn(n=n, speaker=Speaker.AGENT, text=text, start_ms=n * 1000, end_ms=n * 1000 + 900)


def a_picture(id: str = "one", *, picture: bytes = b"\xff\xd8 a picture") -> Upload:
    return Upload(id=id, received_at=NOW, picture=picture)


def a_text(id: str = "one") -> Upload:
    return Upload(id=id, received_at=NOW, text="ann.example@example.com")


def a_tool_call(call_id: str, *, start_ms: int = 0) -> ToolCall:
    return ToolCall(
        id=call_id,
        name="lookup_account",
        args={"account_number": "123456"},
        outcome=ToolOutcome.ANSWERED,
        start_ms=start_ms,
        duration_ms=120,
        output={"status": "active"},
    )
