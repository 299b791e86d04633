"""Prints lines for the process that started a simulator, even if that process has exited."""

import os
import sys


def print_line(text: str) -> bool:
    """Print a line and flush it; returns False, and discards later lines, if the reader is gone."""
    try:
        print(text, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # otherwise Python complains on exit
        os.close(nowhere)
        return False
    return True
