"""What the tool answers."""

from typing import Annotated

import msgspec

from knowledge_base.passages import KnowledgeBase, SearchFailed, spoken_answer
from ringdown.tools import Json, ToolAnswer


class SearchArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


async def search(base: KnowledgeBase, most: int, args: SearchArgs) -> dict[str, Json] | ToolAnswer:
    """What was found, or an error that tells the model how to go on."""
    try:
        return spoken_answer(await base.search(args.query, most))
    except SearchFailed as error:
        return ToolAnswer.failed(error.message, retryable=error.retryable)
