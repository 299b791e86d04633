"""Shortens what a search finds for a spoken answer. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ringdown.tools import Json, ToolAnswer

LONGEST_PASSAGE = 700
LONGEST_ANSWER = 1_800
_SHORTEST_PASSAGE = 150  # with less room, a passage isn't worth including
_SENTENCE_END = re.compile(r"[.!?…](?=\s|$)")
_NOTHING_FOUND = (
    "Nothing was found. Search once more with other words, or tell the caller that you do not know."
)


@dataclass(frozen=True, slots=True)
class Passage:
    """Part of an article. `source` is what operators call the article."""

    text: str
    source: str


class SearchFailed(Exception):
    """`message` is for the model to tell the caller; the cause has already been logged."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


class KnowledgeBase(Protocol):
    """A searchable set of articles."""

    async def search(self, query: str, most: int) -> list[Passage]:
        """Return the `most` best passages, best first. Raises SearchFailed."""


def spoken_answer(passages: Iterable[Passage]) -> dict[str, Json] | ToolAnswer:
    """Return the passages with their sources, shortened at the ends of sentences."""
    results: list[dict[str, str]] = []
    left = LONGEST_ANSWER
    for passage in passages:
        if left < _SHORTEST_PASSAGE:
            break
        text = shortened(" ".join(passage.text.split()), min(LONGEST_PASSAGE, left))
        if not text:
            continue
        results.append({"text": text, "source": passage.source})
        left -= len(text)
    return {"results": results} if results else ToolAnswer.failed(_NOTHING_FOUND)


def shortened(text: str, longest: int) -> str:
    """Cut `text` after the last whole sentence that fits, or else after the last word."""
    if len(text) <= longest:
        return text
    ends = [end.end() for end in _SENTENCE_END.finditer(text, 0, longest)]
    if ends:
        return text[: ends[-1]]
    words = text[: longest - 1].rpartition(" ")[0]
    return f"{words}…" if words else ""
