"""`python -m ops`: run Ringdown on this machine."""

import argparse
import asyncio
import datetime
import os
import signal
import sys
from pathlib import Path

from ops.conformance.command import ConformanceStopped, check_conformance
from ops.conformance.command import settings_from_environ as conformance_settings
from ops.demonstration import place_demonstration_call
from ops.processes import ProcessFailed
from ops.stack import ROOT, serve_stack, settings_from_environ
from ringdown.errors import ConfigurationError

OUT = Path("out")


def main() -> int:
    parser = argparse.ArgumentParser(prog="ringdown", description="Run Ringdown on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("call", help="place the demonstration call and show it as it happens")
    commands.add_parser("stack", help="run the deployables until Ctrl-C")
    commands.add_parser("conformance", help="compare the stand-ins with the real services")
    arguments = parser.parse_args()
    # An end by SIGTERM stops the parts just as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = {"call": _call, "stack": _stack, "conformance": _conformance}[arguments.command]
    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        return 130
    except (ConfigurationError, ConformanceStopped, ProcessFailed) as error:
        print(error, file=sys.stderr)
        return 2


async def _call() -> int:
    return await place_demonstration_call(os.environ, OUT)


async def _stack() -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve_stack(settings_from_environ(os.environ, OUT), stop)
    return 0


async def _conformance() -> int:
    today = datetime.datetime.now(datetime.UTC).date()
    return await check_conformance(conformance_settings(os.environ, OUT, ROOT / "docs"), today)


if __name__ == "__main__":
    sys.exit(main())
