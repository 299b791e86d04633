"""Clips: sentences in an agent's own voice, made once and played without the model.

agents/{id}/clips/{key}     kept out of the agent's document, because it would slow down every call

A clip's key is a hash of everything that the sound depends on, so a clip is never out of date: if
the words, voice, language, model or volume change, a new clip is made.
"""

import hashlib
from collections.abc import Mapping
from typing import Protocol

import msgspec

from ringdown.agents import Agent
from ringdown.agents.phrases import phrases_for
from ringdown.agents.templates import fields_in, render
from ringdown.wording import listed, shown

MOST_BYTES = 400_000
"""50 s of audio. Bytes are stored as text, so this fills half of a Firestore document."""


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    mulaw: bytes
    """µ-law at 8 kHz, mono: a byte is 1/8 ms."""


def clip_key(agent: Agent, text: str) -> str:
    """Return the key of the clip in which `agent` says exactly `text`."""
    said = (text, agent.voice, agent.language, agent.model, agent.volume_db)
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def greeting_text(agent: Agent) -> str | None:
    """Return the greeting's words; None if they vary from call to call, so no clip can be made."""
    return None if fields_in(agent.greeting) else render(agent.greeting, {})


def notice_text(agent: Agent) -> str:
    """Return what callers hear before the stream; empty for nothing."""
    return phrases_for(agent.language).notice if agent.notice is None else agent.notice.strip()


def clip_texts(agent: Agent) -> tuple[str, ...]:
    """Return every fixed text that `agent` says, without duplicates, starting with those that begin
    a call."""
    phrases = phrases_for(agent.language)
    texts = (
        notice_text(agent),
        greeting_text(agent),
        phrases.connecting_apology,
        phrases.closing_apology,
        phrases.busy,
        phrases.connecting,
        phrases.idle_goodbye,
        phrases.time_goodbye,
        _words_outside_hours(agent),
    )
    return tuple(dict.fromkeys(text for text in texts if text is not None and text.strip()))


def _words_outside_hours(agent: Agent) -> str | None:
    hours = agent.opening_hours
    if hours is None or hours.outside == "answer":
        return None
    return phrases_for(agent.language).closed if hours.message is None else hours.message


def without_clip(agent: Agent, failed: Mapping[str, str]) -> tuple[str, ...]:
    """Return notes for operators about sentences without a clip. `failed` has reasons by key."""
    texts_by_reason: dict[str, list[str]] = {}
    for text in clip_texts(agent):
        if (reason := failed.get(clip_key(agent, text))) is not None:
            texts_by_reason.setdefault(reason, []).append(shown(text))
    return tuple(
        f"No clip in the agent's voice for {listed(texts, 'and')}: {reason}. Until there is one,"
        " the model speaks the greeting, and Twilio's voice everything else. To try again, edit the"
        " agent."
        for reason, texts in texts_by_reason.items()
    )


class ClipStore(Protocol):
    """Stores clips. Every method raises StoreUnavailable when the store doesn't answer."""

    async def read_clip(self, agent_id: str, key: str) -> Clip | None: ...

    async def write_clip(self, agent_id: str, clip: Clip) -> None:
        """Store a clip of at most MOST_BYTES."""

    async def list_clips(self, agent_id: str) -> frozenset[str]:
        """Return the keys of the agent's clips."""

    async def delete_clip(self, agent_id: str, key: str) -> None:
        """Delete a clip; a missing one isn't an error."""
