"""Outcomes of calls, in every store."""

import asyncio
import datetime

import msgspec
import pytest

from ringdown.calls.outcomes import Finding, Outcome, Success
from ringdown.stores import Store
from tests.ringdown.samples import CALL_SID, CALLER, NOW, a_call, a_claim

MINUTE = datetime.timedelta(minutes=1)


def an_outcome(*, questions: str = "q1", at: datetime.datetime = NOW, summary: str = "") -> Outcome:
    return Outcome(
        questions=questions,
        asked_at=at,
        fields={"order": Finding(value="B-17", turn=2), "count": Finding(value=3, turn=4)},
        success=Success.YES,
        success_turn=4,
        summary=summary or "The caller ordered three.",
        topic="orders",
        model="gemini-flash-latest",
    )


def a_failure(*, questions: str = "q1", at: datetime.datetime = NOW) -> Outcome:
    return Outcome(questions=questions, asked_at=at, problem="Gemini refused.")


async def outcome_of(store: Store) -> Outcome | None:
    record = await store.read_record(CALL_SID)
    assert record is not None
    return record.outcome


@pytest.fixture
async def ended(store: Store) -> Store:
    await store.open_call(a_call())
    await store.claim(CALL_SID, a_claim())
    return store


async def word_of(store: Store) -> str | None:
    call = await store.read_call(CALL_SID)
    assert call is not None
    return call.outcome


async def test_an_outcome_is_in_the_record_and_in_a_word_in_the_call(
    ended: Store, other_store: Store
) -> None:
    before = await ended.read_call(CALL_SID)
    assert before is not None
    assert (await outcome_of(ended), before.outcome) == (None, None)
    assert await ended.keep_outcome(CALL_SID, an_outcome())
    assert await outcome_of(other_store) == an_outcome()
    assert await other_store.read_call(CALL_SID) == msgspec.structs.replace(before, outcome="yes")


async def test_of_many_answers_at_once_one_is_written(ended: Store, other_store: Store) -> None:
    outcomes = [an_outcome(at=NOW + n * MINUTE, summary=f"Answer {n}.") for n in range(10)]
    stores = (ended, other_store) * 5
    written = await asyncio.gather(
        *(s.keep_outcome(CALL_SID, o) for s, o in zip(stores, outcomes, strict=True))
    )
    assert written.count(True) == 1
    assert await outcome_of(ended) == outcomes[written.index(True)]


async def test_problems_are_counted_and_give_way_to_answers(ended: Store) -> None:
    for tries in (1, 2, 3):
        assert await ended.keep_outcome(CALL_SID, a_failure(at=NOW + tries * MINUTE))
        found = await outcome_of(ended)
        assert found is not None
        assert (found.problem, found.tries) == ("Gemini refused.", tries)
        assert await word_of(ended) == "problem"
    assert await ended.keep_outcome(CALL_SID, an_outcome())
    assert await word_of(ended) == "yes"
    assert not await ended.keep_outcome(CALL_SID, a_failure(at=NOW + 9 * MINUTE))
    assert await outcome_of(ended) == an_outcome()


async def test_answers_give_way_only_to_later_answers_to_other_questions(ended: Store) -> None:
    first, later = an_outcome(at=NOW + MINUTE), an_outcome(questions="q2", at=NOW + 2 * MINUTE)
    assert await ended.keep_outcome(CALL_SID, first)
    assert not await ended.keep_outcome(CALL_SID, an_outcome(questions="q0", at=NOW))
    assert not await ended.keep_outcome(CALL_SID, a_failure(questions="q2", at=NOW + 3 * MINUTE))
    assert await ended.keep_outcome(CALL_SID, later)
    assert await outcome_of(ended) == later


async def test_a_call_that_is_gone_gets_no_outcome(ended: Store, other_store: Store) -> None:
    assert await ended.keep_outcome(CALL_SID, an_outcome())
    assert (await ended.forget_caller(CALLER)).documents == 2
    assert not await other_store.keep_outcome(CALL_SID, an_outcome())
    assert await ended.read_record(CALL_SID) is None
    await ended.open_call(a_call())
    assert await outcome_of(ended) is None, "forgotten"


async def test_forgetting_and_writing_at_once_leave_nothing(
    ended: Store, other_store: Store
) -> None:
    for n in range(8):
        writing = (
            other_store.keep_outcome(CALL_SID, an_outcome(questions=f"q{i}", at=NOW + i * MINUTE))
            for i in range(4)
        )
        await asyncio.gather(ended.forget_caller(CALLER), *writing)
        await ended.open_call(a_call())
        assert await outcome_of(ended) is None, f"round {n}"
