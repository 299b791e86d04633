"""Answers that are kept, so that a tool that changes something does it once for one key."""

import datetime
from typing import Protocol

import msgspec

from ringdown.tools import ToolAnswer

KEPT_FOR = datetime.timedelta(days=1)


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`tool_answers/{key}`; without an answer while the tool is at work."""

    answer: ToolAnswer | None = None
    expires_at: datetime.datetime


class AnswerStore(Protocol):
    """Every method raises StoreUnavailable when the store does not answer."""

    async def claim_answer(self, key: str, expires_at: datetime.datetime) -> bool:
        """Whether the caller is the first with this key, and is to find the answer."""

    async def read_answer(self, key: str) -> ToolAnswer | None:
        """None while there is no answer."""

    async def keep_answer(
        self, key: str, answer: ToolAnswer, expires_at: datetime.datetime
    ) -> None: ...

    async def release_answer(self, key: str) -> None:
        """Nothing was done: let the next delivery try."""
