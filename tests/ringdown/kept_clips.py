"""Agents' clips, stored as the clip maker stores them."""

from ringdown.agents import Agent
from ringdown.agents.clips import Clip, ClipStore, clip_key, greeting_text


async def write_clip(
    store: ClipStore, agent_id: str, agent: Agent, text: str, mulaw: bytes
) -> None:
    await store.write_clip(agent_id, Clip(key=clip_key(agent, text), mulaw=mulaw))


async def write_greeting(store: ClipStore, agent_id: str, agent: Agent, mulaw: bytes) -> None:
    text = greeting_text(agent)
    assert text is not None
    await write_clip(store, agent_id, agent, text, mulaw)
