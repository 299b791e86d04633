"""Searches a folder of Markdown articles in memory, with SQLite's FTS5."""

import asyncio
import re
import sqlite3
import weakref
from collections.abc import Iterator
from pathlib import Path

from knowledge_base.passages import Passage, SearchFailed

_WORD = re.compile(r"\w+")
_MOST_WORDS = 30
_COMMON = re.compile(
    "an?|and|are|at|be|by|can|does?|for|from|have|how|i|if|in|is|it|me|my|of|on|or|our|that|the|there"
    "|to|was|we|what|when|where|which|who|will|with|your?"
)
_TITLE_WEIGHT, _TEXT_WEIGHT = 4.0, 1.0


class Articles:
    """A folder of articles. A passage is the text below a `##` heading; its source is the title and
    the heading."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index: sqlite3.Connection | None = None

    async def search(self, query: str, most: int) -> list[Passage]:
        words = [word for word in _WORD.findall(query.lower()) if not _COMMON.fullmatch(word)]
        if not words:
            raise SearchFailed("The query has no word to search for. Say what the caller asks.")
        return await asyncio.to_thread(self._search, words[:_MOST_WORDS], most)

    def _search(self, words: list[str], most: int) -> list[Passage]:
        index = self._index = self._index or self._indexed()
        # Each word is quoted, so that a caller's words aren't read as query syntax.
        rows = index.execute(
            "SELECT text, source FROM passages WHERE passages MATCH ?"
            " ORDER BY bm25(passages, ?, ?) LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), _TITLE_WEIGHT, _TEXT_WEIGHT, most),
        )
        return [Passage(text, source) for text, source in rows]

    def _indexed(self) -> sqlite3.Connection:
        index = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, index.close)
        index.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(source, text, tokenize = 'porter unicode61')"
        )
        for path in sorted(self._folder.glob("*.md")):
            rows = list(sections(path.stem, path.read_text("utf-8")))
            index.executemany("INSERT INTO passages VALUES (?, ?)", rows)
        return index


def sections(name: str, article: str) -> Iterator[tuple[str, str]]:
    """Yield the source and text of each section that has text. An article without headings is one
    section."""
    title, *rest = re.split(r"^##\s+(.+)$", article, flags=re.MULTILINE)
    head, _, introduction = title.strip().partition("\n")
    if not head.startswith("# "):
        head, introduction = name, title
    heading = head.removeprefix("# ").strip()
    if introduction.strip():
        yield heading, introduction.strip()
    for section, text in zip(rest[::2], rest[1::2], strict=True):
        if text.strip():
            yield f"{heading}: {section.strip()}", text.strip()
