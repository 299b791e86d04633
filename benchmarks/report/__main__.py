"""`python -m benchmarks.report [results.json]`: show results again, and write the page."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.installing import InstallFailed, ensure_extras
from benchmarks.results import read_results
from devtools.processes import say


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument(
        "results", nargs="?", type=Path, default=Path("out/bench/results.json"), help="%(default)s"
    )
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where to (%(default)s)")
    given = parser.parse_args(argv)
    try:
        results = read_results(given.results)
        say(report.tables(results))
        ensure_extras()
    except FileNotFoundError:
        say(f"{given.results} is not there: measure first, with `make bench`.")
        return 1
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        say(f"{given.results} is of another version ({error}): measure again, with `make bench`.")
        return 1
    except InstallFailed as failure:
        say(str(failure))
        return 1
    report.write(results, given.docs)
    say(f"\nWrote {given.docs / report.PAGE} and its plots.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
