"""Makes pipecat's own virtual environment. `python -m benchmarks.pipecat.environment`."""

import sys
import venv
from pathlib import Path

from benchmarks.installing import InstallFailed, install, is_installed
from devtools.processes import say

ENVIRONMENT = Path(__file__).resolve().parent.parent.parent / ".venv-pipecat"
PYTHON = ENVIRONMENT / "bin" / "python"

_BUILD_REQUIREMENTS = Path(__file__).resolve().parent / "build-requirements.txt"
_REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def ensure() -> None:
    """Make the environment unless it is there as locked. Raises InstallFailed.

    It has the same Python as this process, so that the comparison is one of the bots.
    """
    if is_installed(ENVIRONMENT, _REQUIREMENTS):
        return
    say(f"Setting up {ENVIRONMENT.name} for pipecat (once; about 600 MB and two minutes) …")
    venv.create(ENVIRONMENT, clear=True, with_pip=True, symlinks=True)
    install(ENVIRONMENT, _BUILD_REQUIREMENTS)
    install(ENVIRONMENT, _REQUIREMENTS)
    say("  done.")


def main() -> int:
    try:
        ensure()
    except InstallFailed as failure:
        say(f"{failure}\nOr leave pipecat out: python -m benchmarks --targets relay,ringdown")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
