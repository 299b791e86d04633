"""`ringdown --version`: finds out Ringdown's version and shows it."""

import argparse
from collections.abc import Sequence
from typing import Any


def version() -> str:
    from importlib import metadata

    try:
        return metadata.version("ringdown")
    except metadata.PackageNotFoundError:
        return "unknown (running from a folder, not installed)"


class ShowVersion(argparse.Action):
    """Like argparse's version action, but looks up the version only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"ringdown {version()}")
        parser.exit()
