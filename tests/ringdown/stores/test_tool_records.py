"""What the shipped tools work on, in every store."""

import asyncio
import datetime

import pytest

from ringdown.accounts import LOCKED_FOR, Account
from ringdown.callbacks import Callback
from ringdown.calls.callers import Forgotten
from ringdown.errors import InvalidDocument
from ringdown.sent_texts import SentText
from ringdown.stores import Store
from ringdown.text_templates import TextTemplate
from ringdown.tools import ToolAnswer
from tests.ringdown.samples import CALL_SID, CALLER, NOW
from tests.ringdown.stores.contract import Put

ACCOUNT = Account(
    account_number="123456", status="active", plan="family", customer_since="May 2020", balance="9"
)
NEXT_DAY = NOW + datetime.timedelta(days=1)


def a_callback(*, caller: str = CALLER, at: datetime.datetime = NEXT_DAY) -> Callback:
    return Callback(
        caller=caller,
        at=at,
        topic="a late box",
        call_sid=CALL_SID,
        agent_id="default",
        created_at=NOW,
        expires_at=at + datetime.timedelta(days=30),
    )


async def test_an_account_is_read_as_it_was_written(store: Store, other_store: Store) -> None:
    assert await store.read_account("123456") is None
    await store.write_account(ACCOUNT)
    assert await other_store.read_account("123456") == ACCOUNT


async def test_a_broken_account_is_told(store: Store, put: Put) -> None:
    await put("accounts/123456", {"account_number": "123456", "status": "sleeping"})
    with pytest.raises(InvalidDocument, match="accounts/123456"):
        await store.read_account("123456")


async def test_three_tries_lock_an_account_for_an_hour(store: Store, other_store: Store) -> None:
    for key in ("1", "2", "3"):
        assert await store.begin_pin_try("123456", key, NOW)
    assert not await other_store.begin_pin_try("123456", "4", NOW)
    assert await store.begin_pin_try("654321", "5", NOW)
    almost = NOW + LOCKED_FOR - datetime.timedelta(seconds=1)
    assert not await other_store.begin_pin_try("123456", "6", almost)
    assert await other_store.begin_pin_try("123456", "7", NOW + LOCKED_FOR)


async def test_tries_at_once_cannot_outrun_the_count(store: Store, other_store: Store) -> None:
    tries = [(store, other_store)[n % 2].begin_pin_try("123456", f"{n}", NOW) for n in range(8)]
    assert sum(await asyncio.gather(*tries)) == 3


async def test_a_right_pin_clears_the_count(store: Store) -> None:
    for key in ("1", "2", "3"):
        await store.begin_pin_try("123456", key, NOW)
    await store.clear_pin_tries("123456")
    assert await store.begin_pin_try("123456", "4", NOW)


async def test_wrong_tries_are_forgotten_after_a_day(store: Store) -> None:
    for key in ("1", "2"):
        await store.begin_pin_try("123456", key, NOW)
    for key in ("3", "4"):
        assert await store.begin_pin_try("123456", key, NEXT_DAY)
    assert await store.begin_pin_try("123456", "5", NEXT_DAY)
    assert not await store.begin_pin_try("123456", "6", NEXT_DAY)


async def test_a_caller_has_one_callback_at_a_time(store: Store, other_store: Store) -> None:
    later = a_callback(at=NEXT_DAY + datetime.timedelta(minutes=1))
    assert await store.keep_callback(later)
    assert await store.keep_callback(a_callback())
    assert not await other_store.keep_callback(a_callback())
    assert await other_store.list_callbacks() == (a_callback(), later)


async def test_a_broken_callback_hides_no_other(store: Store, put: Put) -> None:
    await store.keep_callback(a_callback())
    await put("callbacks/x", {"caller": 7})
    assert await store.list_callbacks() == (a_callback(),)


async def test_a_forgotten_caller_is_not_called_back(store: Store) -> None:
    other = a_callback(caller="+14155550124")
    await store.keep_callback(a_callback())
    await store.keep_callback(other)
    assert await store.forget_caller(CALLER) == Forgotten(callers=0, calls=0, documents=1)
    assert await store.list_callbacks() == (other,)


async def test_texts_are_found_by_name(store: Store, other_store: Store) -> None:
    template = TextTemplate(text="Your box comes on {day}.")
    assert await store.read_text_template("day") is None
    await store.write_text_template("day", template)
    await store.write_text_template("Anfahrt/Köln", template)
    assert await other_store.read_text_template("day") == template
    assert await other_store.list_text_templates() == ("Anfahrt/Köln", "day")


def a_text(key: str, call_sid: str = CALL_SID, at: datetime.datetime = NOW) -> SentText:
    return SentText(key=key, call_sid=call_sid, at=at)


async def test_a_number_gets_three_texts_in_a_call_and_six_in_a_day(
    store: Store, other_store: Store
) -> None:
    for call in ("CA1", "CA2"):
        for key in ("1", "2", "3", "3"):
            assert await store.count_text(CALLER, a_text(f"{call}:{key}", call))
        assert not await other_store.count_text(CALLER, a_text(f"{call}:4", call))
    assert not await store.count_text(CALLER, a_text("CA3:1", "CA3"))
    assert await store.count_text("+14155550124", a_text("CA4:1", "CA4"))
    assert await store.count_text(CALLER, a_text("CA5:1", "CA5", NEXT_DAY))


async def test_texts_at_once_cannot_outrun_the_count(store: Store, other_store: Store) -> None:
    texts = [(store, other_store)[n % 2].count_text(CALLER, a_text(f"{n}")) for n in range(8)]
    assert sum(await asyncio.gather(*texts)) == 3


async def test_of_a_forgotten_caller_no_text_is_counted(store: Store) -> None:
    for key in ("1", "2", "3"):
        await store.count_text(CALLER, a_text(key))
    assert await store.forget_caller(CALLER) == Forgotten(callers=0, calls=0, documents=1)
    assert await store.count_text(CALLER, a_text("4"))


async def test_one_of_several_deliveries_finds_the_answer(store: Store, other_store: Store) -> None:
    claims = [(store, other_store)[n % 2].claim_answer("key", NEXT_DAY) for n in range(6)]
    assert sum(await asyncio.gather(*claims)) == 1
    assert await other_store.read_answer("key") is None


@pytest.mark.parametrize(
    "answer",
    [ToolAnswer(output={"a": [[1], {"b": None}]}), ToolAnswer.failed("No.", retryable=True)],
)
async def test_a_kept_answer_is_the_same(
    store: Store, other_store: Store, answer: ToolAnswer
) -> None:
    await store.claim_answer("key", NEXT_DAY)
    await store.keep_answer("key", answer, NEXT_DAY)
    assert await other_store.read_answer("key") == answer
    assert not await other_store.claim_answer("key", NEXT_DAY)


async def test_a_released_answer_can_be_claimed_again(store: Store, other_store: Store) -> None:
    await store.claim_answer("key", NEXT_DAY)
    await store.release_answer("key")
    assert await other_store.claim_answer("key", NEXT_DAY)
