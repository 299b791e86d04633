"""Makes agents' clips, and deletes those no longer in use.

Events may arrive repeatedly and in any order, because this reads the current agent and its draft,
and makes only what is missing.
"""

import asyncio
import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ringdown.agents import Agent
from ringdown.agents.check import draft_findings, findings
from ringdown.agents.clips import Clip, ClipStore, clip_key, clip_texts
from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import AgentStore
from ringdown.clip_making.saying import NotSaid, say
from ringdown.errors import StoreUnavailable
from ringdown.gemini.model_session import LiveModel
from ringdown.log import Log

TRIES = 3
_AT_ONCE = 3  # few enough for any key's quota

_log = Log(__name__)


class AgentsAndClips(AgentStore, ClipStore, Protocol):
    """A store of agents and clips."""


@dataclass(slots=True)
class _Failures:
    """Why clips couldn't be made for one version of an agent and its draft, by key."""

    version: tuple[str | None, str | None] = (None, None)
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Sentence:
    key: str
    agent: Agent
    text: str


@dataclass(frozen=True, slots=True)
class _Voices:
    """The versions of an agent that callers can hear."""

    agents: tuple[Agent, ...]
    """The version that answers calls, then the draft that its testers hear."""
    version: tuple[str | None, str | None]

    def sentences(self) -> dict[str, _Sentence]:
        """Return everything that these agents say in fixed words, by clip key."""
        sentences = (
            _Sentence(clip_key(agent, text), agent, text)
            for agent in self.agents
            for text in clip_texts(agent)
        )
        return {sentence.key: sentence for sentence in sentences}


class ClipMaker:
    """Makes clips, and tracks what is being made and what has failed. Use one per process."""

    def __init__(self, open_model: Callable[[], LiveModel]) -> None:
        """`open_model` is called once, for the first missing clip."""
        self._open_model = open_model
        self._model: LiveModel | None = None
        self._sessions = asyncio.Semaphore(_AT_ONCE)
        self._failures: dict[str, _Failures] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def failed(self, agent_id: str) -> Mapping[str, str]:
        """Return why clips are missing, by key. They are retried if the agent or draft changes."""
        failures = self._failures.get(agent_id)
        return {} if failures is None else dict(failures.reasons)

    async def make(self, store: AgentsAndClips, agent_id: str, now: datetime.datetime) -> None:
        """Make the clips of the agent and its draft, and write failures to their status.

        If they are already being made, this waits, and then makes what is still missing. Raises
        what the store raises.
        """
        async with self._locks[agent_id]:
            await self._make(store, agent_id, now)

    async def _make(self, store: AgentsAndClips, agent_id: str, now: datetime.datetime) -> None:
        before = self.failed(agent_id)
        kept = await store.list_clips(agent_id)
        # Read after the list, so that the listed clips were made for these versions or older ones.
        voices = await _voices(store, agent_id)
        failures = self._failures.get(agent_id)
        if failures is None or failures.version != voices.version:
            failures = self._failures[agent_id] = _Failures(voices.version)
        said = voices.sentences()
        missing = said.keys() - kept - failures.reasons.keys()
        wanted = [sentence for key, sentence in said.items() if key in missing]
        if wanted:
            await self._make_all(store, agent_id, wanted, failures)
        for key in kept - said.keys():
            await store.delete_clip(agent_id, key)
        failed = self.failed(agent_id)
        if failed or before:
            for is_draft in (False, True):
                await look_at_edit(store, agent_id, now, draft=is_draft, failed_clips=failed)

    async def _make_all(
        self,
        store: AgentsAndClips,
        agent_id: str,
        wanted: Sequence[_Sentence],
        failures: _Failures,
    ) -> None:
        async def make(sentence: _Sentence) -> None:
            reason = await self._make_one(store, agent_id, sentence)
            if reason is not None:  # noted now, because later clips may run out of time
                failures.reasons[sentence.key] = reason

        try:
            async with asyncio.TaskGroup() as group:
                for sentence in wanted:
                    group.create_task(make(sentence))
        except* StoreUnavailable as errors:
            raise StoreUnavailable(str(errors.exceptions[0])) from None
        if failures.reasons:
            _log.warning("clips not made", agent=agent_id, clips=len(failures.reasons))
        else:
            _log.info("clips made", agent=agent_id, clips=len(wanted))

    async def _make_one(
        self, store: AgentsAndClips, agent_id: str, sentence: _Sentence
    ) -> str | None:
        """Make a clip. Return why that failed, or None."""
        reason = ""
        for attempt in range(1, TRIES + 1):
            try:
                async with self._sessions:
                    mulaw = await say(self._open(), sentence.agent, sentence.text)
            except NotSaid as error:
                reason = str(error)
                _log.info("clip not made", agent=agent_id, clip=sentence.key, attempt=attempt)
                continue
            await store.write_clip(agent_id, Clip(key=sentence.key, mulaw=mulaw))
            return None
        return reason

    def _open(self) -> LiveModel:
        if self._model is None:
            self._model = self._open_model()
        return self._model


async def _voices(store: AgentStore, agent_id: str) -> _Voices:
    """Read the versions that callers hear; for a broken or missing document, the last good revision
    (`ringdown.calls.answering`)."""
    stored = await store.read_agent(agent_id)
    draft = await store.read_agent(agent_id, draft=True)
    agent = None if stored is None else findings(stored.document).agent
    if agent is None:
        last = await store.last_revision(agent_id)
        agent = None if last is None else last.agent
    heard_by_testers = None if draft is None else draft_findings(draft.document).agent
    return _Voices(
        agents=tuple(_known(agent, heard_by_testers)),
        version=(
            None if stored is None else stored.version,
            None if draft is None else draft.version,
        ),
    )


def _known(*agents: Agent | None) -> Iterable[Agent]:
    return (agent for agent in agents if agent is not None)
