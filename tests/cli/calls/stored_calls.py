"""Calls in a store, for commands to find."""

import datetime

import msgspec

from ringdown.agents import Agent
from ringdown.calls import (
    Call,
    CallChanges,
    CallStatus,
    EndReason,
    Speaker,
    ToolOutcome,
    Turn,
    TwilioStatus,
    Usage,
)
from ringdown.stores import Store
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import CALLED, CALLER, a_call, a_claim, a_tool_call

USAGE = Usage(reports=2, prompt={"AUDIO": 4_000}, response={"AUDIO": 1_000}, total=5_000)
TURNS = (
    Turn(n=0, speaker=Speaker.AGENT, text="Hello.", start_ms=300, end_ms=1_200),
    Turn(n=1, speaker=Speaker.CALLER, text="When do you open?", start_ms=2_000, end_ms=3_400),
    Turn(n=2, speaker=Speaker.AGENT, text="At nine.", start_ms=4_200, end_ms=5_000, reply_ms=800),
)


def sid(n: int) -> str:
    """SIDs with different beginnings."""
    return f"CA{n:06x}{n:026x}"


def begin_call(
    command_line: CommandLine,
    n: int,
    *,
    ago: datetime.timedelta = datetime.timedelta(minutes=5),
    caller: str = CALLER,
    called: str = CALLED,
    agent_id: str = "default",
    agent: Agent | None = None,
) -> Call:
    """A live call that a handler has claimed."""
    began = datetime.datetime.now(datetime.UTC) - ago
    call = msgspec.structs.replace(
        a_call(call_sid=sid(n), agent=agent),
        created_at=began,
        caller=caller,
        called=called,
        agent_id=agent_id,
    )
    claim = msgspec.structs.replace(a_claim(), claimed_at=began)

    async def begin(store: Store) -> None:
        await store.open_call(call)
        await store.claim(call.call_sid, claim)

    command_line.with_store(begin)
    return call


def end_call(
    command_line: CommandLine, call: Call, *, reason: EndReason = EndReason.AGENT_HUNG_UP
) -> None:
    ended_at = call.created_at + datetime.timedelta(seconds=65)
    changes = CallChanges(
        turns=TURNS,
        usage=USAGE,
        status=CallStatus.ENDED,
        ended_at=ended_at,
        end_reason=reason,
    )
    completed = TwilioStatus(status="completed", duration_s=64, final=True)

    async def end(store: Store) -> None:
        await store.save(call.call_sid, 1, changes)
        await store.note_twilio_status(call.call_sid, completed, ended_at)

    command_line.with_store(end)


def good_call(
    command_line: CommandLine,
    n: int,
    *,
    ago: datetime.timedelta = datetime.timedelta(minutes=5),
    caller: str = CALLER,
    called: str = CALLED,
    agent_id: str = "default",
    agent: Agent | None = None,
) -> str:
    call = begin_call(
        command_line, n, ago=ago, caller=caller, called=called, agent_id=agent_id, agent=agent
    )
    end_call(command_line, call)
    return call.call_sid


def bad_call(
    command_line: CommandLine, n: int, *, ago: datetime.timedelta = datetime.timedelta(minutes=5)
) -> str:
    """A call in which a tool failed, and then the model was lost."""
    call = begin_call(command_line, n, ago=ago)
    failed = msgspec.structs.replace(
        a_tool_call("a", start_ms=4_000),
        outcome=ToolOutcome.FAILED,
        error="The tool took too long to answer.",
        output=None,
    )

    async def fail(store: Store) -> None:
        await store.save(call.call_sid, 1, CallChanges(tool_calls=(failed,)))

    command_line.with_store(fail)
    end_call(command_line, call, reason=EndReason.MODEL_LOST)
    return call.call_sid
