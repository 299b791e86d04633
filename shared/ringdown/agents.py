"""The agent: what operators edit and a call is answered with."""

import hashlib
from importlib import resources
from typing import Annotated, Protocol

import msgspec
import yaml

from ringdown.documents import to_record
from ringdown.settings import is_e164

DEFAULT_AGENT_ID = "default"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
LanguageTag = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent as operators write it (`agents/{id}`)."""

    instructions: Text
    greeting: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    """What the agent says first."""
    notice: Annotated[str, msgspec.Meta(max_length=300)] = ""
    """Spoken by Twilio before any audio streams; empty for none."""
    voice: str = "Kore"
    language: LanguageTag = "en-US"
    model: str = "gemini-3.8-live"
    tools: tuple[str, ...] = ()
    fallback_number: str | None = None
    """Where callers are sent when the agent cannot answer; E.164."""

    def __post_init__(self) -> None:
        if self.fallback_number is not None and not is_e164(self.fallback_number):
            raise ValueError(
                "fallback_number must be written like +14155550100: plus, country code, digits only"
            )

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
    text = (resources.files("ringdown") / "packaged" / "default.yaml").read_text("utf-8")
    return to_record(Agent, yaml.safe_load(text), where="the packaged agent")
