"""The call: its record, its states, and the port of the store that keeps it.

A call is a state machine advanced by webhooks and by the stream handler:

    ringing ──claim──▶ in_progress ──complete──▶ ended

`attempt` counts the streams that were offered to Twilio for the call. Only the attempt that
claimed the call may write to it, and only until a later attempt is opened.
"""

import datetime
import enum
from typing import Protocol

import msgspec

from ringdown.agents import Agent
from ringdown.tools import Json, ToolDeclaration

RETENTION = datetime.timedelta(days=30)


class CallStatus(enum.StrEnum):
    RINGING = "ringing"
    IN_PROGRESS = "in_progress"
    ENDED = "ended"


class Speaker(enum.StrEnum):
    CALLER = "caller"
    AGENT = "agent"


class NextAction(enum.StrEnum):
    """What `/after-stream` does once the stream of a call has ended."""

    HANG_UP = "hang_up"
    FALL_BACK = "fall_back"
    """Apologise, then dial the fallback number if there is one."""
    CONNECT_PERSON = "connect_person"
    """The caller wants a person: dial the fallback number."""
    TRANSFER = "transfer"
    """Dial the number that the agent chose (`transfer_to`); unanswered, go on with the agent."""
    IDLE_GOODBYE = "idle_goodbye"
    """Say goodbye to a caller who is not there any more."""
    TIME_GOODBYE = "time_goodbye"
    """Say that the time is over, and goodbye."""


class EndReason(enum.StrEnum):
    """Why a call's stream ended."""

    AGENT_HUNG_UP = "agent_hung_up"
    CALLER_HUNG_UP = "caller_hung_up"
    CALLER_ASKED_FOR_PERSON = "caller_asked_for_person"
    CALLER_IDLE = "caller_idle"
    TRANSFERRED = "transferred"
    OUTSIDE_HOURS = "outside_hours"
    """The agent's opening hours say that nobody streams now."""
    TIME_LIMIT = "time_limit"
    COST_LIMIT = "cost_limit"
    STREAM_LOST = "stream_lost"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_LOST = "model_lost"
    HANDLER_STOPPED = "handler_stopped"
    NEVER_STREAMED = "never_streamed"
    """Twilio ended the call before a stream handler held it."""


class ToolOutcome(enum.StrEnum):
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one side said. Times are ms since the call's stream started."""

    n: int
    speaker: Speaker
    text: str
    start_ms: int
    end_ms: int
    interrupted: bool = False
    """Cut short by the caller; `text` is then an estimate of what was heard (±200 ms)."""
    reply_ms: int | None = None
    """Agent: from the caller's last voiced frame to the first audio of this turn."""
    barge_in_ms: int | None = None
    """Interrupted agent: from the caller's first voiced frame to our `clear`."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """One tool call. Times are ms; `start_ms` since the call's stream started."""

    id: str
    name: str
    args: dict[str, Json]
    outcome: ToolOutcome
    start_ms: int
    duration_ms: int
    output: dict[str, Json] | None = None
    error: str | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens billed, summed over every turn's report (each bills the whole context again)."""

    reports: int = 0
    prompt: dict[str, int] = {}
    """Tokens by modality: TEXT, AUDIO, …"""
    response: dict[str, int] = {}
    tool_use_prompt: int = 0
    thoughts: int = 0
    total: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            reports=self.reports + other.reports,
            prompt=_add(self.prompt, other.prompt),
            response=_add(self.response, other.response),
            tool_use_prompt=self.tool_use_prompt + other.tool_use_prompt,
            thoughts=self.thoughts + other.thoughts,
            total=self.total + other.total,
        )


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The call document (`calls/{CallSid}`), with the resolved agent in it."""

    call_sid: str
    caller: str
    called: str
    agent_id: str
    agent: Agent
    agent_revision: str
    tools: tuple[ToolDeclaration, ...]
    created_at: datetime.datetime
    expires_at: datetime.datetime
    status: CallStatus = CallStatus.RINGING
    attempt: int = 1
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    end_reason: EndReason | None = None
    next: NextAction | None = None
    transfer_to: str | None = None
    """The name of the person the agent transfers to, of the agent's `transfer_numbers`."""
    failed_transfers: tuple[str, ...] = ()
    """Names of people who did not answer, after which the agent went on."""
    fallback_number: str | None = None
    """The agent's, else the line's: where a person can be reached."""
    caller_memory: str | None = None
    """What the agent is told of the caller's last call."""
    is_draft: bool = False
    """Whether the agent is a draft, heard by its tester."""
    agent_problem: str | None = None
    """Why the call was not answered by what operators last wrote, in their words."""
    usage: Usage = Usage()
    applied_revisions: tuple[str, ...] = ()
    """Edits of the agent that this call took over while it ran."""
    talk_s: int | None = None
    """How long the call lasted, from its first stream on; Twilio's figure if no handler said."""
    cost_usd: float | None = None
    """About what the model cost; None until the call is over."""
    twilio_status: str | None = None
    twilio_duration_s: int | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Which handler holds an attempt of the call (`calls/{sid}/claims/{attempt}`)."""

    attempt: int
    handler: str
    claimed_at: datetime.datetime


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A call with everything below it; turns and tool calls in the order in which they began."""

    call: Call
    claims: tuple[Claim, ...]
    turns: tuple[Turn, ...]
    tool_calls: tuple[ToolCall, ...]


class CallChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What the handler wants written; None leaves a field as it is. Changes add up (`|`)."""

    turns: tuple[Turn, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    status: CallStatus | None = None
    ended_at: datetime.datetime | None = None
    end_reason: EndReason | None = None
    next: NextAction | None = None
    transfer_to: str | None = None
    applied_revisions: tuple[str, ...] | None = None
    talk_s: int | None = None
    cost_usd: float | None = None

    def __or__(self, later: "CallChanges") -> "CallChanges":
        """Both, the later winning: a turn or tool call saved twice is kept once."""
        turns = {turn.n: turn for turn in (*self.turns, *later.turns)}
        tool_calls = {call.id: call for call in (*self.tool_calls, *later.tool_calls)}
        fields = self.fields() | later.fields()
        return CallChanges(
            turns=tuple(turns.values()), tool_calls=tuple(tool_calls.values()), **fields
        )

    def split(self, items: int) -> "tuple[CallChanges, CallChanges]":
        """The fields with the first `items` turns and tool calls, and what is left."""
        turns, tool_calls = self.turns[:items], self.tool_calls[: max(0, items - len(self.turns))]
        first = msgspec.structs.replace(self, turns=turns, tool_calls=tool_calls)
        rest = CallChanges(
            turns=self.turns[len(turns) :], tool_calls=self.tool_calls[len(tool_calls) :]
        )
        return first, rest

    def fields(self) -> dict[str, Json]:
        """The fields of the call document that change."""
        names = (name for name in self.__struct_fields__ if name not in ("turns", "tool_calls"))
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class TwilioStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a call status callback says."""

    status: str
    duration_s: int | None
    final: bool
    """Twilio will say nothing more: completed, busy, failed, no-answer or canceled."""


class CallStore(Protocol):
    """Where calls are kept. Every method raises StoreUnavailable when the store does not answer."""

    async def open_call(self, call: Call) -> Call:
        """Create the call; if it exists already, leave it and return the stored one."""

    async def read_call(self, call_sid: str) -> Call | None:
        """The call document alone."""

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        """Win `claim.attempt` of the call, which becomes in_progress, and return the call.

        None if the call is unknown, over, at another attempt, or that attempt is taken. Of any
        number of racing claims exactly one wins.
        """

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        """Write all of `changes` or nothing. Raises Superseded unless `attempt` is current."""

    async def resume(self, call_sid: str) -> Call | None:
        """Go on with the agent after a transfer that nobody answered.

        Opens the next attempt, and notes who did not answer. Repeated before that attempt is
        claimed, it returns the call as it is. None if the call is unknown or not to be resumed.
        """

    async def note_twilio_status(
        self, call_sid: str, status: TwilioStatus, at: datetime.datetime
    ) -> bool:
        """Record what Twilio says of the call; a final status ends it. False if it is unknown."""

    async def read_record(self, call_sid: str) -> CallRecord | None:
        """The call with its claims, turns and tool calls."""


class CallQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls to list; None asks for nothing in particular."""

    since: datetime.datetime | None = None
    """Calls created then or later; `until` is the first moment that is too late."""
    until: datetime.datetime | None = None
    number: str | None = None
    """The caller's or the called one, exactly as it was recorded."""
    agent_id: str | None = None
    limit: int = 50


class CallIndex(Protocol):
    """Finds calls. Raises StoreUnavailable when the store does not answer."""

    async def list_calls(self, query: CallQuery) -> tuple[Call, ...]:
        """The newest come first; without any that cannot be read."""


def _add(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in sorted({*a, *b})}
