"""The agent: what operators edit and a call is answered with."""

import hashlib
from importlib import resources
from typing import Annotated, Literal, Protocol

import msgspec

from ringdown.documents import to_record
from ringdown.settings import is_e164
from ringdown.tools import ToolName

DEFAULT_AGENT_ID = "default"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
LanguageTag = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]


def check_number(field: str, number: str) -> None:
    """Raise ValueError, saying how it is written, unless `number` is E.164."""
    if not is_e164(number):
        raise ValueError(
            f"{field} must be written like +14155550100: plus, country code, digits only"
        )


class TurnTaking(msgspec.Struct, frozen=True, kw_only=True):
    """How the agent tells that the caller has finished, or wants to speak."""

    patience: Literal["quick", "normal", "patient"] = "normal"
    """How long a pause may be before the agent answers; patient for slow speakers."""
    start_sensitivity: Literal["high", "low"] = "high"
    """Low takes more voice to interrupt the agent: for noisy lines."""


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """What a silent caller meets; counted from the last word that was played to them."""

    nudge_after_s: Annotated[float, msgspec.Meta(ge=3, le=600)] = 10.0
    goodbye_after_s: Annotated[float, msgspec.Meta(ge=5, le=1200)] = 30.0

    def __post_init__(self) -> None:
        if self.goodbye_after_s <= self.nudge_after_s:
            raise ValueError("idle.goodbye_after_s must be longer than idle.nudge_after_s")


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent as operators write it (`agents/{id}`)."""

    instructions: Text
    greeting: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    """What the agent says first."""
    notice: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    """Spoken by Twilio before any audio streams. Left out: that this is an automated assistant and
    that the call is transcribed, in the agent's language. Empty: nothing."""
    voice: str = "Kore"
    language: LanguageTag = "en-US"
    model: str = "gemini-3.8-live"
    tools: tuple[str, ...] = ()
    fallback_number: str | None = None
    """Where callers are sent when the agent cannot answer, or when they press 0; E.164."""
    transfer_numbers: dict[ToolName, str] = {}
    """People the agent may transfer to, by name: {billing: "+14155550100"}."""
    protect_greeting: bool = True
    """Whether the greeting is heard out even if the caller speaks over it."""
    turn_taking: TurnTaking = TurnTaking()
    idle: Idle = Idle()
    max_call_s: Annotated[int, msgspec.Meta(ge=30, le=3_540)] = 1_800
    """The longest a call may last; a minute before, the caller is told."""
    max_cost_usd: Annotated[float, msgspec.Meta(gt=0, le=1000)] | None = None
    """The most that the model may cost in one call; None for no limit."""

    def __post_init__(self) -> None:
        if self.fallback_number is not None:
            check_number("fallback_number", self.fallback_number)
        for name, number in self.transfer_numbers.items():
            check_number(f"transfer_numbers.{name}", number)

    @property
    def revision(self) -> str:
        """The content's hash: the same words give the same revision."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:12]


class AgentStore(Protocol):
    """Where agents are kept, and which number each one answers."""

    async def agent_for(self, number: str) -> tuple[str, Agent] | None:
        """The id and agent for the called `number`, else the default agent; None if neither is
        stored.

        Raises StoreUnavailable, and InvalidDocument for an agent that cannot be used.
        """

    async def write_agent(self, agent_id: str, agent: Agent) -> None:
        """Create or replace the agent. Raises StoreUnavailable."""

    async def write_number(self, number: str, agent_id: str) -> None:
        """Let `agent_id` answer the called `number` (E.164). Raises StoreUnavailable."""


def packaged_agent() -> Agent:
    """The agent that ships with Ringdown, which answers when no stored one can."""
    import yaml  # here, because the stream handler reads no agent files and is deployed without

    text = (resources.files("ringdown") / "packaged" / "default.yaml").read_text("utf-8")
    return to_record(Agent, yaml.safe_load(text), where="the packaged agent")
