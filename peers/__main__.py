"""`make peers`: every client talks to the stand-ins once, one after another."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.pipecat.environment import PIPECAT
from devtools.locked_environment import InstallFailed
from devtools.processes import say
from peers import phone_bot
from peers.clients import Client
from peers.environments import FOLDER, JAVASCRIPT, LIVEKIT, ensure_javascript
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.scenario_file import load_scenario
from simulators.twilio import Script, load_script

_ROOT = FOLDER.parent
_SCENARIO = _ROOT / "simulators" / "scenarios" / "demonstration.yaml"
_OUT = _ROOT / "out" / "peers"


class Converse(Protocol):
    async def __call__(
        self, scenario: Scenario, script: Script, environ: Mapping[str, str], folder: Path
    ) -> list[str]:
        """Have the conversation; returns what went wrong."""


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    folder: str
    install: Callable[[], None]
    """Install it, or raise InstallFailed."""
    converse: Converse


PEERS = (
    Peer(
        "Google's SDK for JavaScript",
        "javascript",
        ensure_javascript,
        Client("node", str(JAVASCRIPT / "client.mjs")).converse,
    ),
    Peer(
        "pipecat's Gemini Live service",
        "pipecat",
        PIPECAT.ensure,
        Client(str(PIPECAT.python), str(FOLDER / "pipecat" / "client.py")).converse,
    ),
    Peer(
        "LiveKit's Google plugin",
        "livekit",
        LIVEKIT.ensure,
        Client(str(LIVEKIT.python), str(FOLDER / "livekit" / "client.py")).converse,
    ),
    Peer("pipecat's phone bot", "pipecat-phone-bot", PIPECAT.ensure, phone_bot.converse),
)


async def main(environ: Mapping[str, str]) -> int:
    scenario, script = load_scenario(_SCENARIO), load_script(_SCENARIO)
    inherited = {name: environ[name] for name in ("PATH", "HOME", "LANG") if name in environ}
    shutil.rmtree(_OUT, ignore_errors=True)
    well = 0
    for peer in PEERS:
        try:
            peer.install()
        except InstallFailed as failure:
            found = [str(failure)]
        else:
            folder = _OUT / peer.folder
            folder.mkdir(parents=True)
            found = await peer.converse(scenario, script, inherited, folder)
        well += not found
        say(f"{'✗' if found else '✓'} {peer.name}")
        for problem in found:
            say(f"    {problem}")
    say(f"{well} of {len(PEERS)} passed. The records are in {_OUT.relative_to(_ROOT)}.")
    return 0 if well == len(PEERS) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(os.environ)))
