"""Accounts in every store."""

import asyncio
import datetime

import pytest

from account_lookup.accounts import LOCKED_FOR, Account, Accounts
from ringdown.errors import InvalidDocument
from ringdown.stores import Store
from tests.ringdown.samples import NOW
from tests.ringdown.stores.contract import Put

ACCOUNT = Account(
    account_number="123456", status="active", plan="family", customer_since="May 2020", balance="9"
)
NEXT_DAY = NOW + datetime.timedelta(days=1)


async def test_an_account_is_read_as_it_was_written(store: Store, other_store: Store) -> None:
    assert await Accounts(store.documents).read("123456") is None
    await store.documents.write("accounts/123456", ACCOUNT)
    assert await Accounts(other_store.documents).read("123456") == ACCOUNT


async def test_a_broken_account_is_told(store: Store, put: Put) -> None:
    await put("accounts/123456", {"account_number": "123456", "status": "sleeping"})
    with pytest.raises(InvalidDocument, match="accounts/123456"):
        await Accounts(store.documents).read("123456")


async def test_three_tries_lock_an_account_for_an_hour(store: Store, other_store: Store) -> None:
    for key in ("1", "2", "3"):
        assert await Accounts(store.documents).begin_pin_try("123456", key, NOW)
    assert not await Accounts(other_store.documents).begin_pin_try("123456", "4", NOW)
    assert await Accounts(store.documents).begin_pin_try("654321", "5", NOW)
    almost = NOW + LOCKED_FOR - datetime.timedelta(seconds=1)
    assert not await Accounts(other_store.documents).begin_pin_try("123456", "6", almost)
    assert await Accounts(other_store.documents).begin_pin_try("123456", "7", NOW + LOCKED_FOR)


async def test_tries_at_once_cannot_outrun_the_count(store: Store, other_store: Store) -> None:
    tries = [
        Accounts((store, other_store)[n % 2].documents).begin_pin_try("123456", f"{n}", NOW)
        for n in range(8)
    ]
    assert sum(await asyncio.gather(*tries)) == 3


async def test_a_right_pin_clears_the_count(store: Store) -> None:
    for key in ("1", "2", "3"):
        await Accounts(store.documents).begin_pin_try("123456", key, NOW)
    await Accounts(store.documents).clear_pin_tries("123456")
    assert await Accounts(store.documents).begin_pin_try("123456", "4", NOW)


async def test_wrong_tries_are_forgotten_after_a_day(store: Store) -> None:
    for key in ("1", "2"):
        await Accounts(store.documents).begin_pin_try("123456", key, NOW)
    for key in ("3", "4"):
        assert await Accounts(store.documents).begin_pin_try("123456", key, NEXT_DAY)
    assert await Accounts(store.documents).begin_pin_try("123456", "5", NEXT_DAY)
    assert not await Accounts(store.documents).begin_pin_try("123456", "6", NEXT_DAY)
