"""Customer accounts, and the proof required for a balance."""

import datetime
import hashlib
import hmac
import secrets
from typing import Annotated, Literal

import msgspec

from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path

ACCOUNT_NUMBER_DIGITS = 6
MOST_WRONG_PINS = 3
LOCKED_FOR = datetime.timedelta(hours=1)
_FORGOTTEN_AFTER = datetime.timedelta(days=1)
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`accounts/{number}`. The facts are worded to be spoken."""

    account_number: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]
    status: Literal["active", "paused", "closed"]
    plan: str
    customer_since: str
    next_delivery: str | None = None
    balance: str | None = None
    """Only for callers who prove who they are."""
    pin_hash: str | None = None
    """As returned by `hash_pin`; None if the account has no PIN."""
    phone_number: str | None = None
    """The customer's own number, in E.164."""


class PinTries(msgspec.Struct, frozen=True, kw_only=True):
    """`pin_tries/{account number}`: how many wrong PINs callers have tried."""

    wrong: int
    last_key: str
    """The last try's idempotency key, so that a request delivered twice counts once."""
    locked_until: datetime.datetime | None = None
    expires_at: datetime.datetime


class Accounts:
    """Every method raises StoreUnavailable if the store doesn't respond."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def read(self, account_number: str) -> Account | None:
        """Return the account, or None if there is none. Raises InvalidDocument."""
        return await self._documents.read(Account, document_path("accounts", account_number))

    async def begin_pin_try(self, account_number: str, key: str, now: datetime.datetime) -> bool:
        """Count a try as wrong before checking the PIN, so that parallel tries can't outrun the
        count. `key` is the request's idempotency key. False if the account is locked."""
        return await self._documents.change(
            PinTries, _tries_path(account_number), lambda tries: counted(tries, key, now)
        )

    async def clear_pin_tries(self, account_number: str) -> None:
        """Forget the wrong PINs, after the right one."""
        await self._documents.delete(_tries_path(account_number))


def _tries_path(account_number: str) -> str:
    return document_path("pin_tries", account_number)


def counted(tries: PinTries | None, key: str, now: datetime.datetime) -> PinTries | None:
    """Add a try to `tries`; None if the account is locked."""
    if tries is None or tries.expires_at <= now:
        return _tries(1, key, now)
    if tries.last_key == key:
        return tries
    if tries.locked_until is None:
        return _tries(tries.wrong + 1, key, now)
    return None if now < tries.locked_until else _tries(1, key, now)


def _tries(wrong: int, key: str, now: datetime.datetime) -> PinTries:
    locked_until = now + LOCKED_FOR if wrong >= MOST_WRONG_PINS else None
    expires_at = now + _FORGOTTEN_AFTER
    return PinTries(wrong=wrong, last_key=key, locked_until=locked_until, expires_at=expires_at)


def hash_pin(pin: str) -> str:
    """Hash a PIN for storage, using scrypt with a random salt. Takes about 50 ms."""
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${_digest(pin, salt).hex()}"


def pin_matches(pin: str, pin_hash: str) -> bool:
    """Whether `pin` is correct; takes equally long either way. An invalid hash matches nothing."""
    try:
        scheme, salt, digest = pin_hash.split("$")
        expected = bytes.fromhex(digest)
        found = _digest(pin, bytes.fromhex(salt))
    except ValueError:
        return False
    return scheme == "scrypt" and hmac.compare_digest(found, expected)


def _digest(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, dklen=32)
