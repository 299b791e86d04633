"""Stores tools' answers, so that a tool with side effects acts only once per idempotency key."""

import datetime

import msgspec

from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path
from ringdown.tools import ToolAnswer

KEPT_FOR = datetime.timedelta(days=1)


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The document `tool_answers/{key}`. It has no answer while the tool is still working."""

    answer: ToolAnswer | None = None
    expires_at: datetime.datetime


class KeptAnswers:
    """Every method raises StoreUnavailable when the store doesn't answer."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def claim(self, key: str, expires_at: datetime.datetime) -> bool:
        """Claim `key`. True for the first delivery, which must produce the answer."""
        return await self._documents.create(_path(key), KeptAnswer(expires_at=expires_at))

    async def read(self, key: str) -> ToolAnswer | None:
        """Return the answer kept for `key`; None until there is one."""
        kept = await self._documents.read(KeptAnswer, _path(key))
        return None if kept is None else kept.answer

    async def keep(self, key: str, answer: ToolAnswer, expires_at: datetime.datetime) -> None:
        kept = KeptAnswer(answer=answer, expires_at=expires_at)
        await self._documents.write(_path(key), kept)

    async def release(self, key: str) -> None:
        """Let the next delivery try, because nothing was done."""
        await self._documents.delete(_path(key))


def _path(key: str) -> str:
    return document_path("tool_answers", key)
