"""An agent's history: who made each version, when and why. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ringdown.agents.difference import in_a_line
from ringdown.agents.documents import every_field
from ringdown.agents.store import Edit, Revision


@dataclass(frozen=True, slots=True)
class Event:
    """A revision was made, or restored by a rollback."""

    revision: str
    edit: Edit
    what: str


def history(revisions: Sequence[Revision]) -> list[Event]:
    """Return the events of all revisions, newest first."""
    by_name = {revision.revision: revision for revision in revisions}
    events = (event for revision in revisions for event in _events(revision, by_name))
    return sorted(events, key=lambda event: event.edit.at, reverse=True)


def _events(revision: Revision, by_name: Mapping[str, Revision]) -> Iterator[Event]:
    name, made_at = revision.revision, revision.made_at or revision.seen_at
    first, *later = revision.edits or (Edit(at=made_at),)
    if first.at > made_at:  # first made by someone unknown, then saved again
        first, later = Edit(at=made_at), [first, *later]
    yield Event(name, first, _change(by_name.get(revision.replaced or ""), revision))
    for edit in later:
        yield Event(name, edit, "saved again")
    for rollback in revision.rollbacks:
        given_up = rollback.given_up or "a broken version"
        yield Event(name, rollback, f"rolled back from {given_up}")


def _change(before: Revision | None, after: Revision) -> str:
    if before is None:
        return "the oldest version kept"
    return in_a_line(every_field(before.agent), every_field(after.agent))
