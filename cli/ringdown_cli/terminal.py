"""Prints to the user's terminal, and asks questions there."""

import codecs
import errno
import io
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import TextIO

_NOBODY_READS = (errno.EPIPE, errno.EIO)
"""The reader of a pipe has gone, or the terminal is closed."""
_ASCII = {"…": "...", "–": "-", "✓": "+", "✗": "x", "“": '"', "”": '"', "’": "'", "→": "->"}


class Style(Enum):
    """A line's SGR code (ECMA-48) on a terminal; elsewhere lines are plain."""

    PLAIN = ""
    STRONG = "1"
    GOOD = "32"
    BAD = "31"
    FAINT = "2"


class Terminal:
    """Prints lines and reads answers. Texts may come from callers, so only printable characters
    pass."""

    def __init__(
        self,
        answers: TextIO,
        out: TextIO,
        errors: TextIO,
        *,
        coloured: bool = False,
        width: int | None = None,
    ) -> None:
        """`width` is None in a file or a pipe, where lines may be of any length."""
        self._answers = answers
        self._out = out
        self._errors = errors
        self._coloured = coloured
        self._width = width

    @property
    def answers(self) -> TextIO:
        """Standard input, for commands that read all of it."""
        return self._answers

    def say(self, text: str = "", style: Style = Style.PLAIN) -> None:
        print_line(self._styled(text, style), self._out)

    def complain(self, text: str) -> None:
        """Say what is wrong, on standard error, so that it doesn't mix with the output."""
        print_line(self._styled(text, Style.PLAIN), self._errors)

    def note(self, text: str) -> None:
        """Say something useful, on standard error, so that it doesn't mix with the output."""
        print_line(self._styled(text, Style.FAINT), self._errors)

    def confirm(self, question: str) -> bool:
        """Ask a yes-or-no question; no answer means no."""
        return self.ask(f"{question} [y/N]").lower() in ("y", "yes")

    def ask(self, question: str) -> str:
        """Ask a question, and return the line that the user types; empty at the end of input."""
        print(f"{_printable(question)} ", end="", file=self._errors, flush=True)
        answer = self._answers.readline()
        if not answer.endswith("\n"):
            print(file=self._errors)
        return answer.strip()

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        styles: Sequence[Style] | None = None,
    ) -> None:
        """Print columns as wide as needed. On a terminal, the last column is cut to fit."""
        widths = [
            max(len(_line(cell)) for cell in column) for column in zip(heads, *rows, strict=True)
        ]
        looks = (Style.FAINT, *(styles or [Style.PLAIN] * len(rows)))
        for row, style in zip((heads, *rows), looks, strict=True):
            cells = [_line(cell).ljust(width) for cell, width in zip(row, widths, strict=True)]
            self.say(_cut("  ".join(cells).rstrip(), self._width), style)

    def _styled(self, text: str, style: Style) -> str:
        text = _printable(text)
        if not self._coloured or style is Style.PLAIN:
            return text
        return f"\x1b[{style.value}m{text}\x1b[0m"


def standard_terminal(environ: Mapping[str, str]) -> Terminal:
    """The process's terminal; respects NO_COLOR (no-color.org) and dumb terminals."""
    coloured = sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return Terminal(sys.stdin, sys.stdout, sys.stderr, coloured=coloured, width=width)


def print_line(text: str, stream: TextIO) -> None:
    """Print and flush. If the reader is gone, stop as if the terminal had been closed."""
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        discard(stream)
        if error.errno not in _NOBODY_READS:
            print(f"Can't write the output: {error.strerror}.", file=sys.stderr)
        signal.raise_signal(signal.SIGHUP)


def discard(stream: TextIO) -> None:
    """Discard what is still buffered for a stream."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def prepared_streams() -> Iterator[None]:
    """Let the process print any text, even if its streams are closed, ASCII-only or broken
    pipes."""
    codecs.register_error(_spelled_out.__name__, _spelled_out)
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - for the rest of the process
    sys.stdout = _prepared(sys.stdout)
    sys.stderr = _prepared(sys.stderr)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # otherwise Python complains about it at exit
            discard(sys.stdout)


def _prepared(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_spelled_out.__name__)
    return stream


def _spelled_out(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace characters that the terminal can't show."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ASCII.get(character, "?") for character in text), error.end


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else f"{line[: width - 1]}…"


def _line(cell: str) -> str:
    return " ".join(_printable(cell).split())
