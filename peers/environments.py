"""The environments of the clients, each installed once."""

from pathlib import Path

from devtools.locked_environment import (
    LockedEnvironment,
    install,
    is_installed,
    note_installed,
)
from devtools.processes import say

FOLDER = Path(__file__).resolve().parent
JAVASCRIPT = FOLDER / "javascript"

_NPM = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")

LIVEKIT = LockedEnvironment(
    name="LiveKit",
    folder=FOLDER.parent / ".venv-livekit",
    locks=(FOLDER / "livekit" / "requirements.txt",),
    takes="600 MB and a minute",
)


def ensure_javascript() -> None:
    """Install what package-lock.json names. Raises InstallFailed."""
    modules, locks = JAVASCRIPT / "node_modules", (JAVASCRIPT / "package-lock.json",)
    if is_installed(modules, locks):
        return
    say("Setting up peers/javascript/node_modules (once; about 50 MB) …")
    install("@google/genai", (*_NPM, "--prefix", str(JAVASCRIPT)))
    note_installed(modules, locks)
