"""Runs `ringdown …` the way a person would, in this process and on a separate store."""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ringdown.stores import Store, open_store
from ringdown_cli.command_line import main
from ringdown_cli.terminal import Terminal

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed on the terminal."""

    status: int
    said: str
    complained: str

    @property
    def all(self) -> str:
        return f"{self.said}\n{self.complained}"


class CommandLine:
    """A folder, and a store that is in it unless `store_url` says otherwise. `environ` is what the
    commands find in their environment."""

    def __init__(self, folder: Path, *, store_url: str | None = None) -> None:
        self.folder = folder
        self.store_url = store_url or f"sqlite:{folder / 'ringdown.db'}"
        self.environ: dict[str, str] = {}

    def run(self, *argv: str, answers: str = "", environ: Mapping[str, str] | None = None) -> Ran:
        """Run a command on this store; `answers` is what the person types."""
        given = {"STORE_URL": self.store_url} if environ is None else environ
        out, errors = io.StringIO(), io.StringIO()
        terminal = Terminal(io.StringIO(answers), out, errors)
        status = main(
            argv,
            environ={**self.environ, **given},
            terminal=terminal,
            out=self.folder / "out",
            deployment=self.folder / "terraform",
        )
        return Ran(status, out.getvalue(), errors.getvalue())

    def with_store(self, work: Callable[[Store], Awaitable[_Result]]) -> _Result:
        """Work on the store without a command."""

        async def do() -> _Result:
            async with open_store(self.store_url) as store:
                return await work(store)

        return asyncio.run(do())

    def editor(self, source: str) -> str:
        """An EDITOR: Python code that edits the variable `text`."""
        path = self.folder / f"editor{len(list(self.folder.glob('editor*')))}.py"
        path.write_text(
            "import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\ntext = file.read_text()\n"
            f"{source}\nfile.write_text(text)\n"
        )
        return f"{sys.executable} {path}"


def kept_text(ran: Ran) -> Path:
    """The file that a command says it kept."""
    _, _, rest = ran.complained.partition("Your text is in ")
    assert rest, f"no text was kept:\n{ran.all}"
    return Path(rest.partition(". To save it")[0])
