"""Guards a command's child processes: ends them when the command is gone.

It runs as a separate program. Each line of standard input names a process group: "+PID" to watch
it, "-PID" to forget it. When standard input ends, the command has ended, and the remaining groups
get SIGTERM, and SIGKILL a second later. On every system, a pipe also ends when its writer is
killed.
"""

import os
import signal
import sys
import time

WATCH = "+"
FORGET = "-"
_GRACE_S = 1.0
_POLL_S = 0.02


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        if line.startswith(WATCH):
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    groups = {group for group in groups if _signal(group, signal.SIGTERM)}
    give_up_s = time.monotonic() + _GRACE_S
    while groups and time.monotonic() < give_up_s:
        time.sleep(_POLL_S)
        groups = {group for group in groups if _signal(group, 0)}
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group. Returns whether any of its processes were left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
