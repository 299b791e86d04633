"""Finds out who made an edit, and why; both are kept with the revision."""

import argparse
import configparser
import getpass
from collections.abc import Mapping
from pathlib import Path

from ringdown.agents.store import Edit
from ringdown_cli.command import Surroundings


def this_edit(arguments: argparse.Namespace, surroundings: Surroundings) -> Edit:
    """Describe this edit. Asks for a reason, unless the arguments give one or forbid questions."""
    why = arguments.message
    if why is None and not arguments.yes:
        why = surroundings.terminal.ask("Why? (for the history; press Enter to skip)")
    return Edit(at=surroundings.now(), by=editor_of(surroundings.environ), why=why or None)


def editor_of(environ: Mapping[str, str]) -> str | None:
    """Return gcloud's account, or else the user's name on this machine."""
    return _gcloud_account(environ) or environ.get("USER") or _account_here()


def _account_here() -> str | None:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # OSError since Python 3.13, the others before
        return None


def _gcloud_account(environ: Mapping[str, str]) -> str | None:
    """Read the account from gcloud's files (see `gcloud topic configurations`), because running
    gcloud takes a second."""
    home = environ.get("HOME")
    given = environ.get("CLOUDSDK_CONFIG")
    if account := environ.get("CLOUDSDK_CORE_ACCOUNT"):
        return account
    if given is None and home is None:
        return None
    folder = Path(given) if given is not None else Path(home or "") / ".config" / "gcloud"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        name = environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (
            (folder / "active_config").read_text("utf-8").strip()
        )
        parser.read(folder / "configurations" / f"config_{name}", "utf-8")
    except (OSError, UnicodeDecodeError, configparser.Error):
        return None
    return parser.get("core", "account", fallback=None)
