"""Place one simulated call from a scenario, and write a report of what happened.

The exit status is 0 if the script was played to its end, 1 if it wasn't, 2 if it couldn't start.
"""

import argparse
import asyncio
import io
import os
import ssl
import sys
from pathlib import Path

from simulators.printing import print_line
from simulators.yaml_fields import ScenarioError

from .call_flow import EndReason
from .events import CallEvent, event_record
from .network import TwilioNetwork
from .report import write_report
from .runner import ScriptFailed, ScriptResult, run_script
from .script import Script
from .script_file import load_script


def main() -> int:
    arguments = _arguments()
    token = os.environ.get(arguments.auth_token_env)
    if not token:
        print(f"Set {arguments.auth_token_env} to the auth token.", file=sys.stderr)
        return 2
    try:
        script = load_script(arguments.scenario)
        arguments.out.mkdir(parents=True, exist_ok=True)
        tls = _tls(arguments.ca_file)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"Can't use {error.filename}: {error.strerror}.", file=sys.stderr)
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    failure = asyncio.run(_call(arguments, script, token, tls))
    if failure is not None:
        print(failure, file=sys.stderr)
    return 0 if failure is None else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.twilio", description=__doc__)
    parser.add_argument(
        "--scenario", type=Path, required=True, help="YAML file with a `caller` part"
    )
    parser.add_argument("--voice-url", required=True, help="the webhook that answers calls")
    parser.add_argument("--fallback-url", help="requested when the webhook fails")
    parser.add_argument("--status-url", help="receives status callbacks")
    parser.add_argument(
        "--auth-token-env", default="TWILIO_AUTH_TOKEN", help="variable that holds the auth token"
    )
    parser.add_argument("--ca-file", help="PEM file of the certificate authority to trust")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    parser.add_argument("--quiet", action="store_true", help="don't print events as they happen")
    return parser.parse_args()


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """Load the authorities to trust. Raises OSError naming the file."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, ca_file) from None


async def _call(
    arguments: argparse.Namespace, script: Script, token: str, tls: ssl.SSLContext
) -> str | None:
    network = TwilioNetwork(
        auth_token=token,
        tls=tls,
        after_drop=script.after_drop,
        dialled=script.dialled,
        background=script.background,
    )
    failure: str | None = None
    async with network.place_call(
        to=script.to,
        from_=script.from_,
        voice_url=arguments.voice_url,
        fallback_url=arguments.fallback_url,
        status_url=arguments.status_url,
        voice=script.voice,
        on_event=None if arguments.quiet else _show,
    ) as call:
        try:
            result = await run_script(call, script)
        except ScriptFailed as failed:
            failure, result = str(failed), failed.result
    ended = ScriptResult(result.sentences, call.end_reason or EndReason.CALLER_HUNG_UP)
    await asyncio.to_thread(write_report, arguments.out, call, ended, failure)
    return failure


def _show(event: CallEvent) -> None:
    record = event_record(event)
    fields = " ".join(
        f"{name}={value}"
        for name, value in record.items()
        if name not in ("event", "at_ms", "body")
    )
    at_ms = event.when.at_ms
    print_line(f"{at_ms / 1000:8.2f} {record['event']:<20} {fields}")


if __name__ == "__main__":
    sys.exit(main())
