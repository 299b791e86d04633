"""Prints lines for the process that started a simulator, which may be gone."""

import os
import sys


def print_line(text: str) -> bool:
    """Print and flush. False if the reader is gone; from then on nothing is printed."""
    try:
        print(text, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # otherwise Python complains about it on exit
        os.close(nowhere)
        return False
    return True
