"""What the model calls: tools over HTTP, and the functions that are built in."""

import msgspec

from ringdown.calls import ToolCall
from ringdown.tools import (
    Json,
    Scheduling,
    ToolAnswer,
    ToolDeclaration,
    ToolRequest,
    Waiting,
)
from ringdown.tools.arguments import problems_with
from ringdown.tools.request import tool_request
from stream_handler.call.actions import (
    CallTool,
    CancelTool,
    SendMark,
    SendModelText,
    SendToolResponse,
)
from stream_handler.call.catching_up import results_prompt
from stream_handler.call.closing import Closing
from stream_handler.call.deadlines import Timer
from stream_handler.call.ending import HANG_UP, Outcome, transfer_to
from stream_handler.call.events import ToolCallFinished, ToolCallRequested
from stream_handler.call.functions import (
    COLLECT_DIGITS,
    END_CALL,
    TRANSFER_CALL,
    CollectDigitsArgs,
    TransferCallArgs,
)
from stream_handler.call.keypad import Collected, Collection
from stream_handler.call.parts import Actions, Parts, save

MOST_RUNS = 8
"""Requests to tools under way in one call. Models have been seen to ask in circles."""

_GOODBYE_SAID = "The call ends now. Say nothing more."
_GOODBYE_MISSING = "The call ends once you have said a short goodbye. Say it now."
_TRANSFER_SAID = "The call is being transferred. Say nothing more."
_TRANSFER_MISSING = "Tell the caller now, in one short sentence, that you are connecting them."


class ToolCalls:
    """Answers every call of the model exactly once."""

    def __init__(self, parts: Parts, closing: Closing) -> None:
        self._parts = parts
        self._closing = closing
        self._tools = {tool.name: tool for tool in parts.call.tools}

    def requested(self, event: ToolCallRequested) -> Actions:
        if not self._parts.ledger.begin(event.id, event.name, event.args, event.at_ms):
            return
        tool = self._tools.get(event.name)
        if event.name == END_CALL:
            yield from self._leave(event, HANG_UP, _GOODBYE_SAID, _GOODBYE_MISSING)
        elif event.name == TRANSFER_CALL:
            yield from self._transfer(event)
        elif event.name == COLLECT_DIGITS:
            yield from self._collect(event)
        elif tool is not None:
            yield from self._call(tool, event)
        else:
            answer = ToolAnswer.failed(f"There is no tool named {event.name}. Go on without it.")
            yield from self.answer(event.id, answer, event.at_ms)

    def finished(self, event: ToolCallFinished) -> Actions:
        """A tool has answered: tell the model for every call that waits for it."""
        for id in self._parts.ledger.run_finished(event.id, event.answer):
            yield from self.answer(id, event.answer, event.at_ms)

    def answer(
        self, id: str, answer: ToolAnswer, at_ms: float, scheduling: Scheduling | None = None
    ) -> Actions:
        """Tell the model; nothing if the call was answered or cancelled before."""
        record = self._parts.ledger.finish(id, answer, at_ms)
        if record is not None:
            tool = self._tools.get(record.name)
            scheduling = tool.scheduling if tool is not None else scheduling
            self._parts.results.add(record)
            yield from self._tell(record, answer, scheduling)
            yield from save(tool_calls=(record,))

    def _tell(self, record: ToolCall, answer: ToolAnswer, scheduling: Scheduling | None) -> Actions:
        """The session that made the call gets its answer, a later one a text about it.

        If no session listens now, the next one is told of it when it is opened.
        """
        parts = self._parts
        if not parts.link.listening:
            return
        if scheduling != "silent":
            parts.watchdog.asked()
        if parts.reconnects.knows(record.start_ms):
            yield SendToolResponse(record.id, record.name, answer, scheduling)
        else:
            yield SendModelText(results_prompt((record,)))

    def cancelled(self, ids: tuple[str, ...], at_ms: float) -> Actions:
        records = self._parts.ledger.cancel(ids, at_ms)
        for record in records:
            if self._parts.keypad.cancel(record.id):
                yield from self._parts.cancel(Timer.KEYPAD_PAUSE)
                yield from self._parts.start(Timer.KEYPAD_PAUSE, self._parts.keypad.pause_ms)
        for run in self._parts.ledger.abandoned():
            yield CancelTool(run)
        yield from save(tool_calls=records)

    def collected(self, result: Collected, at_ms: float) -> Actions:
        """The model learns that digits were typed, and never which."""
        answer = ToolAnswer(output={"collected": True})
        if not result.complete:
            length = result.collection.length
            wanted = f"{length} digits" if length else "digits"
            answer = ToolAnswer.failed(f"The caller did not type {wanted} in time.", retryable=True)
        yield from self.answer(result.collection.tool_call_id, answer, at_ms)

    def _call(self, tool: ToolDeclaration, event: ToolCallRequested) -> Actions:
        """Ask the tool, unless it is known without: the arguments are wrong, it is asked or has
        just been asked the same, or it is asked too much."""
        ledger, request = self._parts.ledger, self._request(tool, event)
        answer = _refusal(event.args, tool) or ledger.answer_to(request)
        if answer is None and ledger.join(event.id, request):
            return
        if answer is None and ledger.runs >= MOST_RUNS:
            answer = ToolAnswer.failed("Too much is being asked at once. Wait for the answers.")
        if answer is not None:
            yield from self.answer(event.id, answer, event.at_ms)
            return
        ledger.run(event.id, request, _waiting(tool, blocks=event.blocks))
        if event.blocks:  # what the model says with the answer is a turn of its own
            self._parts.turns.agent_complete()
            self._parts.turns.agent_turn_over()
        mark = self._parts.playback.complete()  # its echo tells when the caller begins to wait
        if mark is not None:
            yield SendMark(mark)
        yield CallTool(event.id, tool, request)

    def _request(self, tool: ToolDeclaration, event: ToolCallRequested) -> ToolRequest:
        digits = self._parts.keypad.digits_for(tool.digits)
        return tool_request(
            self._parts.call, tool.name, event.args, tool_call_id=event.id, digits=digits
        )

    def _leave(
        self, event: ToolCallRequested, outcome: Outcome, said: str, missing: str
    ) -> Actions:
        spoken = self._parts.turns.agent_spoke_last
        answer = ToolAnswer(output={"status": said if spoken else missing})
        yield from self.answer(event.id, answer, event.at_ms, "silent" if spoken else None)
        yield from self._closing.begin_goodbye(outcome, event.at_ms)

    def _transfer(self, event: ToolCallRequested) -> Actions:
        names = self._parts.call.agent.transfer_numbers
        try:
            args = msgspec.convert(event.args, TransferCallArgs)
        except msgspec.ValidationError:
            args = None
        if args is None or args.name not in names:
            known = ", ".join(names) or "nobody"
            answer = ToolAnswer.failed(f"You can transfer to: {known}. Use one of these names.")
            yield from self.answer(event.id, answer, event.at_ms)
            return
        yield from self._leave(event, transfer_to(args.name), _TRANSFER_SAID, _TRANSFER_MISSING)

    def _collect(self, event: ToolCallRequested) -> Actions:
        keypad = self._parts.keypad
        problem = _problem_with(event.args, busy=keypad.collecting is not None)
        if problem is not None:
            yield from self.answer(event.id, ToolAnswer.failed(problem), event.at_ms)
            return
        args = msgspec.convert(event.args, CollectDigitsArgs, strict=False)
        keypad.collect(Collection(event.id, args.purpose, args.length, args.secret))
        yield from self._parts.cancel(Timer.KEYPAD_PAUSE)
        yield from self._parts.start(Timer.KEYPAD_PAUSE, keypad.pause_ms)


def _refusal(args: dict[str, Json], tool: ToolDeclaration) -> ToolAnswer | None:
    """Why the tool is not to be asked, in words that help the model to ask again."""
    problem = problems_with(args, tool.parameters)
    return ToolAnswer.failed(problem) if problem is not None else None


def _waiting(tool: ToolDeclaration, *, blocks: bool) -> Waiting:
    """A model that waits for the tool cannot say a phrase."""
    return "tone" if tool.waiting == "phrase" and blocks else tool.waiting


def _problem_with(args: dict[str, Json], *, busy: bool) -> str | None:
    if busy:
        return "Digits are being collected already. Wait for that to end."
    try:
        # Not strict: models write numbers as 4.0 or "4" now and then.
        msgspec.convert(args, CollectDigitsArgs, strict=False)
    except msgspec.ValidationError as error:
        return f"The arguments do not fit: {error}"
    return None
