"""`make conformance`: records the stand-ins and, with keys, the real services; compares them."""

import asyncio
import datetime
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from devtools.conformance import gemini, twilio
from devtools.conformance.comparison import differences
from devtools.conformance.gemini import SCRIPTS, Script
from devtools.conformance.recording import Recording, keep
from devtools.conformance.wire import CannotConnect, Endpoint
from devtools.processes import say
from ringdown_cli.command import BROKEN, DONE, CannotGoOn
from simulators.gemini_live.server import GeminiLiveServer

GEMINI_URL = "https://generativelanguage.googleapis.com"
CALL = "twilio-call"
PAGE = "differences.md"
_AT_ONCE = 12
_KEY = "stand-in-key"

Recorded = dict[str, Sequence[Recording]]


def gemini_endpoint(environ: Mapping[str, str]) -> Endpoint | None:
    """Return the endpoint of the real service, or None without a key."""
    key = environ.get("GEMINI_API_KEY")
    tls = ssl.create_default_context(cafile=environ.get("SSL_CERT_FILE") or None)
    return Endpoint(environ.get("GEMINI_BASE_URL") or GEMINI_URL, key, tls) if key else None


async def check_conformance(
    environ: Mapping[str, str],
    out: Path,
    today: datetime.date,
    *,
    scripts: Mapping[str, Script] = SCRIPTS,
) -> int:
    """Record, compare and write `PAGE` into `out`.

    The status is DONE even if there are differences, unless the stand-in couldn't be recorded.
    Raises ConfigurationError, CannotGoOn and devtools.processes.ProcessFailed.
    """
    endpoint, has_number = gemini_endpoint(environ), twilio.has_number(environ)
    if endpoint is not None and (why := await gemini.why_out_of_reach(endpoint)):
        raise CannotGoOn(
            f"No session with {endpoint.base_url}: {why}.\nCheck GEMINI_API_KEY and the network."
        )
    say(f"Recording the Gemini stand-in: {len(scripts)} scripts …")
    async with GeminiLiveServer(gemini.STAND_IN, api_key=_KEY) as server:
        tls = ssl.create_default_context(cafile=server.ca_file)
        stand_in, failed = await _record(scripts, Endpoint(server.base_url, _KEY, tls), _AT_ONCE)
    real: Recorded = {}
    unrecorded: list[str] = []
    if endpoint is None:
        say("GEMINI_API_KEY isn't set, so Gemini Live isn't compared.")
    else:
        say(f"Recording {endpoint.base_url}: about four minutes and 0.10 US dollars …")
        real, unrecorded = await _record(scripts, endpoint, at_once=1)
    if has_number:
        say("Recording a simulated call, then a real one …")
        stand_in[CALL] = [await twilio.simulated_call(out / "stack", environ)]
        real[CALL] = [await twilio.real_call(out / "stack", environ)]
    else:
        say(f"{', '.join(twilio.NEEDED)} aren't set, so Twilio isn't compared.")
    await asyncio.to_thread(_write, out, stand_in, real, unrecorded, today)
    for line in failed:
        say(f"Couldn't record the stand-in: {line}")
    return BROKEN if failed else DONE


async def _record(
    scripts: Mapping[str, Script], endpoint: Endpoint, at_once: int
) -> tuple[Recorded, list[str]]:
    """Record all scripts. Returns the recordings, and a line about each script that couldn't be
    recorded."""
    recorded: Recorded = {}
    failed: list[str] = []
    places = asyncio.Semaphore(at_once)

    async def run(name: str, script: Script) -> None:
        async with places:
            try:
                recorded[name] = await gemini.record(script, endpoint)
            except (CannotConnect, TimeoutError) as error:
                failed.append(f"{name}: {str(error) or 'it took too long'}")

    async with asyncio.TaskGroup() as group:
        for name, script in scripts.items():
            group.create_task(run(name, script))
    return recorded, failed


def _write(
    out: Path, stand_in: Recorded, real: Recorded, unrecorded: Sequence[str], today: datetime.date
) -> None:
    for folder, recorded in (("stand-in", stand_in), ("real", real)):
        for name, sessions in recorded.items():
            keep(out / folder / f"{name}.jsonl", sessions)
    say(f"Recordings: {out}")
    found = {name: differences(stand_in[name], real[name]) for name in stand_in if name in real}
    lines = [f"- {name}: {line}" for name, lines in found.items() for line in lines]
    lines += [f"- not recorded: {line}" for line in unrecorded]
    if found or unrecorded:
        same = sum(not lines for lines in found.values())
        text = "\n".join((f"{same} of {len(found)} scripts match.", "", *lines))
        (out / PAGE).write_text(f"# Stand-ins and real services, {today}\n\n{text}\n", "utf-8")
        say(f"{text}\nWrote {out / PAGE}.")
