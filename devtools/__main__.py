"""Runs Ringdown on this machine: `python -m devtools call`, `talk`, `stack` or `conformance`."""

import os
import signal


def main() -> int:
    """Run the command that this process was started with. Returns the exit status."""
    # Loading the command line takes a moment. Ctrl-C then ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from devtools.command_line import main as run

    return run(environ=os.environ)


if __name__ == "__main__":
    raise SystemExit(main())
