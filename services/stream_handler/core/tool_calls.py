"""What the model calls: tools over HTTP, and the functions that are built in."""

import msgspec

from ringdown.tools import (
    Json,
    ToolAnswer,
    ToolCallContext,
    ToolDeclaration,
    ToolRequest,
)
from stream_handler.core.actions import CallTool, CancelTool, SendToolResponse
from stream_handler.core.closing import Closing
from stream_handler.core.deadlines import Timer
from stream_handler.core.ending import HANG_UP, Outcome, transfer_to
from stream_handler.core.events import ToolCallRequested
from stream_handler.core.functions import (
    COLLECT_DIGITS,
    END_CALL,
    TRANSFER_CALL,
    CollectDigitsArgs,
    TransferCallArgs,
)
from stream_handler.core.keypad import Collected, Collection
from stream_handler.core.parts import Actions, Parts, save

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
            yield CallTool(event.id, tool, self._request(tool, event))
        else:
            answer = ToolAnswer.failed(f"There is no tool named {event.name}. Go on without it.")
            yield from self.answer(event.id, answer, event.at_ms)

    def answer(self, id: str, answer: ToolAnswer, at_ms: float, *, silent: bool = False) -> Actions:
        """Tell the model; nothing if the call was answered or cancelled before."""
        record = self._parts.ledger.finish(id, answer, at_ms)
        if record is not None:
            yield SendToolResponse(id, record.name, answer, silent)
            yield from save(tool_calls=(record,))

    def cancelled(self, ids: tuple[str, ...], at_ms: float) -> Actions:
        records = self._parts.ledger.cancel(ids, at_ms)
        for record in records:
            if self._parts.keypad.cancel(record.id):
                yield from self._parts.cancel(Timer.KEYPAD_PAUSE)
                yield from self._parts.start(Timer.KEYPAD_PAUSE, self._parts.keypad.pause_ms)
            else:
                yield CancelTool(record.id)
        yield from save(tool_calls=records)

    def collected(self, result: Collected, at_ms: float) -> Actions:
        """The model learns that digits were typed, and never which."""
        answer = ToolAnswer(output={"collected": True})
        if not result.complete:
            length = result.collection.length
            wanted = f"{length} digits" if length else "digits"
            answer = ToolAnswer.failed(f"The caller did not type {wanted} in time.", retryable=True)
        yield from self.answer(result.collection.tool_call_id, answer, at_ms)

    def _request(self, tool: ToolDeclaration, event: ToolCallRequested) -> ToolRequest:
        call = self._parts.call
        return ToolRequest(
            call=ToolCallContext(
                call_sid=call.call_sid,
                agent_id=call.agent_id,
                caller=call.caller,
                called=call.called,
                language=call.agent.language,
            ),
            name=tool.name,
            args=event.args,
            idempotency_key=f"{call.call_sid}/{event.id}",
            digits=self._parts.keypad.digits_for(tool.digits),
        )

    def _leave(
        self, event: ToolCallRequested, outcome: Outcome, said: str, missing: str
    ) -> Actions:
        spoken = self._parts.turns.agent_spoke_last
        answer = ToolAnswer(output={"status": said if spoken else missing})
        yield from self.answer(event.id, answer, event.at_ms, silent=spoken)
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


def _problem_with(args: dict[str, Json], *, busy: bool) -> str | None:
    if busy:
        return "Digits are being collected already. Wait for that to end."
    try:
        # Not strict: models write numbers as 4.0 or "4" now and then.
        msgspec.convert(args, CollectDigitsArgs, strict=False)
    except msgspec.ValidationError as error:
        return f"The arguments do not fit: {error}"
    return None
