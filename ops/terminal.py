"""The person at the terminal: what they read, and what they are asked."""

import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TextIO


class Style(Enum):
    """How a line looks on a terminal; elsewhere lines are plain. SGR codes of ECMA-48."""

    PLAIN = ""
    STRONG = "1"
    GOOD = "32"
    BAD = "31"
    FAINT = "2"


class Terminal:
    """Lines out, answers in. Texts may come from callers: only printable characters pass."""

    def __init__(
        self, answers: TextIO, out: TextIO, errors: TextIO, *, coloured: bool = False
    ) -> None:
        self._answers = answers
        self._out = out
        self._errors = errors
        self._coloured = coloured

    @property
    def answers(self) -> TextIO:
        """Standard input, for commands that read it whole."""
        return self._answers

    def say(self, text: str = "", style: Style = Style.PLAIN) -> None:
        print(self._styled(text, style), file=self._out, flush=True)

    def complain(self, text: str) -> None:
        """Say what is wrong, where it does not get mixed up with what was asked for."""
        print(self._styled(text, Style.PLAIN), file=self._errors, flush=True)

    def confirm(self, question: str) -> bool:
        """Ask for a yes; whoever says nothing, or is not there, has said no."""
        print(f"{_printable(question)} [y/N] ", end="", file=self._errors, flush=True)
        answer = self._answers.readline()
        if not answer.endswith("\n"):
            print(file=self._errors)
        return answer.strip().lower() in ("y", "yes")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as they need to be; the last one is free."""
        widths = [
            max(len(_line(cell)) for cell in column) for column in zip(heads, *rows, strict=True)
        ]
        for row, style in ((heads, Style.FAINT), *((row, Style.PLAIN) for row in rows)):
            cells = [_line(cell).ljust(width) for cell, width in zip(row, widths, strict=True)]
            self.say("  ".join(cells).rstrip(), style)

    def _styled(self, text: str, style: Style) -> str:
        text = _printable(text)
        if not self._coloured or style is Style.PLAIN:
            return text
        return f"\x1b[{style.value}m{text}\x1b[0m"


def standard_terminal(environ: Mapping[str, str]) -> Terminal:
    """The process's own; NO_COLOR (no-color.org) and dumb terminals are respected."""
    coloured = sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Terminal(sys.stdin, sys.stdout, sys.stderr, coloured=coloured)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def _line(cell: str) -> str:
    return " ".join(_printable(cell).split())
