"""The commands that README.md and docs/ show, as a reader would type them."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_QUOTED = re.compile(r"""("[^"]*"|'[^']*')""")


@dataclass(frozen=True, slots=True)
class Command:
    page: str
    program: str
    arguments: str
    in_block: bool
    """Whether it is in a code block, to be copied unchanged. In a sentence it may be partial."""

    def __str__(self) -> str:
        return f"{self.program} {self.arguments}".strip()


def commands(program: str) -> list[Command]:
    """Every command of `program` in the documentation, without repetitions."""
    found = [
        Command(page, program, arguments, in_block)
        for page, code, in_block in _all_code()
        for arguments in _arguments(code, program)
    ]
    in_blocks_last = sorted(found, key=lambda command: command.in_block)
    unique = {str(command): command for command in in_blocks_last}
    return sorted(unique.values(), key=str)


@functools.cache
def _all_code() -> tuple[tuple[str, str, bool], ...]:
    """The code on all pages: the page, the code, and whether it is a block."""
    return tuple(
        (str(page.relative_to(ROOT)), code, in_block)
        for page in PAGES
        for code, in_block in _code(page.read_text("utf-8"))
    )


def _code(text: str) -> Iterator[tuple[str, bool]]:
    for token in _MARKDOWN.parse(text):
        if token.type in ("code_block", "fence") and token.info in ("", "sh"):
            yield token.content, True
        for child in token.children or ():
            if child.type == "code_inline":
                yield child.content, False


def _arguments(code: str, program: str) -> Iterator[str]:
    """The words after `program` wherever `code` runs it: after variables, `&&`, `|` or `$(`."""
    lines = code.replace("\\\n", " ")
    begins = rf"(?:^|&& |\| |\$\()(?:\w+=\S* )*(?:\S*/)?{re.escape(program)}(?= |$|\))"
    for match in re.finditer(begins, lines, re.MULTILINE):
        rest = lines[match.end() :]
        yield " ".join(_until_end(rest).split())


def _until_end(code: str) -> str:
    """The words of the first command, up to the next operator outside quotes."""
    end = 0
    for part in _QUOTED.split(code):
        if part[:1] not in ("'", '"') and (match := re.search(r"&&|\||\d?>|<|;|\)|\n| #", part)):
            return code[: end + match.start()]
        end += len(part)
    return code
