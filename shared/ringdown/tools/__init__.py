"""Tools: their declarations for the model, and the HTTP protocol for calling them.

The model chooses `args` and nothing else: identities travel in `ToolCallContext`, the URL comes
from the tool's declaration.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import msgspec

# Arguments and results are whatever JSON the tool's schema allows.
Json = Any

ASK_FOR_PHOTO = "ask_for_photo"
"""The tool that agents with `photos` get without listing it."""

ToolName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

Behavior = Literal["blocking", "non_blocking"]
"""Whether the model waits for the result, or keeps talking meanwhile."""
Scheduling = Literal["interrupt", "when_idle", "silent"]
"""When the model speaks about the result of a call that it didn't wait for."""
Waiting = Literal["tone", "phrase", "nothing"]
"""What the caller hears while a call is slow."""


class ToolDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """A tool: what the model sees (name, description, parameters), and how we call it."""

    name: ToolName
    description: str
    url: str
    parameters: dict[str, Json] = msgspec.field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )
    """The JSON Schema of the arguments."""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    behavior: Behavior = "blocking"
    scheduling: Scheduling = "interrupt"
    """Only for non-blocking tools."""
    digits: tuple[str, ...] = ()
    """Purposes of typed digits that this tool receives, such as `pin`."""
    waiting: Waiting = "tone"
    before_call: bool = False
    """Whether agents may use it while the phone rings. It is then called without arguments."""


class ToolCallContext(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling; the model can't change it. `caller` is a hint, never proof of identity."""

    call_sid: str
    agent_id: str
    caller: str
    caller_verified: bool = False
    """Whether the telephone network vouches for the number (STIR/SHAKEN, attestation A)."""
    called: str
    language: str
    facts: dict[str, Json] = {}
    """What the agent's `before_call` tool returned about the caller; empty if nothing."""


class ToolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of the POST. `idempotency_key` is the same for every delivery of one call."""

    call: ToolCallContext
    name: ToolName
    args: dict[str, Json]
    idempotency_key: str
    digits: dict[str, str] = {}
    """What the caller typed on the keypad, by purpose; the model never sees it."""


class ToolError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a tool failed, in words that help the model continue."""

    message: str
    retryable: bool = False


class ToolAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool's answer: either an `output` or an `error`."""

    output: dict[str, Json] | None = None
    error: ToolError | None = None

    def __post_init__(self) -> None:
        if (self.output is None) == (self.error is None):
            raise ValueError("a tool answers with either `output` or `error`")

    @staticmethod
    def failed(message: str, *, retryable: bool = False) -> "ToolAnswer":
        return ToolAnswer(error=ToolError(message=message, retryable=retryable))


NOTHING_TO_TELL = ToolAnswer(output={"status": "The tool has nothing to tell."})
"""Replaces an empty output, because a model that gets nothing keeps asking."""


@dataclass(frozen=True, slots=True)
class DeclaredTool:
    """What a check of a tool's declaration found."""

    problem: str | None = None
    """Why the tool can't be used."""
    simplifications: tuple[str, ...] = ()
    """Where its declaration for models differs from its parameters."""
    before_call: bool = False
    """Whether agents may use it before a call."""


class ToolStore(Protocol):
    """Where tool declarations are kept."""

    async def read_tools(self, names: tuple[str, ...]) -> tuple[ToolDeclaration, ...]:
        """Return the declarations of those `names` that exist and are valid, in the same order.

        Raises StoreUnavailable.
        """

    async def write_tool(self, tool: ToolDeclaration) -> None:
        """Create or replace the declaration. Raises StoreUnavailable."""
