"""Runs other programs, and separates those that only read from those that change something."""

import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_WITHIN_S = 600.0


class Stop(Exception):
    """The deployment can't continue; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Done:
    status: int
    output: str
    errors: str

    @property
    def ok(self) -> bool:
        return self.status == 0


class Commands:
    """Runs programs with the environment `environ`, plus `extra`."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        *,
        dry_run: bool,
    ) -> None:
        self._folder = folder
        self.environ = environ
        self._say = say
        self.dry_run = dry_run
        self.extra: dict[str, str] = {}
        """More variables for all programs, such as Terraform's, including secrets."""

    def read(self, *words: str) -> Done:
        """Run a program that changes nothing. The status is 127 if it is missing, and 124 if it
        takes too long."""
        try:
            with self._running(words, stderr=subprocess.PIPE) as process:
                output, errors = process.communicate(timeout=_WITHIN_S)
        except FileNotFoundError:
            return Done(127, "", f"{words[0]} isn't installed")
        except subprocess.TimeoutExpired:
            return Done(124, "", f"{words[0]} took more than {_WITHIN_S / 60:.0f} minutes")
        return Done(process.returncode, output.strip(), errors.strip())

    def change(self, *words: str) -> Done:
        """Run a program that changes something; in a dry run, only show the command."""
        if self.dry_run:
            self._say(f"  would run: {shlex.join(words)}")
            return Done(0, "", "")
        return self.read(*words)

    def follow(self, *words: str, on_line: Callable[[str], None]) -> Done:
        """Run a program that takes minutes, and pass on each line as it arrives."""
        lines: list[str] = []
        with self._running(words, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            for line in process.stdout:
                lines.append(line)
                on_line(line.rstrip("\n"))
        return Done(process.returncode, "".join(lines), "")

    @contextmanager
    def _running(self, words: tuple[str, ...], stderr: int) -> Iterator["subprocess.Popen[str]"]:
        with subprocess.Popen(
            words,
            cwd=self._folder,
            env={**self.environ, **self.extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process:
            try:
                yield process
            except KeyboardInterrupt:
                # The program gets the Ctrl-C as well. If Terraform is killed before it finishes, it
                # forgets what it has created, and leaves its state locked.
                self._say(f"\n  Waiting for {Path(words[0]).name} to stop …")
                process.communicate()
                raise
            except subprocess.TimeoutExpired:
                process.kill()
                raise
