"""The built-in functions that every session has in addition to its tools.

Each has a declaration, its arguments, and its effect on the call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec

from ringdown.agents import Agent
from ringdown.tools import Behavior, Json, Scheduling, ToolAnswer, ToolName
from ringdown.tools.check import BuiltInName
from stream_handler.call import prompts
from stream_handler.call.events import ToolCallRequested
from stream_handler.call.keypad import Collection
from stream_handler.call.state import HANG_UP, Outcome, transfer_to


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """A function that the model may call; `parameters` is JSON Schema.

    `behavior` is a request: not every model supports both. Built-in functions return immediately.
    """

    name: str
    description: str
    parameters: dict[str, object]
    behavior: Behavior = "non_blocking"


class CallControl(Protocol):
    """What a built-in function can do to the call. `ToolCalls` implements it."""

    @property
    def transfer_names(self) -> tuple[str, ...]:
        """The people the agent may transfer to."""

    @property
    def collecting(self) -> bool:
        """Whether digits are being collected."""

    def answer(
        self, id: str, answer: ToolAnswer, at_ms: float, scheduling: Scheduling | None = None
    ) -> None:
        """Give the model a result; `silent` if it needn't mention it."""

    def leave(self, event: ToolCallRequested, outcome: Outcome, *, said: str, missing: str) -> None:
        """End the stream once the goodbye is heard; tell the model if it still has to say one."""

    def stop_collecting(self, at_ms: float) -> bool:
        """Answer the tool call that is collecting digits, if any; let the model listen again."""

    def collect(self, collection: Collection, at_ms: float) -> None:
        """Collect digits; the tool call is answered when the collection ends."""


class BuiltIn(Protocol):
    """A built-in function."""

    name: BuiltInName
    is_last: bool
    """Whether the model stays silent after it."""

    def declaration(self, agent: Agent) -> FunctionDeclaration | None:
        """Return the declaration; None for an agent that doesn't need the function."""

    def run(self, event: ToolCallRequested, call: CallControl) -> None:
        """Run the function, and answer the model now or later."""


class EndCall:
    name: BuiltInName = "end_call"
    is_last = True

    def declaration(self, agent: Agent) -> FunctionDeclaration:
        return FunctionDeclaration(
            name=self.name,
            description=prompts.END_CALL,
            parameters=_schema(prompts.END_CALL_ARGUMENTS, reason={"type": "string"}),
        )

    def run(self, event: ToolCallRequested, call: CallControl) -> None:
        call.leave(event, HANG_UP, said=prompts.GOODBYE_SAID, missing=prompts.GOODBYE_MISSING)


_REASON_CHARS = 200


class _TransferCallArgs(msgspec.Struct, frozen=True):
    name: str
    reason: Json = None

    @property
    def spoken_reason(self) -> str | None:
        """The reason that the person called will hear. Some models give none, or an odd one."""
        text = " ".join(self.reason.split()) if isinstance(self.reason, str) else ""
        return text[:_REASON_CHARS] or None


class TransferCall:
    name: BuiltInName = "transfer_call"
    is_last = True

    def declaration(self, agent: Agent) -> FunctionDeclaration | None:
        if not agent.transfer_numbers:
            return None
        return FunctionDeclaration(
            name=self.name,
            description=prompts.TRANSFER_CALL,
            parameters=_schema(
                prompts.TRANSFER_CALL_ARGUMENTS,
                required=["name"],
                name={"type": "string", "enum": list(agent.transfer_numbers)},
                reason={"type": "string"},
            ),
        )

    def run(self, event: ToolCallRequested, call: CallControl) -> None:
        try:
            args = msgspec.convert(event.args, _TransferCallArgs)
        except msgspec.ValidationError:
            args = None
        if args is None or args.name not in call.transfer_names:
            problem = prompts.unknown_person(call.transfer_names)
            call.answer(event.id, ToolAnswer.failed(problem), event.at_ms)
            return
        call.leave(
            event,
            transfer_to(args.name, args.spoken_reason),
            said=prompts.TRANSFER_SAID,
            missing=prompts.TRANSFER_MISSING,
        )


class _CollectDigitsArgs(msgspec.Struct, frozen=True):
    purpose: ToolName
    length: Annotated[int, msgspec.Meta(ge=0, le=32)] = 0
    secret: bool = True
    stop: bool = False


class CollectDigits:
    name: BuiltInName = "collect_digits"
    is_last = False

    def declaration(self, agent: Agent) -> FunctionDeclaration:
        return FunctionDeclaration(
            name=self.name,
            description=prompts.COLLECT_DIGITS,
            parameters=_schema(
                prompts.COLLECT_DIGITS_ARGUMENTS,
                required=["purpose"],
                purpose={"type": "string"},
                length={"type": "integer"},
                secret={"type": "boolean"},
                stop={"type": "boolean"},
            ),
        )

    def run(self, event: ToolCallRequested, call: CallControl) -> None:
        try:
            # Not strict: models sometimes write numbers as 4.0 or "4".
            args = msgspec.convert(event.args, _CollectDigitsArgs, strict=False)
        except msgspec.ValidationError as error:
            self._refuse(event, call, prompts.wrong_arguments(error))
            return
        if args.stop:
            stopped = call.stop_collecting(event.at_ms)
            status = prompts.COLLECTING_STOPPED if stopped else prompts.NOTHING_COLLECTED
            call.answer(event.id, ToolAnswer(output={"status": status}), event.at_ms)
            return
        if call.collecting:
            self._refuse(event, call, prompts.COLLECTING_ALREADY)
            return
        collection = Collection(event.id, args.purpose, args.length, args.secret)
        call.collect(collection, event.at_ms)

    def _refuse(self, event: ToolCallRequested, call: CallControl, problem: str) -> None:
        call.answer(event.id, ToolAnswer.failed(problem), event.at_ms)


def _schema(
    descriptions: dict[str, str], required: Sequence[str] = (), **arguments: dict[str, object]
) -> dict[str, object]:
    """Return the JSON Schema of an object with these arguments."""
    schema: dict[str, object] = {
        "type": "object",
        "properties": {
            name: {**argument, "description": descriptions[name]}
            for name, argument in arguments.items()
        },
    }
    return {**schema, "required": list(required)} if required else schema


_ALL: tuple[BuiltIn, ...] = (EndCall(), TransferCall(), CollectDigits())
BUILT_IN: dict[str, BuiltIn] = {function.name: function for function in _ALL}


def functions_for(agent: Agent) -> tuple[FunctionDeclaration, ...]:
    """Return the built-in functions that make sense for `agent`."""
    declared = (function.declaration(agent) for function in _ALL)
    return tuple(declaration for declaration in declared if declaration is not None)
