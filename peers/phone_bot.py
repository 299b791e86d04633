"""Pipecat's phone bot, called by the Twilio stand-in, with the Gemini stand-in as its model."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from benchmarks.pipecat.environment import PIPECAT
from devtools.call_display import is_fault
from devtools.processes import Command, ProcessFailed, SupervisedProcess, free_port
from peers.verdict import problems
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.server import GeminiLiveServer
from simulators.twilio import (
    Call,
    EndReason,
    Script,
    ScriptFailed,
    TwilioNetwork,
    run_script,
)
from simulators.twilio.events import PlaybackCleared
from simulators.twilio.report import write_report

_BOT = Path(__file__).resolve().parent.parent / "benchmarks" / "pipecat" / "bot.py"
_KEY, _TOKEN = "stand-in-key", "stand-in-token"
_ACCOUNT_SID = "AC" + "5" * 32


async def converse(
    scenario: Scenario, script: Script, environ: Mapping[str, str], folder: Path
) -> list[str]:
    """Play the script; returns what went wrong. `folder` gets records, recording and the log."""
    network = TwilioNetwork(auth_token=_TOKEN, account_sid=_ACCOUNT_SID)
    async with (
        GeminiLiveServer(scenario, api_key=_KEY, folder=folder) as server,
        network.rest_api() as api_url,
    ):
        port = free_port()
        settings = {
            **environ,
            "PORT": str(port),
            "GEMINI_BASE_URL": server.base_url,
            "GEMINI_API_KEY": _KEY,
            "SSL_CERT_FILE": str(server.ca_file),
            "VAD": "off",
            "TWILIO_API_URL": api_url,
            "TWILIO_ACCOUNT_SID": _ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": _TOKEN,
        }
        url = f"http://127.0.0.1:{port}"
        argv = (str(PIPECAT.python), str(_BOT))
        bot = SupervisedProcess(Command("bot", argv, settings, url, "/ready"), folder / "bot.log")
        try:
            await bot.start()
            found = await _call(network, f"{url}/", script, folder)
        except ProcessFailed as failed:
            return [str(failed)]
        finally:
            await bot.stop()
    return found + problems(server.sessions, scenario, script)


async def _call(network: TwilioNetwork, voice_url: str, script: Script, folder: Path) -> list[str]:
    found: list[str] = []
    async with network.place_call(
        to=script.to, from_=script.from_, voice_url=voice_url, voice=script.voice
    ) as call:
        try:
            result = await run_script(call, script)
        except ScriptFailed as failed:
            found.append(str(failed))
            result = failed.result
    failure = found[0] if found else None
    await asyncio.to_thread(write_report, folder, call, result, failure)
    return found + _network_problems(call)


def _network_problems(call: Call) -> list[str]:
    found = [str(alert) for alert in call.alerts if is_fault(alert.code)]
    if not any(isinstance(event, PlaybackCleared) for event in call.events):
        found.append("it did not clear the playing audio when the caller interrupted")
    if call.end_reason is not EndReason.API_HUNG_UP:
        found.append(f"the bot didn't hang up: {call.end_reason}")
    return found
