"""Chooses the store that the operators' commands use."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ringdown.errors import ConfigurationError, InvalidDocument, StoreUnavailable
from ringdown.settings import SettingsReader
from ringdown.stores import Store, check_store_url, open_store
from ringdown.stores.recordings import RecordingPlace, read_recordings
from ringdown_cli.command import CannotGoOn, Surroundings
from ringdown_cli.terraform import is_deployed_from, terraform_output

FIRESTORE_EMULATOR = "FIRESTORE_EMULATOR_HOST"
LOCAL_FIRESTORE = "firestore:ringdown-local"
STACK_FILE = "stack.json"
"""The file in a stack's folder that describes the stack while it runs."""
_SQLITE = "sqlite:"
_STORE_FILE = "ringdown.db"
LOCAL_RECORDINGS = "recordings"
"""The folder for recordings in a stack's folder, used with the Firestore emulator."""
_FOLDERS = {"": "make stack", "talk": "make talk", "last": "make call"}
"""The folders below `out`, each with the command that keeps its records there."""
NO_STORE = """\
No store found: nothing is running on this machine, and nothing was deployed from here.
To talk to a line on this machine, without keys: make talk
To deploy one: make deploy
For a line elsewhere, set STORE_URL or pass --store: firestore:PROJECT or sqlite:PATH."""


@dataclass(frozen=True, slots=True)
class ChosenStore:
    url: str
    found: str | None = None
    """How it was found, in words; None if the user named it."""


class _RunningStack(msgspec.Struct, frozen=True):
    store_url: str
    pid: int


def local_store_url(environ: Mapping[str, str], out: Path) -> str:
    """Return the Firestore emulator's URL if there is one, otherwise a file in the stack's
    folder."""
    if environ.get(FIRESTORE_EMULATOR):
        return LOCAL_FIRESTORE
    return f"{_SQLITE}{out / _STORE_FILE}"


async def choose_store(
    named: str | None, surroundings: Surroundings, *, create: bool = False
) -> ChosenStore:
    """Choose the store `named` with --store, or else by STORE_URL, or else that of the stack
    running on this machine, of the deployment, or of the last run on this machine.

    Raises ConfigurationError if there is none. A missing file is created only if `create`, so that
    a misspelt path is an error instead of an empty store.
    """
    url = named or surroundings.environ.get("STORE_URL", "").strip()
    if not url:
        found = await _found(surroundings)
        if found is None and create:
            return ChosenStore(local_store_url(surroundings.environ, surroundings.out))
        if found is None:
            raise ConfigurationError([NO_STORE])
        return found
    if problem := check_store_url(url):
        raise ConfigurationError([problem.replace("STORE_URL", "--store") if named else problem])
    if not create and url.startswith(_SQLITE) and not _file_of(url).exists():
        raise CannotGoOn(
            f"There is no store file {_file_of(url)}. Check the path, or make one:"
            f" ringdown agents seed --store {url}"
        )
    return ChosenStore(url)


@asynccontextmanager
async def chosen_store(
    named: str | None, surroundings: Surroundings, *, create: bool = False
) -> AsyncIterator[Store]:
    """Open the chosen store, and say how it was found. Raises CannotGoOn if it doesn't answer."""
    chosen = await choose_store(named, surroundings, create=create)
    if chosen.found is not None:
        surroundings.terminal.note(f"Store: {chosen.url} ({chosen.found})")
    async with opened(chosen.url, surroundings) as store:
        yield store


@asynccontextmanager
async def opened(url: str, surroundings: Surroundings) -> AsyncIterator[Store]:
    """Open a store. Raises CannotGoOn if it doesn't answer."""
    recordings = recordings_of(url, surroundings.environ, surroundings.out)
    try:
        async with open_store(url, recordings) as store:
            yield store
    except InvalidDocument as error:
        raise CannotGoOn(f"{error}. Correct this document in the store.") from error
    except StoreUnavailable as error:
        raise CannotGoOn(f"The store doesn't answer: {error}. Try again in a minute.") from error


def recordings_of(url: str, environ: Mapping[str, str], out: Path) -> RecordingPlace | None:
    """Return the place that RECORDINGS names, or else where recordings are kept for this store.
    terraform/recordings.tf names the bucket."""
    reader = SettingsReader(environ)
    given = read_recordings(reader)
    reader.finish()
    if given is not None or url.startswith(_SQLITE):
        return given
    if environ.get(FIRESTORE_EMULATOR):
        return RecordingPlace(str(out / LOCAL_RECORDINGS))
    project, _, database = url.partition(":")[2].partition("/")
    return RecordingPlace(f"gs://{project}-{database}-recordings") if database else None


async def _found(surroundings: Surroundings) -> ChosenStore | None:
    if running := next(_running(surroundings.out), None):
        return running
    if surroundings.environ.get(FIRESTORE_EMULATOR):
        return ChosenStore(LOCAL_FIRESTORE, f"the emulator at {FIRESTORE_EMULATOR}")
    if is_deployed_from(surroundings.deployment):
        try:
            url = (await terraform_output(surroundings.deployment, "-raw", "store_url")).strip()
        except CannotGoOn as error:
            raise CannotGoOn(f"{error}\nTo name the store instead, set STORE_URL.") from None
        if check_store_url(url) is None:  # invalid before the first apply
            return ChosenStore(url, f"deployed from {surroundings.deployment}")
    return _newest(surroundings.out)


def _running(out: Path) -> Iterator[ChosenStore]:
    """Yield the stores of the stacks that run on this machine, newest first."""
    files = [out / folder / STACK_FILE for folder in _FOLDERS]
    for file in sorted(filter(Path.exists, files), key=_changed_at, reverse=True):
        try:
            stack = msgspec.json.decode(file.read_bytes(), type=_RunningStack)
            os.kill(stack.pid, 0)
        except (OSError, msgspec.DecodeError):
            continue  # left by a killed process
        yield ChosenStore(stack.store_url, f"{_command(out, file)}, running")


def _newest(out: Path) -> ChosenStore | None:
    files = [out / folder / _STORE_FILE for folder in _FOLDERS]
    newest = max(filter(Path.exists, files), key=_changed_at, default=None)
    if newest is None:
        return None
    return ChosenStore(f"{_SQLITE}{newest}", f"left by {_command(out, newest)}")


def _command(out: Path, file: Path) -> str:
    return _FOLDERS["" if file.parent == out else file.parent.name]


def _changed_at(file: Path) -> float:
    return file.stat().st_mtime


def _file_of(url: str) -> Path:
    return Path(url.removeprefix(_SQLITE))
