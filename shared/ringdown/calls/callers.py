"""Callers: who is blocked, and what an agent may remember. A number is a hint, never a proof."""

import datetime
import hashlib
import hmac
import secrets
from typing import Protocol

import msgspec

UNREACHED = (
    "Twilio's own call logs, and recordings if Twilio made any: delete them in Twilio's console.",
    "Google Cloud's logs, including the bucket of dead letters: they expire after their retention.",
    "Traces, if tracing is on: they expire, too, and contain words only if you enabled that.",
    "Firestore's point-in-time recovery (seven days if it is on), its backups and exports.",
    "What Google keeps of Gemini sessions under your terms with it.",
    "Agents and drafts that name the number, such as a draft's `testers`: remove it there.",
    "Personas made from their calls: `ringdown rehearsals list` shows all, `delete` deletes one.",
    "What tools and receivers of webhooks stored, and files that `ringdown calls` wrote.",
)
"""What `forget` cannot erase, in operators' words."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the next call may know about the last one."""

    text: str
    call_sid: str
    at: datetime.datetime


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored about a caller (`callers/{number}`). A memory expires at `expires_at`; a block
    doesn't expire."""

    blocked: bool = False
    memory: Memory | None = None
    expires_at: datetime.datetime | None = None


class ForgottenBlocks(msgspec.Struct, frozen=True, kw_only=True):
    """Callers who stay blocked after everything else about them was erased.

    `settings/forgotten_blocks` contains only a salted hash of each number. There are few enough
    phone numbers to try them all, so this hides a number from someone who happens to see the
    document, not from someone who sets out to find it.
    """

    salt: str = msgspec.field(default_factory=lambda: secrets.token_hex(16))
    digests: tuple[str, ...] = ()

    def include(self, number: str) -> bool:
        return self._digest(number) in self.digests

    def having(self, number: str) -> "ForgottenBlocks":
        return (
            self if self.include(number) else self._keeping((*self.digests, self._digest(number)))
        )

    def without(self, number: str) -> "ForgottenBlocks":
        lifted = self._digest(number)
        return self._keeping(tuple(each for each in self.digests if each != lifted))

    def _keeping(self, digests: tuple[str, ...]) -> "ForgottenBlocks":
        return msgspec.structs.replace(self, digests=digests)

    def _digest(self, number: str) -> str:
        key, text = self.salt.encode(), number.encode("utf-8", "surrogatepass")
        return hmac.new(key, text, hashlib.sha256).hexdigest()[:32]


class BlockedCallers(msgspec.Struct, frozen=True, kw_only=True):
    """The blocked callers. Only the count of forgotten ones is known."""

    callers: tuple[str, ...]
    forgotten: int


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How many documents were erased, and whether the caller stays blocked."""

    callers: int
    calls: int
    documents: int
    """The documents below those calls, requested callbacks, and the count of texts."""
    recordings: int = 0
    """How many of those calls were recorded."""
    in_progress: int = 0
    """How many of those calls may still be live; their handlers will write them again."""
    still_blocked: bool = False


class CallerIndex(Protocol):
    """Finds callers. Raises StoreUnavailable when the store does not answer."""

    async def blocked_callers(self) -> BlockedCallers:
        """Return the blocked callers, in order."""


class CallerStore(Protocol):
    """Stores callers. Every method raises StoreUnavailable when the store doesn't answer."""

    async def read_caller(self, number: str) -> Caller:
        """Return the caller; an unknown one is neither blocked nor remembered."""

    async def block_caller(self, number: str, blocked: bool) -> None:
        """Block or unblock the caller, and keep the rest of the document."""

    async def remember_caller(
        self, number: str, memory: Memory, expires_at: datetime.datetime
    ) -> bool:
        """Replace the caller's memory, keeping the rest. A blocked caller's entry never expires.

        False if it isn't stored, because a later one is, or because its call is gone (the caller
        was forgotten meanwhile).
        """

    async def forget_caller(self, number: str) -> Forgotten:
        """Erase the caller, and all their calls with recordings. A blocked caller stays blocked.

        Raises RecordingsOutOfReach.
        """
