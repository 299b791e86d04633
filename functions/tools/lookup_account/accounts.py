"""Accounts: what may be said of one without proof of who is calling, and where they are kept."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Protocol

import msgspec
import yaml

ACCOUNT_NUMBER_DIGITS = 6


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts are worded as they are to be spoken."""

    account_number: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]
    status: Literal["active", "paused", "closed"]
    plan: str
    customer_since: str
    next_delivery: str | None = None


class Accounts(Protocol):
    """Where accounts are looked up. Implement this on your own system."""

    async def find(self, account_number: str) -> Account | None:
        """The account with this number (digits only), or None."""


class DemonstrationAccounts:
    """Implements Accounts on a fixed list."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._by_number = {account.account_number: account for account in accounts}

    async def find(self, account_number: str) -> Account | None:
        return self._by_number.get(account_number)


def read_accounts(path: Path) -> list[Account]:
    """The accounts in a YAML file."""
    return msgspec.convert(yaml.safe_load(path.read_text("utf-8")), list[Account])
