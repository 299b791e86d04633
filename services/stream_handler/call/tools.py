"""Everything the model can call: tools over HTTP, and the built-in functions."""

from dataclasses import dataclass, field

from ringdown.calls import ToolCall
from ringdown.tools import (
    ASK_FOR_PHOTO,
    Json,
    Scheduling,
    ToolAnswer,
    ToolDeclaration,
    Waiting,
)
from ringdown.tools.arguments import problems_with
from ringdown.tools.request import tool_request
from stream_handler.call import prompts
from stream_handler.call.actions import (
    CallTool,
    SendMark,
    SendModelText,
    SendToolResponse,
)
from stream_handler.call.effects import Effects
from stream_handler.call.events import ToolCallFinished, ToolCallRequested
from stream_handler.call.functions import BUILT_IN
from stream_handler.call.goodbye import Goodbye
from stream_handler.call.keypad import Collected, Collection, Keypad
from stream_handler.call.playback import Playback
from stream_handler.call.reconnect import Reconnects
from stream_handler.call.state import CallState, Outcome
from stream_handler.call.timers import Timer
from stream_handler.call.tool_ledger import Order, ToolLedger
from stream_handler.call.transcript import Transcript
from stream_handler.call.uploads import Uploads
from stream_handler.call.watchdog import Watchdog

MOST_RUNS = 8
"""The most tool requests under way in one call. Models have been seen to go round in circles."""


@dataclass(slots=True, eq=False)
class ToolCalls:
    """Gives every call that the model makes exactly one answer."""

    effects: Effects
    state: CallState
    transcript: Transcript
    playback: Playback
    keypad: Keypad
    ledger: ToolLedger
    reconnects: Reconnects
    watchdog: Watchdog
    goodbye: Goodbye
    uploads: Uploads
    _tools: dict[str, ToolDeclaration] = field(init=False)

    def __post_init__(self) -> None:
        self._tools = {tool.name: tool for tool in self.state.call.tools}

    def requested(self, event: ToolCallRequested) -> None:
        self.watchdog.model_acted()
        self.state.link.turn_is_empty = False
        if not self.ledger.begin(event.id, event.name, event.args, event.at_ms):
            return
        if self.state.unspoken_since_ms is not None:
            self.answer(event.id, ToolAnswer.failed(prompts.CALLER_FIRST), event.at_ms)
            return
        function, tool = BUILT_IN.get(event.name), self._tools.get(event.name)
        if function is None or not function.is_last:
            self.goodbye.tool_requested()
        if function is not None:
            function.run(event, self)
        elif tool is not None:
            self._call(tool, event)
        else:
            answer = ToolAnswer.failed(prompts.unknown_tool(event.name))
            self.answer(event.id, answer, event.at_ms)

    def finished(self, event: ToolCallFinished) -> None:
        """Record the tool's result, and give it to the model for every call waiting for it."""
        settled = self.ledger.run_finished(
            event.id, event.answer, event.at_ms, certain=event.certain
        )
        for call in settled:
            if call.awaited:
                scheduling = self._tools[call.record.name].scheduling
                self._send_result(call.record, event.answer, scheduling)
            if call.record.name == ASK_FOR_PHOTO and event.answer.error is None:
                self.uploads.asked_for()
        self.effects.save(tool_calls=tuple(call.record for call in settled))

    def answer(
        self, id: str, answer: ToolAnswer, at_ms: float, scheduling: Scheduling | None = None
    ) -> None:
        """Give the model the result, unless the call was already answered or cancelled."""
        record = self.ledger.finish(id, answer, at_ms)
        if record is not None:
            tool = self._tools.get(record.name)
            scheduling = tool.scheduling if tool is not None else scheduling
            self._send_result(record, answer, scheduling)
            self.effects.save(tool_calls=(record,))

    def _send_result(
        self, record: ToolCall, answer: ToolAnswer, scheduling: Scheduling | None
    ) -> None:
        """Send the result to the session that made the call, or describe it to a later one.

        If no session is listening, the next one learns of it when it opens.
        """
        if not self.state.link.listening:
            return
        if scheduling != "silent":
            self.watchdog.asked()
        if self.reconnects.session_has_seen(record.start_ms):
            self.effects.do(SendToolResponse(record.id, record.name, answer, scheduling))
        else:
            self.effects.do(SendModelText(prompts.tool_results((record,))))

    def cancelled(self, ids: tuple[str, ...], at_ms: float) -> None:
        records = self.ledger.cancel(ids, at_ms)
        for record in records:
            if self.keypad.cancel(record.id):
                self.effects.restart(Timer.KEYPAD_PAUSE, self.keypad.pause_ms)
        self.effects.save(tool_calls=records)

    def collected(self, result: Collected, at_ms: float) -> None:
        """Tell the model that digits were typed, but never which."""
        answer = ToolAnswer(output={"collected": True})
        if not result.complete:
            missing = prompts.digits_missing(result.collection.length)
            answer = ToolAnswer.failed(missing, retryable=True)
        self.answer(result.collection.tool_call_id, answer, at_ms)

    def _call(self, tool: ToolDeclaration, event: ToolCallRequested) -> None:
        """Call the tool, unless the arguments are invalid, the same order is running or was just
        answered, or too many are running."""
        ledger = self.ledger
        answer = _refusal(event.args, tool)
        if answer is not None:
            self.answer(event.id, answer, event.at_ms)
            return
        order = ledger.order(event.id, self.keypad.digits_for(tool.digits), event.twin)
        answer = ledger.answer_to(order)
        if answer is None and not ledger.join(event.id, order):
            if ledger.runs < MOST_RUNS:
                self._run(tool, event, order)
            else:
                answer = ToolAnswer.failed(prompts.TOO_MANY_CALLS, retryable=True)
        if answer is not None:
            self.answer(event.id, answer, event.at_ms)
        else:
            # Recorded before the outcome is known: the tool may do it even if we crash first.
            self.effects.save(tool_calls=(ledger.begun(event.id, event.at_ms),))

    def _run(self, tool: ToolDeclaration, event: ToolCallRequested, order: Order) -> None:
        self.ledger.run(event.id, order, _waiting(tool, blocks=event.blocks))
        if event.blocks:  # what the model says about the result is a separate turn
            self.transcript.agent_complete()
            self.transcript.agent_turn_over()
        mark = self.playback.complete()  # its echo shows when the caller begins to wait
        if mark is not None:
            self.effects.do(SendMark(mark))
        request = tool_request(
            self.state.call,
            tool.name,
            event.args,
            idempotency_key=order.key,
            digits=order.digits,
        )
        self.effects.do(CallTool(event.id, tool, request))

    # What built-in functions do

    @property
    def transfer_names(self) -> tuple[str, ...]:
        return tuple(self.state.call.agent.transfer_numbers)

    @property
    def collecting(self) -> bool:
        return self.keypad.collecting is not None

    def leave(self, event: ToolCallRequested, outcome: Outcome, *, said: str, missing: str) -> None:
        spoken = self.transcript.agent_spoke_last
        answer = ToolAnswer(output={"status": said if spoken else missing})
        self.answer(event.id, answer, event.at_ms, "silent" if spoken else None)
        self.goodbye.begin_goodbye(outcome, event.at_ms)

    def stop_collecting(self, at_ms: float) -> bool:
        collection = self.keypad.collecting
        if collection is None:
            return False
        self.keypad.cancel(collection.tool_call_id)
        self.effects.restart(Timer.KEYPAD_PAUSE, self.keypad.pause_ms)
        stopped = ToolAnswer.failed(prompts.digits_missing(collection.length), retryable=True)
        self.answer(collection.tool_call_id, stopped, at_ms, "silent")
        return True

    def collect(self, collection: Collection, at_ms: float) -> None:
        typed_already = self.keypad.collect(collection)
        self.effects.restart(Timer.KEYPAD_PAUSE, self.keypad.pause_ms)
        if typed_already is not None:
            self.collected(typed_already, at_ms)


def _refusal(args: dict[str, Json], tool: ToolDeclaration) -> ToolAnswer | None:
    """Tell the model why its arguments are invalid, so that it can correct them; None if valid."""
    problem = problems_with(args, tool.parameters)
    return ToolAnswer.failed(problem) if problem is not None else None


def _waiting(tool: ToolDeclaration, *, blocks: bool) -> Waiting:
    """Return what the caller hears: a model that waits for the tool can't say a phrase."""
    return "tone" if tool.waiting == "phrase" and blocks else tool.waiting
