"""Tools' kept answers, in every store."""

import asyncio
import datetime

import pytest

from ringdown.stores import Store
from ringdown.tools import ToolAnswer
from ringdown.tools.answers import KeptAnswers
from tests.ringdown.samples import NOW

NEXT_DAY = NOW + datetime.timedelta(days=1)


async def test_one_of_several_deliveries_finds_the_answer(store: Store, other_store: Store) -> None:
    claims = [
        KeptAnswers((store, other_store)[n % 2].documents).claim("key", NEXT_DAY) for n in range(6)
    ]
    assert sum(await asyncio.gather(*claims)) == 1
    assert await KeptAnswers(other_store.documents).read("key") is None


@pytest.mark.parametrize(
    "answer",
    [ToolAnswer(output={"a": [[1], {"b": None}]}), ToolAnswer.failed("No.", retryable=True)],
)
async def test_a_kept_answer_is_the_same(
    store: Store, other_store: Store, answer: ToolAnswer
) -> None:
    await KeptAnswers(store.documents).claim("key", NEXT_DAY)
    await KeptAnswers(store.documents).keep("key", answer, NEXT_DAY)
    assert await KeptAnswers(other_store.documents).read("key") == answer
    assert not await KeptAnswers(other_store.documents).claim("key", NEXT_DAY)


async def test_a_released_answer_can_be_claimed_again(store: Store, other_store: Store) -> None:
    await KeptAnswers(store.documents).claim("key", NEXT_DAY)
    await KeptAnswers(store.documents).release("key")
    assert await KeptAnswers(other_store.documents).claim("key", NEXT_DAY)
