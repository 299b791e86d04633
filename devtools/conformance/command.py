"""`make conformance`: record the stand-ins and, with keys, the real services; list differences."""

import asyncio
import datetime
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools.conformance import gemini, twilio
from devtools.conformance.comparison import differences
from devtools.conformance.gemini import SCRIPTS, Script
from devtools.conformance.recording import Recording, keep
from devtools.conformance.wire import CannotConnect, Endpoint
from devtools.processes import say

GEMINI_URL = "https://generativelanguage.googleapis.com"
CALL = "twilio-call"
PAGE = "differences.md"
_AT_ONCE = 12

Recorded = dict[str, Sequence[Recording]]


class ConformanceStopped(Exception):
    """Nothing can be compared; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ConformanceSettings:
    """`gemini` is None without a key. `at_once` is for the real service: one is gentler."""

    out: Path
    gemini: Endpoint | None
    environ: Mapping[str, str]
    has_number: bool = False
    scripts: Mapping[str, Script] = field(default_factory=lambda: SCRIPTS)
    at_once: int = 1


def settings_from_environ(environ: Mapping[str, str], out: Path) -> ConformanceSettings:
    """Raises ConfigurationError."""
    key = environ.get("GEMINI_API_KEY")
    tls = ssl.create_default_context(cafile=environ.get("SSL_CERT_FILE") or None)
    url = environ.get("GEMINI_BASE_URL") or GEMINI_URL
    return ConformanceSettings(
        out=out / "conformance",
        gemini=Endpoint(url, key, gemini.MODEL, tls) if key else None,
        environ=environ,
        has_number=twilio.has_number(environ),
    )


async def check_conformance(settings: ConformanceSettings, today: datetime.date) -> int:
    """Record, compare and write `PAGE`. Raises ConformanceStopped, and ProcessFailed.

    The status is 0, whatever differs, unless the stand-in itself could not be recorded.
    """
    if settings.gemini is not None and (why := await gemini.why_out_of_reach(settings.gemini)):
        raise ConformanceStopped(
            f"No session with {settings.gemini.base_url}: {why}.\n"
            "Check GEMINI_API_KEY and the network."
        )
    say(f"Recording the Gemini stand-in: {len(settings.scripts)} scripts …")
    async with gemini.running_stand_in() as endpoint:
        stand_in, failed = await _record(settings.scripts, endpoint, _AT_ONCE)
    real: Recorded = {}
    unrecorded: list[str] = []
    if settings.gemini is None:
        say("GEMINI_API_KEY is not set: Gemini Live is not compared.")
    else:
        say(f"Recording {settings.gemini.base_url}: about four minutes and 0.10 US dollars …")
        real, unrecorded = await _record(settings.scripts, settings.gemini, settings.at_once)
    if settings.has_number:
        say("Recording a simulated call, then a real one …")
        stand_in[CALL] = [await twilio.simulated_call(settings.out / "stack", settings.environ)]
        real[CALL] = [await twilio.real_call(settings.out / "stack", settings.environ)]
    else:
        say(f"{', '.join(twilio.NEEDED)} are not set: Twilio is not compared.")
    await asyncio.to_thread(_write, settings, stand_in, real, unrecorded, today)
    for line in failed:
        say(f"The stand-in could not be recorded: {line}")
    return 1 if failed else 0


async def _record(
    scripts: Mapping[str, Script], endpoint: Endpoint, at_once: int
) -> tuple[Recorded, list[str]]:
    """What was recorded, and a line about each script that could not be."""
    recorded: Recorded = {}
    failed: list[str] = []
    places = asyncio.Semaphore(at_once)

    async def run(name: str, script: Script) -> None:
        async with places:
            try:
                recorded[name] = await gemini.record(script, endpoint)
            except (CannotConnect, TimeoutError) as error:
                failed.append(f"{name}: {str(error) or 'it did not end in time'}")

    async with asyncio.TaskGroup() as group:
        for name, script in scripts.items():
            group.create_task(run(name, script))
    return recorded, failed


def _write(
    settings: ConformanceSettings,
    stand_in: Recorded,
    real: Recorded,
    unrecorded: Sequence[str],
    today: datetime.date,
) -> None:
    for folder, recorded in (("stand-in", stand_in), ("real", real)):
        for name, sessions in recorded.items():
            keep(settings.out / folder / f"{name}.jsonl", sessions)
    say(f"Recordings: {settings.out}")
    both = [name for name in stand_in if name in real]
    found = {name: differences(stand_in[name], real[name]) for name in both}
    lines = [f"- {name}: {line}" for name in both for line in found[name]]
    lines += [f"- not recorded: {line}" for line in unrecorded]
    same = sum(not found[name] for name in both)
    if both or unrecorded:
        head = f"# Stand-ins and real services, {today}\n\n{same} of {len(both)} scripts: the same."
        (settings.out / PAGE).write_text("\n".join((head, "", *lines)) + "\n", "utf-8")
        say("\n".join((f"{same} of {len(both)} scripts: the same.", *lines)))
        say(f"Wrote {settings.out / PAGE}.")
