"""Composition root of `make deploy`."""

import argparse
import os
import sys
import time
from pathlib import Path

from deploy.commands import Commands, Stop
from deploy.guide import Guide
from deploy.terminal import Terminal
from deploy.terraform_binary import download

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make deploy", description="Deploy the line, step by step."
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="ask, check and plan, but change nothing"
    )
    dry_run = parser.parse_args().dry_run
    terminal = Terminal()
    commands = Commands(ROOT, os.environ, terminal.say, dry_run=dry_run)
    twilio_url = os.environ.get("TWILIO_URL", "https://{host}")
    google_url = os.environ.get(
        "RESOURCE_MANAGER_API_URL", "https://cloudresourcemanager.googleapis.com"
    )
    guide = Guide(
        ROOT, commands, terminal, twilio_url, google_url, sleep=time.sleep, download=download
    )
    try:
        guide.run()
    except Stop as stop:
        terminal.say(f"\n✗ {stop}")
        return 1
    except (EOFError, KeyboardInterrupt):
        terminal.say("\nStopped. To continue from here, run `make deploy` again.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
