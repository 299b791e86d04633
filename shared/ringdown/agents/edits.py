"""Handles an edit: reports whether it can be used, keeps its revision if so, and publishes drafts.

Edits may be handled repeatedly and in any order, because this reads the current document and writes
only what differs. Writing `status` causes an event but doesn't count as an edit, because `status`
isn't compared. If an outdated status is written late, the event that it causes corrects it.
"""

import datetime
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType

import msgspec

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.check import Findings, agent_document, draft_findings, findings, summary
from ringdown.agents.clips import without_clip
from ringdown.agents.store import (
    AgentStatus,
    AgentStore,
    Edit,
    Revision,
    Rollback,
    StoredAgent,
)
from ringdown.errors import Conflict

_PUBLISH_TRIES = 3


async def look_at_edit(
    store: AgentStore,
    agent_id: str,
    now: datetime.datetime,
    *,
    draft: bool = False,
    edit: Edit | None = None,
    failed_clips: Mapping[str, str] = MappingProxyType({}),
) -> AgentStatus | None:
    """Handle an edit of the agent or its draft. Return its new status; None if it was deleted.

    `edit` is kept with the revision that it made. `failed_clips` says, by key, why clips couldn't
    be made, if the caller makes any. A draft whose `publish` is true becomes the agent, whose
    status is then returned. Raises StoreUnavailable, and Conflict if others keep editing while a
    draft is published.
    """
    stored = await store.read_agent(agent_id, draft=draft)
    if stored is None:
        return None
    tools = await store.declared_tools()
    if not draft:
        found = _with_clips(findings(stored.document, tools), failed_clips)
        return await _look_at_agent(store, stored, found, now, edit)
    found = _with_clips(draft_findings(stored.document, tools), failed_clips)
    if found.agent is None or not found.publish:
        return await _note(store, stored, _status_of_draft(found, now), draft=True)
    await _publish(store, stored, now)
    return await look_at_edit(store, agent_id, now, edit=edit, failed_clips=failed_clips)


async def publish(
    store: AgentStore, draft: StoredAgent, now: datetime.datetime, edit: Edit | None = None
) -> AgentStatus | None:
    """Replace the agent with `draft`, and return the agent's new status.

    Raises the same errors as `look_at_edit`.
    """
    await _publish(store, draft, now)
    return await look_at_edit(store, draft.agent_id, now, edit=edit)


def _with_clips(found: Findings, failed: Mapping[str, str]) -> Findings:
    if found.agent is None:
        return found
    return replace(found, notes=(*found.notes, *without_clip(found.agent, failed)))


async def _look_at_agent(
    store: AgentStore,
    stored: StoredAgent,
    found: Findings,
    now: datetime.datetime,
    edit: Edit | None,
) -> AgentStatus:
    last = await store.last_revision(stored.agent_id)
    answers = None if last is None else last.revision
    if found.agent is not None and (edit is not None or found.agent.revision != answers):
        answers = found.agent.revision
        await _keep(store, stored.agent_id, found, now, edit)
    status = AgentStatus(
        ok=found.agent is not None,
        revision=answers,
        error=_error(found, answers, stored.agent_id),
        checked_at=now,
        notes=_notes(found),
    )
    return await _note(store, stored, status)


async def _keep(
    store: AgentStore,
    agent_id: str,
    found: Findings,
    now: datetime.datetime,
    edit: Edit | None = None,
) -> None:
    if found.agent is not None:
        is_rollback = isinstance(edit, Rollback)
        revision = Revision(
            revision=found.agent.revision,
            agent=found.agent,
            seen_at=now,
            edits=(edit,) if edit is not None and not is_rollback else (),
            rollbacks=(edit,) if isinstance(edit, Rollback) else (),
        )
        await store.keep_revision(agent_id, revision)


async def _publish(store: AgentStore, draft: StoredAgent, now: datetime.datetime) -> None:
    """Replace the agent with the draft, keeping a revision to roll back to."""
    document = agent_document(draft.document)
    for _ in range(_PUBLISH_TRIES):
        before = await store.read_agent(draft.agent_id)
        try:
            if before is None:
                await store.write_agent(draft.agent_id, document, over=None)
            elif before.document != document:
                just_before = now - datetime.timedelta.resolution  # the draft must be the newest
                await _keep(store, draft.agent_id, findings(before.document), just_before)
                await store.write_agent(draft.agent_id, document, over=before.version)
        except Conflict:
            continue
        with suppress(Conflict):  # edited again meanwhile: that edit is handled separately
            await store.delete_agent(draft.agent_id, over=draft.version, draft=True)
        return
    raise Conflict(f"agents/{draft.agent_id} is being edited; publish the draft again")


async def _note(
    store: AgentStore, stored: StoredAgent, status: AgentStatus, *, draft: bool = False
) -> AgentStatus:
    """Write `status`, unless the document already has it."""
    if stored.status is not None and _says_the_same(stored.status, status):
        return stored.status
    await store.write_status(stored.agent_id, status, draft=draft)
    return status


def _says_the_same(a: AgentStatus, b: AgentStatus) -> bool:
    return msgspec.structs.replace(a, checked_at=b.checked_at) == b


def _status_of_draft(found: Findings, now: datetime.datetime) -> AgentStatus:
    revision = None if found.agent is None else found.agent.revision
    beginning = "No one hears this draft until you correct this:"
    if found.agent is not None:
        beginning = "The draft can be used, but:"
    return AgentStatus(
        ok=found.agent is not None,
        revision=revision,
        error=_told(found, beginning),
        checked_at=now,
        notes=_notes(found),
    )


def _error(found: Findings, answers: str | None, agent_id: str) -> str | None:
    if found.agent is not None:
        return _told(found, "This version answers calls, but:")
    if answers is not None:
        instead = f"revision {answers}"
    elif agent_id == DEFAULT_AGENT_ID:
        instead = "the agent that ships with Ringdown"
    else:
        instead = "the default agent"
    return _told(found, f"Until you correct this, {instead} answers calls:")


def _told(found: Findings, beginning: str) -> str | None:
    problems = [*found.errors, *found.remarks]
    return f"{beginning}\n{summary(problems)}" if problems else None


def _notes(found: Findings) -> str | None:
    return summary(found.notes) if found.notes else None
