"""How an agent came to be what it is: who made each version, when and why. Pure."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringdown.agents.difference import in_a_line
from ringdown.agents.documents import every_field
from ringdown.agents.store import Revision, Rollback

_SOON = datetime.timedelta(minutes=1)
"""Firestore's event may keep the revision a little before or after the one who edits."""


@dataclass(frozen=True, slots=True)
class Event:
    """A revision became the agent."""

    at: datetime.datetime
    revision: str
    what: str
    by: str | None = None
    why: str | None = None


def history(revisions: Sequence[Revision]) -> list[Event]:
    """The newest first: each version when it was made, and each return to it."""
    by_name = {revision.revision: revision for revision in revisions}
    events = (event for revision in revisions for event in _events(revision, by_name))
    return sorted(events, key=lambda event: event.at, reverse=True)


def _events(revision: Revision, by_name: dict[str, Revision]) -> Iterator[Event]:
    made_at, name = revision.made_at or revision.seen_at, revision.revision
    maker = next((edit for edit in revision.edits if abs(edit.at - made_at) < _SOON), None)
    what = _change(by_name.get(revision.replaced or ""), revision)
    by, why = (maker.by, maker.why) if maker is not None else (None, None)
    yield Event(made_at, name, what, by, why)
    for edit in (*revision.edits, *revision.rollbacks):
        if edit is not maker:
            given_up = edit.given_up if isinstance(edit, Rollback) else None
            again = f"back from {given_up}" if given_up else "this version again"
            yield Event(edit.at, name, again, edit.by, edit.why)


def _change(before: Revision | None, after: Revision) -> str:
    if before is None:
        return "the oldest that is kept"
    return in_a_line(every_field(before.agent), every_field(after.agent))
