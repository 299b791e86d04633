"""Clips: sentences in an agent's own voice, made once and played without the model.

agents/{id}/clips/{key}     the sound; in the agent's document it would slow every call down

A clip's key is what the sound depends on, so a clip is never out of date: for other words, another
voice, language, model or volume there is another clip, or none yet.
"""

import hashlib
from typing import Protocol

import msgspec

from ringdown.agents import Agent
from ringdown.agents.phrases import phrases_for
from ringdown.agents.templates import fields_in, render

MOST_BYTES = 400_000
"""50 s. As text, in which bytes are kept, half of what a Firestore document holds."""


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    mulaw: bytes
    """µ-law at 8 kHz, mono: a byte is 1/8 ms."""


def clip_key(agent: Agent, text: str) -> str:
    """The key of the clip in which `agent` says exactly `text`."""
    said = (text, agent.voice, agent.language, agent.model, agent.volume_db)
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def greeting_text(agent: Agent) -> str | None:
    """The greeting's words; None if they differ from call to call, so that there is no clip."""
    return None if fields_in(agent.greeting) else render(agent.greeting, {})


def notice_text(agent: Agent) -> str:
    """What is said before the stream; empty for nothing."""
    return phrases_for(agent.language).notice if agent.notice is None else agent.notice.strip()


class ClipStore(Protocol):
    """Every method raises StoreUnavailable when the store does not answer."""

    async def read_clip(self, agent_id: str, key: str) -> Clip | None: ...

    async def write_clip(self, agent_id: str, clip: Clip) -> None:
        """Of at most MOST_BYTES."""

    async def list_clips(self, agent_id: str) -> frozenset[str]:
        """The keys of the agent's clips."""

    async def delete_clip(self, agent_id: str, key: str) -> None:
        """None of that key is no error."""
