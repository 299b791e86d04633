"""Lines for whoever started a simulator, who may be gone."""

import os
import sys


def print_line(text: str) -> bool:
    """Print and flush. False if nobody can read it: then nothing is printed any more."""
    try:
        print(text, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # otherwise Python complains about it as it ends
        os.close(nowhere)
        return False
    return True
