"""`python -m tests.fuzz TARGET`: feeds a target inputs that reach new code.

out/fuzz keeps the useful ones, and any input that breaks the target:

    python -m tests.fuzz gemini --input out/fuzz/gemini-crash-…
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

# Only `make fuzz` installs it; types are checked without it.
atheris: Any = import_module("atheris")

TARGETS = ("twilio", "gemini", "webhook")
_LONGEST_BYTES = 4_096
_LONGEST_RUN_S = 5


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="how long to run (60)")
    parser.add_argument("--input", type=Path, help="run only this input")
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="folder (out/fuzz)")
    given = parser.parse_args(argv)
    with atheris.instrument_imports(
        include=["ringdown.gemini", "stream_handler", "twilio_request", "webhook"]
    ):
        target = import_module(f"tests.fuzz.{given.target}")
    corpus = _corpus(given.out / given.target, target)
    inputs = [f"-max_total_time={given.seconds}", str(corpus)]
    if given.input is not None:
        inputs = [str(given.input)]
    options = (
        f"-max_len={_LONGEST_BYTES}",
        f"-timeout={_LONGEST_RUN_S}",
        f"-artifact_prefix={given.out}/{given.target}-",
        f"-dict={_dictionary(corpus.with_suffix('.dict'), target)}",
        "-print_final_stats=1",
        "-verbosity=0",
    )
    atheris.Setup([sys.argv[0], *options, *inputs], target.run)
    atheris.Fuzz()


def _corpus(folder: Path, target: Any) -> Path:
    """Inputs that were useful before, and the target's own examples."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.SEEDS):
        (folder / f"seed-{number}").write_bytes(seed)
    return folder


def _dictionary(path: Path, target: Any) -> Path:
    lines = (f'"{word}"\n' for word in target.WORDS)
    path.write_text("".join(lines), "ascii")
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
