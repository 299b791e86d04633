"""What is known about a draft before it is published."""

import datetime

import pytest

from ringdown.rehearsals import RETENTION, Rehearsal, Tally
from ringdown.rehearsals.comparison import STAND_IN, Standing, draft_standing, standing, worse
from ringdown.rehearsals.store import keep_rehearsal
from ringdown.stores import Store
from tests.ringdown.samples import NOW

DRAFT, PUBLISHED = "d" * 12, "a" * 12
DAY = datetime.timedelta(days=1)


def a_tally(
    persona: str = "dana", passed: int = 10, made: int = 10, failing: tuple[str, ...] = ()
) -> Tally:
    return Tally(persona=persona, planned=made, made=made, passed=passed, failing=failing)


def a_rehearsal(
    revision: str,
    *tallies: Tally,
    ago: datetime.timedelta = DAY,
    is_stand_in: bool = False,
    partial: str | None = None,
    agent_id: str = "shop",
) -> Rehearsal:
    began_at = NOW - ago
    return Rehearsal(
        id=f"{began_at:%Y%m%dT%H%M%S}",
        agent_id=agent_id,
        is_draft=revision != PUBLISHED,
        agent_revision=revision,
        model="gemini-3.8-live",
        is_stand_in=is_stand_in,
        began_at=began_at,
        ended_at=began_at,
        expires_at=began_at + RETENTION,
        tallies=tallies or (a_tally(),),
        partial=partial,
    )


def known(*rehearsals: Rehearsal) -> Standing:
    return standing(rehearsals, "shop", draft=DRAFT, published=PUBLISHED)


GOOD, BEFORE = a_rehearsal(DRAFT), a_rehearsal(PUBLISHED, ago=2 * DAY)


def test_a_draft_as_good_as_what_answers_raises_no_doubt() -> None:
    found = known(GOOD, BEFORE)
    assert (found.rehearsal, found.published, found.doubts) == (GOOD, BEFORE, ())
    assert found.said == (
        "Last rehearsal, 1 November 2026, 09:30 UTC: 1 persona, 10 of 10 calls passed (72–100 %).",
        (
            "The published version, 31 October 2026, 09:30 UTC: 1 persona,"
            " 10 of 10 calls passed (72–100 %)."
        ),
    )


@pytest.mark.parametrize(
    ("rehearsals", "doubt"),
    [
        ((), "This draft has never been rehearsed."),
        ((BEFORE,), "This draft has never been rehearsed."),
        (
            (a_rehearsal("e" * 12), BEFORE),
            (
                "The last rehearsal, 1 November 2026, 09:30 UTC, was of an earlier version of this"
                " draft."
            ),
        ),
        ((a_rehearsal(DRAFT, a_tally(made=0, passed=0)),), "This draft has never been rehearsed."),
    ],
)
def test_a_draft_that_was_not_rehearsed_is_told(
    rehearsals: tuple[Rehearsal, ...], doubt: str
) -> None:
    found = known(*rehearsals)
    assert found.rehearsal is None
    assert found.doubts == (doubt, "Rehearse it: ringdown agents rehearse shop --draft")


def test_a_partial_rehearsal_is_called_partial() -> None:
    tallies = (a_tally(passed=3, made=3), Tally(persona="vera", planned=10, made=0, passed=0))
    stopped = a_rehearsal(DRAFT, *tallies, partial="The budget of $1.00 was used up.")
    assert known(stopped, BEFORE).doubts == (
        "The rehearsal is partial: 3 of 13 calls. The budget of $1.00 was used up.",
    )


def test_the_newest_rehearsal_of_the_very_draft_counts() -> None:
    older = a_rehearsal(DRAFT, a_tally(passed=0, failing=("The price.",)), ago=3 * DAY)
    assert known(a_rehearsal("e" * 12, ago=DAY / 2), GOOD, BEFORE, older).rehearsal is GOOD


def test_who_failed_this_very_draft_counts_until_they_call_again() -> None:
    failed = a_rehearsal(DRAFT, a_tally(), a_tally("vera", passed=9, failing=("A.",)), ago=2 * DAY)
    other = a_rehearsal("e" * 12, a_tally("max", passed=9, failing=("B.",)), ago=2 * DAY)
    assert known(GOOD, failed, other, BEFORE).doubts == (
        "vera, who didn't call this time, failed before: A.",
    )
    content = a_rehearsal(DRAFT, a_tally("vera"), ago=DAY / 2)
    assert known(content, GOOD, failed, BEFORE).doubts == ()


def test_a_rehearsal_by_the_real_model_counts_more_than_a_stand_ins() -> None:
    assert known(a_rehearsal(DRAFT, is_stand_in=True, ago=DAY / 2), GOOD).rehearsal is GOOD


def test_a_stand_in_is_compared_with_a_stand_in_and_says_so() -> None:
    tried = a_rehearsal(DRAFT, is_stand_in=True)
    alike = a_rehearsal(PUBLISHED, is_stand_in=True, ago=3 * DAY)
    found = known(tried, BEFORE, alike)
    assert found.published is alike
    assert STAND_IN in found.said
    assert known(tried, BEFORE).published is None


def test_a_draft_that_changes_nothing_is_not_compared_with_itself() -> None:
    found = standing([a_rehearsal(PUBLISHED)], "shop", draft=PUBLISHED, published=PUBLISHED)
    assert found.published is None
    assert found.doubts == ()


# Worse


@pytest.mark.parametrize(
    ("draft", "published", "is_worse"),
    [
        ([a_tally(passed=9, failing=("A.",))], [a_tally(passed=9, failing=("A.",))], False),
        ([a_tally(passed=9, failing=("A.",))], [a_tally()], True),
        ([a_tally(passed=9, failing=("A.", "B."))], [a_tally(passed=5, failing=("A.",))], True),
        ([a_tally("vera", passed=9, failing=("A.",))], [a_tally(passed=9, failing=("A.",))], True),
        ([a_tally(passed=6)], [a_tally()], False),
        ([a_tally(passed=3)], [a_tally()], True),
        ([a_tally(passed=10)], [a_tally(passed=3)], False),
        ([a_tally(), a_tally("new", passed=0)], [a_tally()], False),
        ([a_tally(), a_tally("gone", made=0, passed=0)], [a_tally(), a_tally("gone")], False),
    ],
)
def test_it_is_worse_by_a_new_failure_or_by_intervals_that_do_not_meet(
    draft: list[Tally], published: list[Tally], is_worse: bool
) -> None:
    reasons = list(worse(a_rehearsal(DRAFT, *draft), a_rehearsal(PUBLISHED, *published)))
    assert bool(reasons) is is_worse, reasons


def test_it_says_why_it_is_worse() -> None:
    draft = a_rehearsal(DRAFT, a_tally(passed=3, failing=("The caller hears “twenty”.",)))
    assert known(draft, BEFORE).doubts == (
        "dana newly fails: The caller hears “twenty”.",
        (
            "Far fewer calls passed: 3 of 10 calls passed (11–60 %). With the published version,"
            " 10 of 10 calls passed (72–100 %)."
        ),
    )


def test_beside_nothing_what_fails_is_news() -> None:
    draft = a_rehearsal(DRAFT, a_tally(passed=9, failing=("A.",)))
    assert list(worse(draft, None)) == ["dana fails: A."]
    assert known(draft).said[-1] == "The published version has no rehearsal to compare it with."


# In a store


async def test_it_is_read_from_the_store_until_it_expires(store: Store) -> None:
    for rehearsal in (GOOD, BEFORE, a_rehearsal(DRAFT, agent_id="other", ago=DAY / 2)):
        await keep_rehearsal(store.documents, rehearsal, [])
    await store.documents.write("rehearsal_runs/20991231T000000", {"agent_id": "shop"})

    async def read(now: datetime.datetime) -> Standing:
        return await draft_standing(
            store.documents, "shop", draft=DRAFT, published=PUBLISHED, now=now
        )

    assert await read(NOW) == known(GOOD, BEFORE)
    assert await read(GOOD.expires_at - DAY / 2) == known(GOOD)
    assert await read(GOOD.expires_at) == known()


def test_a_draft_that_cannot_answer_has_no_rehearsal() -> None:
    assert standing([GOOD], "shop", draft=None, published=None).rehearsal is None
