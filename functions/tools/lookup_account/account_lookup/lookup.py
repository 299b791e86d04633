"""Looks up an account by the number a caller says; some facts require proof."""

import asyncio
from typing import Annotated

import msgspec

from account_lookup.accounts import ACCOUNT_NUMBER_DIGITS, Account, Accounts, pin_matches
from ringdown import clock
from ringdown.open_once import OpenOnce
from ringdown.stores import Store
from ringdown.tools import Json, ToolAnswer, ToolRequest

PIN = "pin"
_TOLD_FREELY = ("account_number", "status", "plan", "customer_since", "next_delivery")
_TYPE_THE_PIN = (
    'have them type their PIN on the keypad (collect_digits, purpose "pin"), then call this again'
)
_BALANCE_NEEDS_PIN = f"The balance needs the caller's PIN. If they ask for it: {_TYPE_THE_PIN}."
_NO_PROOF = "The balance of this account cannot be told on the phone."
_LOCKED = ToolAnswer.failed(
    "The PIN was wrong three times, so this account is locked for an hour, for every caller."
    " Nothing of it can be told meanwhile. Offer the caller a person."
)
_WRONG = ToolAnswer.failed(f"The PIN is wrong. Tell the caller so, and {_TYPE_THE_PIN}.")


class LookupArgs(msgspec.Struct, frozen=True):
    account_number: (
        Annotated[str, msgspec.Meta(max_length=100)] | Annotated[int, msgspec.Meta(ge=0, le=10**12)]
    )


class AccountLookup:
    """Reveals a balance only to callers who prove who they are.

    With `verified_number_is_proof`, calling from the owner's phone is proof enough, if the network
    vouches for it.
    """

    def __init__(self, store: OpenOnce[Store], *, verified_number_is_proof: bool) -> None:
        self._store = store
        self._verified_number_is_proof = verified_number_is_proof

    async def look_up(self, args: LookupArgs, request: ToolRequest) -> dict[str, Json] | ToolAnswer:
        """Return the account's facts, or an error that tells the model how to continue.

        Raises what the store raises.
        """
        digits = spoken_digits(str(args.account_number))
        if len(digits) != ACCOUNT_NUMBER_DIGITS:
            return ToolAnswer.failed(
                f"An account number has {ACCOUNT_NUMBER_DIGITS} digits, this one has {len(digits)}."
                " Ask the caller to say the number again, digit by digit."
            )
        accounts = Accounts((await self._store.get()).documents)
        account = await accounts.read(digits)
        if account is None:
            return ToolAnswer.failed(
                "There is no account with this number. Read the digits back to the caller and ask"
                " whether they are right."
            )
        if self._verified_number_is_proof and _is_owners_number(account, request):
            return _facts(account, proven=True)
        typed = request.digits.get(PIN)
        if typed is None or account.pin_hash is None:
            return _facts(account, proven=False)
        if not await accounts.begin_pin_try(digits, request.idempotency_key, clock.now()):
            return _LOCKED
        if not await asyncio.to_thread(pin_matches, typed, account.pin_hash):
            return _WRONG
        await accounts.clear_pin_tries(digits)
        return _facts(account, proven=True)


def spoken_digits(text: str) -> str:
    """Return the digits in what a model wrote: "1 2 3 4 5 6" and "123-456" become 123456."""
    return "".join(character for character in text if character in "0123456789")


def _is_owners_number(account: Account, request: ToolRequest) -> bool:
    """Whether the telephone network vouches that the call comes from the owner's phone."""
    return request.call.caller_verified and account.phone_number == request.call.caller


def _facts(account: Account, *, proven: bool) -> dict[str, Json]:
    facts: dict[str, Json] = {name: getattr(account, name) for name in _TOLD_FREELY}
    if proven:
        facts["balance"] = account.balance
    elif account.balance is not None:
        facts["note"] = _NO_PROOF if account.pin_hash is None else _BALANCE_NEEDS_PIN
    return {name: value for name, value in facts.items() if value is not None}
