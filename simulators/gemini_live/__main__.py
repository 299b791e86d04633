"""Run the server as a process: one JSON line when it is ready, SIGTERM or SIGINT to end."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from simulators.gemini_live.scenario import Scenario, ScenarioError
from simulators.gemini_live.scenario_file import load_scenario
from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.recognition import UnknownWord
from simulators.speech.synthesis import SpeechError


def main() -> int:
    arguments = _parse_arguments()
    try:
        scenario = load_scenario(arguments.scenario)
        asyncio.run(_serve(arguments, scenario))
    except (OSError, ScenarioError, UnknownWord, SpeechError) as error:
        print(f"{arguments.scenario}: {error}", file=sys.stderr)
        return 1
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.gemini_live", description=__doc__)
    parser.add_argument("--scenario", type=Path, required=True, help="a YAML file with `model:`")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--api-key", default="stand-in-key", help="the key clients must present")
    parser.add_argument("--out", type=Path, help="folder for the records of sessions")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace, scenario: Scenario) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    server = GeminiLiveServer(
        scenario,
        api_key=arguments.api_key,
        host=arguments.host,
        port=arguments.port,
        folder=arguments.out,
    )
    async with server:
        ready = {"base_url": server.base_url, "ca_file": str(server.ca_file)}
        print(json.dumps(ready), flush=True)
        await ended.wait()


if __name__ == "__main__":
    sys.exit(main())
