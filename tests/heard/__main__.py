"""Plays the twelve calls and writes a page for each: `python -m tests.heard FOLDER [NAME …]`."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.heard.playing import page_of, play
from tests.heard.stories import STORIES
from tests.jumping_loop import in_virtual_time


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.heard", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write the pages")
    parser.add_argument("names", nargs="*", metavar="NAME", help="play only these calls")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or STORIES:
        with tempfile.TemporaryDirectory() as folder:
            played = in_virtual_time(play(STORIES[name], Path(folder)))
        path = arguments.folder / f"{name}.html"
        path.write_text(page_of(played), "utf-8")
        how = "right" if STORIES[name].is_right(played) else "wrong"
        sys.stdout.write(f"{path}: {path.stat().st_size // 1024} kB, went {how}\n")


if __name__ == "__main__":
    main()
