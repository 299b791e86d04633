"""Makes pipecat's virtual environment: `python -m benchmarks.pipecat.environment`.

It has the same Python as this process, so that only the bots differ. Packages without a wheel are
built with the build requirements.
"""

import sys
from pathlib import Path

from devtools.locked_environment import InstallFailed, LockedEnvironment
from devtools.processes import say

_FOLDER = Path(__file__).resolve().parent

PIPECAT = LockedEnvironment(
    name="pipecat",
    folder=_FOLDER.parent.parent / ".venv-pipecat",
    locks=(_FOLDER / "build-requirements.txt", _FOLDER / "requirements.txt"),
    takes="600 MB and two minutes",
)

if __name__ == "__main__":
    try:
        PIPECAT.ensure()
    except InstallFailed as failure:
        say(str(failure))
        sys.exit(1)
