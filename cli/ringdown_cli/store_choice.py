"""Which store the operators' commands work on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from ringdown.errors import ConfigurationError, InvalidDocument, StoreUnavailable
from ringdown.stores import Store, check_store_url, open_store
from ringdown_cli.command import CannotGoOn, Surroundings

FIRESTORE_EMULATOR = "FIRESTORE_EMULATOR_HOST"
LOCAL_FIRESTORE = "firestore:ringdown-local"
_SQLITE = "sqlite:"


def local_store_url(environ: Mapping[str, str], out: Path) -> str:
    """The Firestore emulator if there is one, else a file of this machine's own stack."""
    if environ.get(FIRESTORE_EMULATOR):
        return LOCAL_FIRESTORE
    return f"{_SQLITE}{out / 'ringdown.db'}"


def chosen_store_url(named: str | None, surroundings: Surroundings, *, create: bool = False) -> str:
    """`named` (by --store), else STORE_URL, else the local stack's.

    Raises ConfigurationError if there is none. A file that is not there is made only if `create`,
    so that a misspelt path is told instead of being an empty store.
    """
    url = named or surroundings.environ.get("STORE_URL", "").strip()
    if url:
        if problem := check_store_url(url):
            raise ConfigurationError(
                [problem.replace("STORE_URL", "--store") if named else problem]
            )
    else:
        url = local_store_url(surroundings.environ, surroundings.out)
        if not create and not _exists(url):
            raise ConfigurationError([_no_store(surroundings.out)])
    if not create and not _exists(url):
        raise CannotGoOn(
            f"There is no store file {url.removeprefix(_SQLITE)}. Check the path, or make one:"
            f" ringdown agents seed --store {url}"
        )
    return url


@asynccontextmanager
async def chosen_store(
    named: str | None, surroundings: Surroundings, *, create: bool = False
) -> AsyncIterator[Store]:
    """As `chosen_store_url`, open. A store that does not answer becomes CannotGoOn."""
    url = chosen_store_url(named, surroundings, create=create)
    try:
        async with open_store(url) as store:
            yield store
    except InvalidDocument as error:
        raise CannotGoOn(f"{error}. Correct this document in the store.") from error
    except StoreUnavailable as error:
        raise CannotGoOn(f"The store does not answer: {error}. Try again soon.") from error


def _exists(url: str) -> bool:
    return not url.startswith(_SQLITE) or Path(url.removeprefix(_SQLITE)).exists()


def _no_store(out: Path) -> str:
    demonstration = out / "last" / "ringdown.db"
    local = (
        f"For the demonstration call's records: --store {_SQLITE}{demonstration}"
        if demonstration.exists()
        else "On this machine, `make stack` makes one."
    )
    return (
        "No store is named. Set STORE_URL, or add --store, to firestore:PROJECT or sqlite:PATH."
        f" {local}"
    )
