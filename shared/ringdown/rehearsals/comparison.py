"""Decides whether a draft's rehearsal is worse than that of the published version.

It is worse if it fails a fact that the other never failed, or if so many fewer of its calls passed
that their confidence intervals don't overlap. Smaller differences may be chance.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringdown.agents.check import findings
from ringdown.rehearsals import Rehearsal, Tally
from ringdown.rehearsals.store import list_rehearsals
from ringdown.rehearsals.tallies import interval, of_calls
from ringdown.stores import Store
from ringdown.stores.documents import Documents
from ringdown.wording import count, day_and_time

STAND_IN = (
    "A stand-in answered, not a real model: this tests the judge and the call, not the prompt."
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about a draft before it is published."""

    rehearsal: Rehearsal | None
    """The last one of this version of the draft, preferably with the real model; None if it was
    never rehearsed."""
    published: Rehearsal | None
    """The rehearsal of the published version to compare with, by the same kind of model."""
    said: tuple[str, ...]
    """Facts to show, one line each."""
    doubts: tuple[str, ...]
    """Reasons not to publish, one line each; empty for none."""


async def draft_standing(
    documents: Documents,
    agent_id: str,
    *,
    draft: str | None,
    published: str | None,
    now: datetime.datetime,
) -> Standing:
    """Read what is known about a draft.

    `draft` and `published` are the revisions of the two versions; None if there is none. Raises
    StoreUnavailable.
    """
    kept = await list_rehearsals(documents, agent_id)
    alive = [rehearsal for rehearsal in kept if rehearsal.expires_at > now]
    return standing(alive, agent_id, draft=draft, published=published)


def standing(
    rehearsals: Sequence[Rehearsal], agent_id: str, *, draft: str | None, published: str | None
) -> Standing:
    """Judge a draft by its agent's `rehearsals`, which are ordered newest first."""
    made = [rehearsal for rehearsal in rehearsals if rehearsal.made]
    real = [rehearsal for rehearsal in made if not rehearsal.is_stand_in]
    last = _last(real, draft) or _last(made, draft)
    if last is None:
        return Standing(None, None, (), tuple(_not_rehearsed(made, agent_id)))
    before = compared_with(last, made, published)
    doubts = (*_doubts(last, before), *_left_out(last, made))
    return Standing(last, before, tuple(_said(last, before)), doubts)


def compared_with(
    rehearsal: Rehearsal, others: Sequence[Rehearsal], published: str | None
) -> Rehearsal | None:
    """Return the last rehearsal of the `published` revision by the same kind of model.

    None if there is none, or if the published revision is what was rehearsed.
    """
    if published == rehearsal.agent_revision:
        return None
    alike = [each for each in others if each.made and each.is_stand_in == rehearsal.is_stand_in]
    return _last(alike, published)


async def read_compared(store: Store, rehearsal: Rehearsal) -> Rehearsal | None:
    """Return the rehearsal to compare a draft's `rehearsal` with; None if it isn't a draft's.

    Raises StoreUnavailable.
    """
    stored = await store.read_agent(rehearsal.agent_id)
    agent = None if stored is None else findings(stored.document).agent
    if agent is None or not rehearsal.is_draft:
        return None
    kept = await list_rehearsals(store.documents, rehearsal.agent_id)
    return compared_with(rehearsal, kept, agent.revision)


def worse(draft: Rehearsal, published: Rehearsal | None) -> Iterator[str]:
    """Yield why `draft` is worse, if it is. With no comparison, each failed fact counts as new."""
    before = {} if published is None else {it.persona: it for it in published.tallies if it.made}
    shared = [it for it in draft.tallies if it.made and (published is None or it.persona in before)]
    for tally in draft.tallies:
        known = before[tally.persona].failing if tally.persona in before else ()
        fails = "newly fails" if tally.persona in before else "fails"
        for what in tally.failing:
            if what not in known:
                yield f"{tally.persona} {fails}: {what}"
    if published is not None and shared:
        before_shared = [before[it.persona] for it in shared]
        if interval(*_sum(shared))[1] < interval(*_sum(before_shared))[0]:
            yield (
                f"Far fewer calls passed: {of_calls(*_sum(shared))}. With the published version,"
                f" {of_calls(*_sum(before_shared))}."
            )


def _last(rehearsals: Sequence[Rehearsal], revision: str | None) -> Rehearsal | None:
    return next((each for each in rehearsals if each.agent_revision == revision), None)


def _sum(tallies: Sequence[Tally]) -> tuple[int, int]:
    return sum(it.passed for it in tallies), sum(it.made for it in tallies)


def _said(last: Rehearsal, before: Rehearsal | None) -> Iterator[str]:
    yield f"Last rehearsal, {_when(last)}: {_in_all(last)}."
    if last.is_stand_in:
        yield STAND_IN
    if before is None:
        yield "The published version has no rehearsal to compare it with."
    else:
        yield f"The published version, {_when(before)}: {_in_all(before)}."


def _doubts(last: Rehearsal, before: Rehearsal | None) -> Iterator[str]:
    if last.partial is not None:
        yield f"The rehearsal is partial: {last.made} of {last.planned} calls. {last.partial}"
    yield from worse(last, before)


def _left_out(last: Rehearsal, made: Sequence[Rehearsal]) -> Iterator[str]:
    """Yield earlier failures of personas who didn't call in the `last` rehearsal."""
    seen = {it.persona for it in last.tallies if it.made}
    for earlier in made:
        if (earlier.agent_revision, earlier.is_stand_in) != (last.agent_revision, last.is_stand_in):
            continue
        for it in earlier.tallies:
            if it.made and it.persona not in seen:
                seen.add(it.persona)
                for what in it.failing:
                    yield f"{it.persona}, who didn't call this time, failed before: {what}"


def _not_rehearsed(made: Sequence[Rehearsal], agent_id: str) -> Iterator[str]:
    earlier = next((each for each in made if each.is_draft), None)
    if earlier is None:
        yield "This draft has never been rehearsed."
    else:
        yield f"The last rehearsal, {_when(earlier)}, was of an earlier version of this draft."
    yield f"Rehearse it: ringdown agents rehearse {agent_id} --draft"


def _in_all(rehearsal: Rehearsal) -> str:
    personas = count(len(rehearsal.tallies), "persona")
    return f"{personas}, {of_calls(rehearsal.passed, rehearsal.made)}"


def _when(rehearsal: Rehearsal) -> str:
    return day_and_time(rehearsal.began_at)
