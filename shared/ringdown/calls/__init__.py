"""The call: its record, its states, and the port of the store that keeps it.

A call is a state machine advanced by webhooks and by the stream handler:

    ringing ──claim──▶ in_progress ──complete──▶ ended

`attempt` counts the streams offered to Twilio for the call. Only the attempt that claimed the call
may write to it, and only until a later attempt opens. That happens after a transfer that wasn't
taken, or when a stream ended without a decision about what comes next.
"""

import datetime
import enum
from typing import Protocol

import msgspec

from ringdown.agents import Agent
from ringdown.calls.outcomes import Outcome
from ringdown.tools import Json, ToolDeclaration

RETENTION = datetime.timedelta(days=30)
EARLY_END_KEPT_FOR = datetime.timedelta(days=1)
MOST_TAKE_UPS = 10
MOST_RECENT_TAKE_UPS = 3
"""Per minute, so that a handler that fails as soon as it has the call doesn't keep getting it."""
_RECENT = datetime.timedelta(minutes=1)


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
    """Dial the person whom the agent chose (`transfer_to`). If they don't take the call, the agent
    continues it."""
    IDLE_GOODBYE = "idle_goodbye"
    """Say goodbye to a caller who is no longer there."""
    TIME_GOODBYE = "time_goodbye"
    """Say that time is up, and goodbye."""
    BUSY = "busy"
    """Say that all lines are busy, or dial the fallback number if there is one."""


class EndReason(enum.StrEnum):
    """Why a call's stream ended."""

    AGENT_HUNG_UP = "agent_hung_up"
    CALLER_HUNG_UP = "caller_hung_up"
    CALLER_ASKED_FOR_PERSON = "caller_asked_for_person"
    CALLER_IDLE = "caller_idle"
    TRANSFERRED = "transferred"
    OUTSIDE_HOURS = "outside_hours"
    """The line is closed, according to the agent's opening hours."""
    TIME_LIMIT = "time_limit"
    COST_LIMIT = "cost_limit"
    STREAM_LOST = "stream_lost"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_LOST = "model_lost"
    HANDLER_STOPPED = "handler_stopped"
    """The process that handled the call had to stop; another one takes over the call."""
    HANDLER_BUSY = "handler_busy"
    """The stream handler was at its limit, or too slow for another call."""
    NEVER_STREAMED = "never_streamed"
    """Twilio ended the call before a stream handler had claimed it."""


class ToolOutcome(enum.StrEnum):
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """The model cancelled it, and nothing was done."""
    UNKNOWN = "unknown"
    """It may or may not have been done: it is still running, it took too long, its connection was
    lost, or its process ended."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one side said. Times are in ms since the call's first stream began."""

    n: int
    speaker: Speaker
    text: str
    start_ms: int
    end_ms: int
    interrupted: bool = False
    """Cut short by the caller; `text` is then an estimate of what was heard (±200 ms)."""
    reply_ms: int | None = None
    """For the agent: the time from the caller's last voiced frame to this turn's first audio."""
    upload: int | None = None
    """The number of the upload that this turn consists of; None if the caller spoke."""
    barge_in_ms: int | None = None
    """For an interrupted agent: the time from the caller's first voiced frame to our `clear`."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call. `start_ms` counts from the beginning of the call's first stream."""

    id: str
    name: str
    args: dict[str, Json]
    outcome: ToolOutcome
    start_ms: int
    duration_ms: int
    output: dict[str, Json] | None = None
    error: str | None = None
    idempotency_key: str | None = None
    """The key sent to the tool. Calls with the same key are repetitions of one request."""


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


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """The handle that resumes the model session, for up to two hours after it ends.

    It restores what was said until `at_ms` after the call's first stream began.
    """

    handle: str
    at_ms: int
    endpoint: str | None = None
    """The endpoint that issued the handle, and therefore knows it; None for the first one."""


GO_AWAY = "the service announced the session's end"
"""The reason given for an expected reconnect."""
NO_SOUND = "the model's reply had no sound"
"""The reason given for a reconnect after a silent reply, even if the reply had words."""


class Reconnect(msgspec.Struct, frozen=True, kw_only=True):
    """A model session replaced another, or a call's first session was opened at an endpoint other
    than the first. Times are in ms, as in turns."""

    at_ms: int
    took_ms: int
    """How long no session was listening."""
    reason: str
    endpoint: str | None = None
    """The endpoint of the new session; None for the first one."""


class ListedCall(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a call that lists show. Its agent and tools may be long, so they stay in the
    store."""

    call_sid: str
    caller: str
    called: str
    agent_id: str
    agent_revision: str
    created_at: datetime.datetime
    is_draft: bool = False
    """Whether the agent is a draft, heard by its tester."""
    agent_problem: str | None = None
    """Why the agent's latest version didn't answer the call, in operators' words."""
    status: CallStatus = CallStatus.RINGING
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    end_reason: EndReason | None = None
    stream_error: str | None = None
    """The last problem that Twilio reported with the call's audio stream."""
    usage: Usage = Usage()
    talk_s: int | None = None
    """How long the call lasted from its first stream on. If no handler reported that, it is
    Twilio's duration."""
    cost_usd: float | None = None
    """Roughly what the model cost; None until the call is over."""
    outcome: str | None = None
    """The call's outcome, one of `outcomes.STANDINGS`; None if the agent asks for none, or it isn't
    known yet."""


class Call(ListedCall, frozen=True, kw_only=True):
    """The call document (`calls/{CallSid}`), including the resolved agent without its examples."""

    agent: Agent
    tools: tuple[ToolDeclaration, ...]
    expires_at: datetime.datetime
    caller_verified: bool = False
    """Whether the telephone network vouches for the caller's number."""
    attempt: int = 1
    next: NextAction | None = None
    transfer_to: str | None = None
    """The name of the person the agent transfers to, from the agent's `transfer_numbers`."""
    transfer_reason: str | None = None
    """What the caller wants from that person, in the agent's words; the person hears it."""
    accepted_by: str | None = None
    """The name of the person who pressed 1 to take the call. Stays None if the agent's
    `transfer_accept` is false."""
    failed_transfers: tuple[str, ...] = ()
    """Names of people who didn't take the call, so the agent continued it."""
    take_ups: tuple[datetime.datetime, ...] = ()
    """When the call was taken over, each time after a stream that ended without a decision."""
    resumed_from: EndReason | None = None
    """Why the stream before the current attempt ended; None for the first."""
    model_error: str | None = None
    """Why the model session was lost or couldn't be opened, in the service's words."""
    fallback_number: str | None = None
    """Where a person can be reached: the agent's number, else the line's."""
    caller_memory: str | None = None
    """What the agent knows about the caller's last call."""
    caller_facts: str | None = None
    """What the agent's `before_call` tool said about the caller: a JSON object, on one line."""
    facts_problem: str | None = None
    """Why there are no facts, although the agent names a tool for them."""
    recording_problem: str | None = None
    """Why the recording is missing or incomplete, although the agent wants one."""
    applied_revisions: tuple[str, ...] = ()
    """Revisions of the agent that this call adopted while it was live."""
    reconnects: tuple[Reconnect, ...] = ()
    resumption: Resumption | None = None
    """The handle with which the call's next stream resumes the model session."""
    uploads: tuple[str, ...] = ()
    """The ids of the pictures and texts that the caller sent, in order
    (`ringdown.calls.uploads`)."""
    twilio_status: str | None = None
    twilio_duration_s: int | None = None
    trace_id: str | None = None
    """The id of the call's trace; None if it isn't traced."""

    @property
    def stream_began_ms(self) -> int:
        """How long after the ring the first stream began. Turns and tool calls count from then."""
        if self.started_at is None:
            return 0
        return max(0, round((self.started_at - self.created_at).total_seconds() * 1000))


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A handler's claim to an attempt of the call (`calls/{sid}/claims/{attempt}`)."""

    attempt: int
    handler: str
    claimed_at: datetime.datetime


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A call with everything below it; turns and tool calls are in the order they began."""

    call: Call
    claims: tuple[Claim, ...]
    turns: tuple[Turn, ...]
    tool_calls: tuple[ToolCall, ...]
    outcome: Outcome | None = None
    """What came of the call; None if the agent asks for no outcome, or it isn't known yet."""


class CallChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Changes for the handler to write. None leaves a field unchanged; `|` combines changes."""

    turns: tuple[Turn, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    status: CallStatus | None = None
    ended_at: datetime.datetime | None = None
    end_reason: EndReason | None = None
    next: NextAction | None = None
    transfer_to: str | None = None
    transfer_reason: str | None = None
    applied_revisions: tuple[str, ...] | None = None
    reconnects: tuple[Reconnect, ...] | None = None
    resumption: Resumption | None = None
    model_error: str | None = None
    recording_problem: str | None = None
    talk_s: int | None = None
    cost_usd: float | None = None
    trace_id: str | None = None

    def __or__(self, later: "CallChanges") -> "CallChanges":
        """Combine both. Later values win, so a turn or tool call saved twice is kept once."""
        turns = {turn.n: turn for turn in (*self.turns, *later.turns)}
        tool_calls = {call.id: call for call in (*self.tool_calls, *later.tool_calls)}
        fields = self.fields() | later.fields()
        return CallChanges(
            turns=tuple(turns.values()), tool_calls=tuple(tool_calls.values()), **fields
        )

    def split(self, items: int) -> "tuple[CallChanges, CallChanges]":
        """Split off the fields and the first `items` turns and tool calls from the rest."""
        turns, tool_calls = self.turns[:items], self.tool_calls[: max(0, items - len(self.turns))]
        first = msgspec.structs.replace(self, turns=turns, tool_calls=tool_calls)
        rest = CallChanges(
            turns=self.turns[len(turns) :], tool_calls=self.tool_calls[len(tool_calls) :]
        )
        return first, rest

    def fields(self) -> dict[str, Json]:
        """Return the fields of the call document that change."""
        names = (name for name in self.__struct_fields__ if name not in ("turns", "tool_calls"))
        return {name: value for name in names if (value := getattr(self, name)) is not None}


FINAL_TWILIO_STATUSES = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""https://www.twilio.com/docs/voice/api/call-resource#call-status-values"""


class TwilioStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a call status callback says."""

    status: str
    duration_s: int | None
    final: bool
    """Whether this is the call's last status: one of `FINAL_TWILIO_STATUSES`."""


class EarlyEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The final status of a call that was never opened, because its caller gave up while we were
    starting, or was refused. Nothing else is known about the call, and Twilio doesn't repeat a
    callback that we accepted."""

    twilio_status: str
    duration_s: int | None
    at: datetime.datetime
    expires_at: datetime.datetime


class CallStore(Protocol):
    """Stores calls. Every method raises StoreUnavailable when the store doesn't answer."""

    async def open_call(self, call: Call) -> Call:
        """Create the call; if it exists already, leave it and return the stored one.

        If Twilio has already reported its end (`note_twilio_status`), it is created as ended.
        """

    async def read_call(self, call_sid: str) -> Call | None:
        """Return only the call document."""

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        """Claim `claim.attempt` of the call, which becomes in_progress, and return the call.

        None if the call is unknown, over or at another attempt, or if that attempt is taken. Of any
        number of racing claims, exactly one wins. If the winner repeats its claim, it wins again,
        because its response may have been lost.
        """

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        """Write all of `changes` or nothing. Raises Superseded unless `attempt` is current."""

    async def accept_transfer(self, call_sid: str, attempt: int) -> Call | None:
        """Record that the person dialled after `attempt` took the call. Repeating it changes
        nothing. None if the call is unknown or over, or no one is being dialled after that attempt.
        """

    async def resume(self, call_sid: str) -> Call | None:
        """Continue with the agent after a transfer that wasn't taken.

        Opens the next attempt, and records who didn't take the call. If repeated before that
        attempt is claimed, it returns the unchanged call. None if the call is unknown or can't be
        resumed.
        """

    async def take_up(self, call_sid: str, ended: int, at: datetime.datetime) -> Call | None:
        """Continue with the agent after the stream of attempt `ended` ended without a decision.

        Opens the next attempt. If repeated, it returns the unchanged call. None if the call is
        unknown, decided or over, or was taken over too often (`MOST_TAKE_UPS`).
        """

    async def note_stream_error(self, call_sid: str, error: str) -> bool:
        """Record a problem that Twilio reports with the stream. False if the call is unknown."""

    async def note_twilio_status(
        self, call_sid: str, status: TwilioStatus, at: datetime.datetime
    ) -> bool:
        """Record a status from Twilio; a final one ends the call. False if the call is unknown.

        A non-final status that arrives after a final one is late, and changes nothing. A final one
        that arrives before its call is opened is kept until then (`EarlyEnd`).
        """

    async def read_record(self, call_sid: str) -> CallRecord | None:
        """Return the call with its claims, turns, tool calls and outcome."""


class CallQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls to list; None matches all."""

    since: datetime.datetime | None = None
    """Only calls created at this time or later; `until` is exclusive."""
    until: datetime.datetime | None = None
    number: str | None = None
    """The caller's or the called number, exactly as recorded."""
    agent_id: str | None = None
    end_reasons: tuple[EndReason, ...] = ()
    """Only calls that ended for one of these reasons; any if empty."""
    outcomes: tuple[str, ...] = ()
    """Only calls with one of these outcomes (of `outcomes.STANDINGS`); any if empty."""
    live: bool = False
    """Only calls that are ringing or in progress."""
    limit: int = 50


class CallIndex(Protocol):
    """Finds calls. Raises StoreUnavailable when the store does not answer."""

    async def list_calls(self, query: CallQuery) -> tuple[ListedCall, ...]:
        """Return the calls, newest first, without any that can't be read."""

    async def find_sids(self, beginning: str, limit: int) -> tuple[str, ...]:
        """Return up to `limit` SIDs with this beginning, in order."""


def timed_from_ring(record: CallRecord) -> CallRecord:
    """Return the record with all times counted from the ring, the way people see them."""
    began_ms = record.call.stream_began_ms
    replace = msgspec.structs.replace
    reconnects = tuple(replace(it, at_ms=began_ms + it.at_ms) for it in record.call.reconnects)
    return replace(
        record,
        call=replace(record.call, reconnects=reconnects),
        turns=tuple(
            replace(it, start_ms=began_ms + it.start_ms, end_ms=began_ms + it.end_ms)
            for it in record.turns
        ),
        tool_calls=tuple(replace(it, start_ms=began_ms + it.start_ms) for it in record.tool_calls),
    )


def may_be_running(tool: ToolCall, call: Call) -> bool:
    """Whether a result may still come, as far as the record tells."""
    is_settled = tool.outcome is not ToolOutcome.UNKNOWN or tool.error is not None
    return not is_settled and call.status is not CallStatus.ENDED


def recent_take_ups(call: Call, at: datetime.datetime) -> int:
    """How often the call was taken over in the minute before `at`."""
    return sum(at - taken_up < _RECENT for taken_up in call.take_ups)


def _add(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in sorted({*a, *b})}
