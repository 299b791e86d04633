"""What the tool answers for an account number as a caller says it."""

from typing import Annotated

import msgspec
from accounts import ACCOUNT_NUMBER_DIGITS, Accounts

from ringdown.tools import Json, ToolAnswer


class LookupArgs(msgspec.Struct, frozen=True):
    account_number: (
        Annotated[str, msgspec.Meta(max_length=100)] | Annotated[int, msgspec.Meta(ge=0, le=10**12)]
    )


async def look_up(accounts: Accounts, args: LookupArgs) -> dict[str, Json] | ToolAnswer:
    """The facts of the account, or an error that tells the model how to go on."""
    digits = spoken_digits(str(args.account_number))
    if len(digits) != ACCOUNT_NUMBER_DIGITS:
        return ToolAnswer.failed(
            f"An account number has {ACCOUNT_NUMBER_DIGITS} digits, this one has {len(digits)}."
            " Ask the caller to say the number again, digit by digit."
        )
    account = await accounts.find(digits)
    if account is None:
        return ToolAnswer.failed(
            "There is no account with this number. Read the digits back to the caller and ask"
            " whether they are right."
        )
    facts: dict[str, Json] = msgspec.to_builtins(account)
    return facts


def spoken_digits(text: str) -> str:
    """The digits in what a model wrote down: "1 2 3 4 5 6" and "123-456" are 123456."""
    return "".join(character for character in text if character in "0123456789")
