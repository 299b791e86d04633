"""Handles one Firestore event: finds the document it is about, and checks it."""

import asyncio
import datetime
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.exceptions import HTTPException

from ringdown.agents.edits import look_at_edit
from ringdown.clip_making import AgentsAndClips, ClipMaker
from ringdown.errors import InvalidDocument, RingdownError
from ringdown.log import Log
from ringdown.stores.deadline import store_deadline

LOOK_WITHIN_S = 20.0
CLIPS_WITHIN_S = 480.0
"""Clips usually take seconds, or minutes if the model stalls. Together with LOOK_WITHIN_S, this is
below the platform's deadline; clips still missing by then are made when the event is sent again."""

_log = Log("agent_edited")

OpenAgents = Callable[[], AbstractAsyncContextManager[AgentsAndClips]]


@dataclass(frozen=True, slots=True)
class EditedDocument:
    agent_id: str
    is_draft: bool


def edited_document(attributes: Mapping[str, object]) -> EditedDocument | None:
    """Return the document that an event is about; None if it isn't an agent's.

    Only the attributes are read: the payload is protobuf, and may be out of date. Firestore names
    the document twice: `document` is its path, and `subject` is `documents/` followed by that path
    (https://cloud.google.com/eventarc/docs/cloudevents).
    """
    path = attributes.get("document") or attributes.get("subject")
    match str(path).removeprefix("documents/").split("/"):
        case ["agents" | "drafts" as collection, document_id] if document_id:
            return EditedDocument(unquote(document_id), is_draft=collection == "drafts")
        case _:
            return None


async def take_edit(
    attributes: Mapping[str, object],
    *,
    open_agents: OpenAgents,
    clips: ClipMaker | None,
    now: datetime.datetime,
) -> None:
    """Check the edited document, then make its clips if `clips` is given.

    The request stays open until both are done, because the platform allocates CPU only while a
    request is open. Raises HTTPException 503 to have the event sent again, unless the document is
    one that the store can't read or refuses: retrying would be pointless.
    """
    edited = edited_document(attributes)
    if edited is None:
        _log.warning("event isn't about an agent", event_type=str(attributes.get("type")))
        return
    try:
        async with store_deadline(LOOK_WITHIN_S), open_agents() as agents:
            await _look(agents, edited, clips, now)
        if clips is not None:
            async with asyncio.timeout(CLIPS_WITHIN_S), open_agents() as agents:
                await clips.make(agents, edited.agent_id, now)
    except InvalidDocument as error:
        _log.error("edit could not be processed", agent=edited.agent_id, reason=str(error))
    except RingdownError as error:
        _log.error("edit could not be processed", agent=edited.agent_id, reason=str(error))
        raise HTTPException(503, "The edit couldn't be checked; send it again.") from None
    except TimeoutError:
        _log.error("clips weren't ready in time", agent=edited.agent_id)
        raise HTTPException(503, "Some clips are still missing; send the event again.") from None


async def _look(
    agents: AgentsAndClips, edited: EditedDocument, clips: ClipMaker | None, now: datetime.datetime
) -> None:
    failed = {} if clips is None else clips.failed(edited.agent_id)
    status = await look_at_edit(
        agents, edited.agent_id, now, draft=edited.is_draft, failed_clips=failed
    )
    _log.info(
        "edit checked",
        agent=edited.agent_id,
        draft=edited.is_draft,
        ok=None if status is None else status.ok,
        agent_revision=None if status is None else status.revision,
    )
