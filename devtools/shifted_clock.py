"""Runs a program at another time of day, to hear what callers hear on a Sunday evening.

    python devtools/shifted_clock.py FILE PROGRAM.py ARGUMENT...
    python devtools/shifted_clock.py FILE -m MODULE ARGUMENT...

FILE says by how many seconds the program's dates are ahead; it may change at any time. Only dates
are shifted, not durations.
"""

import datetime
import runpy
import sys
from pathlib import Path

from ringdown import clock


def shifted(file: Path) -> clock.Now:
    """Return a clock that is ahead by the number of seconds in `file`. Without the file, it is
    exact."""

    def now() -> datetime.datetime:
        try:
            ahead_s = float(file.read_text("ascii"))
        except (FileNotFoundError, ValueError):  # not written yet, or being written
            ahead_s = 0.0
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=ahead_s)

    return now


if __name__ == "__main__":
    _, _file, *_program = sys.argv
    with clock.replaced_by(shifted(Path(_file))):
        if _program[0] == "-m":
            sys.argv = _program[1:]
            runpy.run_module(_program[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = _program
            runpy.run_path(_program[0], run_name="__main__")
