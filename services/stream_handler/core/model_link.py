"""The state of the model's session: whether it listens, whether it speaks, and what is stale."""

import enum
from dataclasses import dataclass

from ringdown.calls import Call

END_CALL = "end_call"

_STALE_MS = 1_000.0


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """A function as the model is told of it; `parameters` is JSON Schema."""

    name: str
    description: str
    parameters: dict[str, object]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What a model session is opened with."""

    model: str
    instructions: str
    voice: str
    language: str
    functions: tuple[FunctionDeclaration, ...]


_END_CALL_DECLARATION = FunctionDeclaration(
    name=END_CALL,
    description=(
        "Ends the phone call. Call it when the conversation is over: say a short goodbye first, "
        "then call this function, and say nothing after it."
    ),
    parameters={
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "Why the call is over, in a few words."}
        },
    },
)


class _State(enum.Enum):
    CONNECTING = enum.auto()
    LISTENING = enum.auto()
    CLOSED = enum.auto()


class ModelLink:
    """What the model is doing, as far as its messages tell."""

    def __init__(self) -> None:
        self._state = _State.CONNECTING
        self._interrupted_ms: float | None = None
        self.generating = False
        """Whether a reply has begun whose last audio has not come yet."""

    @property
    def listening(self) -> bool:
        return self._state is _State.LISTENING

    def connected(self) -> None:
        self._state = _State.LISTENING

    def closed(self) -> None:
        self._state = _State.CLOSED
        self.generating = False

    def audio(self, at_ms: float) -> bool:
        """Audio has come; False if it belongs to a reply that was interrupted and is to be dropped.

        Such audio ends with the turn; a server that never ends the turn is believed again after
        a second, so that a lost `turnComplete` costs a second and not the call.
        """
        if self._interrupted_ms is not None and at_ms - self._interrupted_ms < _STALE_MS:
            return False
        self._interrupted_ms = None
        self.generating = True
        return True

    def interrupted(self, at_ms: float) -> None:
        if self.generating:
            self._interrupted_ms = at_ms
        self.generating = False

    def generation_completed(self) -> None:
        self.generating = False

    def turn_completed(self) -> None:
        self.generating = False
        self._interrupted_ms = None


def session_config(call: Call) -> ModelConfig:
    """What the model session of `call` is opened with."""
    agent = call.agent
    tools = (
        FunctionDeclaration(tool.name, tool.description, tool.parameters) for tool in call.tools
    )
    return ModelConfig(
        model=agent.model,
        instructions=agent.instructions,
        voice=agent.voice,
        language=agent.language,
        functions=(*tools, _END_CALL_DECLARATION),
    )


def greeting_prompt(greeting: str) -> str:
    """The text that makes the model speak first."""
    return f'The caller is on the line now. Greet them, in exactly these words: "{greeting}"'
