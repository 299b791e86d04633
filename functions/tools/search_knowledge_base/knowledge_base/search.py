"""Searches a knowledge base for the tool."""

from typing import Annotated

import msgspec

from knowledge_base.passages import KnowledgeBase, SearchFailed, spoken_answer
from ringdown.tools import Json, ToolAnswer, ToolRequest


class SearchArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class Search:
    """Searches `base` for the `most` best passages."""

    def __init__(self, base: KnowledgeBase, most: int) -> None:
        self._base = base
        self._most = most

    async def search(self, args: SearchArgs, _request: ToolRequest) -> dict[str, Json] | ToolAnswer:
        """Return what was found, or an error that tells the model how to continue."""
        try:
            return spoken_answer(await self._base.search(args.query, self._most))
        except SearchFailed as error:
            return ToolAnswer.failed(error.message, retryable=error.retryable)
