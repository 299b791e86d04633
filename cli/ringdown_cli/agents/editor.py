"""Opens the user's editor on a temporary file, which is kept until the text is saved."""

import asyncio
import os
import shlex
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from ringdown_cli.command import CannotGoOn, given_text
from ringdown_cli.terminal import Terminal


class TextFile:
    """A temporary file, which is kept unless `done` is called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = True

    def done(self) -> None:
        self.kept = False


@asynccontextmanager
async def text_file(
    text: str, given: str | None, command: str, terminal: Terminal
) -> AsyncIterator[TextFile]:
    """Yield a private temporary file with `text`, or with the contents of the file `given`.

    Unless `done` is called, the file is kept if its text exists nowhere else; a message then says
    where it is, and how to save it with `command`.
    """
    known = text
    if given is not None:
        text = given_text(given, terminal)
        known = text if given != "-" else ""
    handle, name = tempfile.mkstemp(prefix="ringdown-", suffix=".yaml")
    path = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    kept = TextFile(path)
    try:
        yield kept
    finally:
        if kept.kept and path.read_bytes() != known.encode():
            terminal.complain(f"Your text is in {path}. To save it: {command} --file {path}")
        else:
            path.unlink(missing_ok=True)


async def run_editor(path: Path, environ: Mapping[str, str]) -> None:
    """Run VISUAL, EDITOR or vi. Raises CannotGoOn if it can't be started or fails."""
    command = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    with _interrupts_left_to_the_editor():
        try:
            editor = await asyncio.create_subprocess_exec(*shlex.split(command), str(path))
        except (OSError, ValueError) as error:
            raise CannotGoOn(
                f"Can't start the editor {command!r} ({error})."
                " Set EDITOR to the one you use, or pass a file with --file."
            ) from None
        status = await editor.wait()
    if status != 0:
        raise CannotGoOn(f"The editor {command!r} ended with status {status}. Nothing was saved.")


@contextmanager
def _interrupts_left_to_the_editor() -> Iterator[None]:
    """Ignore Ctrl-C: editors use it, and the terminal sends it to this process too."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
