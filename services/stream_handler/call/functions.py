"""The functions that the model is given besides its tools."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from ringdown.agents import Agent
from ringdown.tools import Behavior, ToolName

END_CALL = "end_call"
TRANSFER_CALL = "transfer_call"
COLLECT_DIGITS = "collect_digits"


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """A function that the model may call; `parameters` is JSON Schema.

    `behavior` is a wish: not every model can do both. Those that are built in are answered at once.
    """

    name: str
    description: str
    parameters: dict[str, object]
    behavior: Behavior = "non_blocking"


class TransferCallArgs(msgspec.Struct, frozen=True):
    name: str


class CollectDigitsArgs(msgspec.Struct, frozen=True):
    purpose: ToolName
    length: Annotated[int, msgspec.Meta(ge=0, le=32)] = 0
    secret: bool = True


def functions_for(agent: Agent) -> tuple[FunctionDeclaration, ...]:
    """The built-in functions that make sense for `agent`."""
    transfer = (_transfer_call(tuple(agent.transfer_numbers)),) if agent.transfer_numbers else ()
    return (_END_CALL, *transfer, _COLLECT_DIGITS)


_REASON = {"type": "string", "description": "Why, in a few words."}

_END_CALL = FunctionDeclaration(
    name=END_CALL,
    description=(
        "Ends the phone call. Call it when the conversation is over: say a short goodbye first, "
        "then call this function, and say nothing after it."
    ),
    parameters={"type": "object", "properties": {"reason": _REASON}},
)

_COLLECT_DIGITS = FunctionDeclaration(
    name=COLLECT_DIGITS,
    description=(
        "Lets the caller type digits on the phone's keypad, such as a PIN or an account number. "
        "First ask the caller to type them, then call this function. You are told whether they "
        "were typed, never which; tools that need them are given them by the system."
    ),
    parameters={
        "type": "object",
        "properties": {
            "purpose": {
                "type": "string",
                "description": "What the digits are, in one lower-case word: pin, account_number.",
            },
            "length": {
                "type": "integer",
                "description": "How many digits there are; 0 if that is not known.",
            },
            "secret": {
                "type": "boolean",
                "description": "Whether nobody may learn them, as with a PIN.",
            },
        },
        "required": ["purpose"],
    },
)


def _transfer_call(names: tuple[str, ...]) -> FunctionDeclaration:
    return FunctionDeclaration(
        name=TRANSFER_CALL,
        description=(
            "Transfers the caller to a person. Tell the caller first that you are connecting them, "
            "then call this function, and say nothing after it."
        ),
        parameters={
            "type": "object",
            "properties": {
                "name": {"type": "string", "enum": list(names), "description": "Whom to."},
                "reason": _REASON,
            },
            "required": ["name"],
        },
    )
