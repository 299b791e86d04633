"""Which Ringdown this is."""

import argparse
from collections.abc import Sequence
from typing import Any


def version() -> str:
    from importlib import metadata

    try:
        return metadata.version("ringdown")
    except metadata.PackageNotFoundError:
        return "unknown: it runs from a folder, and is not installed"


class ShowVersion(argparse.Action):
    """As argparse's own, but the version is looked up only if somebody asks."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"ringdown {version()}")
        parser.exit()
