"""Run the server as a process: it prints one JSON line when it is ready, and ends on SIGTERM or
SIGINT.

If standard input is a pipe, each line is a fault in JSON, written as in scenario files, such as
{"do": "go_away", "time_left_s": 10}. It hits all open sessions at once, or one after another with
{"apart_s": 0.2}. A line such as {"faults": [{"do": "delay_setup"}]} plans the faults of later
sessions, and replaces the previous plan.
"""

import argparse
import asyncio
import errno
import json
import os
import signal
import stat
import sys
from pathlib import Path

from simulators.gemini_live.faults import AtConnect
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.scenario_file import load_scenario, read_misbehaviour, read_plan
from simulators.gemini_live.server import GeminiLiveServer
from simulators.printing import print_line
from simulators.speech.recognition import UnknownWord
from simulators.speech.synthesis import SpeechError
from simulators.yaml_fields import ScenarioError


def main() -> int:
    arguments = _parse_arguments()
    try:
        scenario = load_scenario(arguments.scenario)
        return asyncio.run(_serve(arguments, scenario))
    except (ScenarioError, UnicodeDecodeError, UnknownWord, SpeechError) as error:
        print(f"{arguments.scenario}: {error}", file=sys.stderr)
    except (OSError, OverflowError) as error:
        print(_problem(error, arguments), file=sys.stderr)
    return 1


def _problem(error: OSError | OverflowError, arguments: argparse.Namespace) -> str:
    address = f"port {arguments.port} of {arguments.host}"
    if isinstance(error, OSError) and error.filename:
        return f"Can't use {error.filename}: {error.strerror}."
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Can't listen on {address}: another program is using it."
    return f"Can't listen on {address}: {error}"


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.gemini_live", description=__doc__)
    parser.add_argument("--scenario", type=Path, required=True, help="a YAML file with `model:`")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--api-key", default="stand-in-key", help="the key clients must present")
    parser.add_argument("--out", type=Path, help="folder for session records")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace, scenario: Scenario) -> int:
    """Serve until a signal arrives. Returns the exit status: 1 if it can't print the address."""
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
        if not print_line(json.dumps(ready)):
            return 1
        commands = asyncio.create_task(_take_commands(server))
        await ended.wait()
        commands.cancel()
    return 0


async def _take_commands(server: GeminiLiveServer) -> None:
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return  # a file or /dev/null, which an event loop can't wait for
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            _obey(server, line)
        except ScenarioError as error:
            print(f"{line.decode(errors='replace').strip()}: {error}", file=sys.stderr)


def _obey(server: GeminiLiveServer, line: bytes) -> None:
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise ScenarioError("a command must be a JSON object")
    if "faults" in fields:
        server.faults = read_plan(fields)
        return
    apart_s = fields.pop("apart_s", 0)
    if not isinstance(apart_s, int | float) or apart_s < 0:
        raise ScenarioError(f"apart_s: must be a number of at least 0; it is {apart_s!r}")
    fault = read_misbehaviour(fields)
    if isinstance(fault, AtConnect):
        raise ScenarioError('only new sessions can have this fault; plan it: {"faults": [...]}')
    server.cause(fault, apart_s=apart_s)


if __name__ == "__main__":
    sys.exit(main())
