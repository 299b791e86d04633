"""Clients of Gemini Live, each with its own stand-in."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from devtools.children import start_child, stop_child
from peers.caller import Caller, GaveUp
from peers.verdict import problems
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.server import GeminiLiveServer
from simulators.twilio.script import Script

_KEY = "stand-in-key"
_STOP_WITHIN_S = 5.0


class Client:
    """A program that gets the endpoint and the key after `argv`; see the package's docstring."""

    def __init__(self, *argv: str) -> None:
        self._argv = argv

    async def converse(
        self, scenario: Scenario, script: Script, environ: Mapping[str, str], folder: Path
    ) -> list[str]:
        """Play the script; returns what went wrong. `folder` gets records and the log."""
        async with GeminiLiveServer(scenario, api_key=_KEY, folder=folder) as server:
            trusting = {
                **environ,
                "SSL_CERT_FILE": str(server.ca_file),
                "NODE_EXTRA_CA_CERTS": str(server.ca_file),
            }
            with (folder / "client.log").open("wb") as log:
                process = await start_child(
                    (*self._argv, server.base_url, _KEY),
                    environ=trusting,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                )
            if process.stdin is None or process.stdout is None:
                raise AssertionError("both are pipes")
            found: list[str] = []
            try:
                await Caller(script, server, process.stdin).play()
            except GaveUp as error:
                found.append(str(error))
            except ConnectionError:
                pass  # the client ended; if that was too early, its status or the record says so
            finally:
                await stop_child(process, within_s=_STOP_WITHIN_S)
            printed = await process.stdout.read()
        return (
            found
            + _own_problems(process.returncode, printed)
            + problems(server.sessions, scenario, script)
        )


def _own_problems(status: int | None, printed: bytes) -> list[str]:
    """List the problems in the client's exit status and output."""
    if status:
        return [f"it ended with status {status}"]
    try:
        interruptions = json.loads(printed)["interruptions"]
    except (ValueError, LookupError):
        return [f"it printed {printed!r}"]
    return [] if interruptions else ["it didn't notice the interruption"]
