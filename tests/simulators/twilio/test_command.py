import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from simulators.speech.pcm import read_wav
from tests.simulators.twilio.peers import FROM, TO, twiml, webhook_server

pytestmark = pytest.mark.real_clock

SCENARIO = f"""
caller:
  to: "{TO}"
  from: "{FROM}"
  steps:
    - say: Hello.
    - {{wait: hangup, timeout_s: SECONDS}}
"""


async def run(
    folder: Path,
    voice_url: str,
    *,
    timeout_s: float,
    out: Path | None = None,
    stdout: int = asyncio.subprocess.DEVNULL,
    **environment: str,
) -> int:
    scenario = folder / "scenario.yaml"
    scenario.write_text(SCENARIO.replace("SECONDS", str(timeout_s)), encoding="utf-8")
    arguments = ["--scenario", str(scenario), "--voice-url", voice_url, "--out", str(out or folder)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulators.twilio", "--auth-token-env", "TOKEN_FOR_TEST", *arguments),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)} | environment,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    (folder / "errors.txt").write_bytes(errors)
    return process.returncode if process.returncode is not None else -1


async def test_a_call_is_placed_and_written_down(tmp_path: Path) -> None:
    async with webhook_server() as server:
        url = server.on("/voice", twiml('<Pause length="1"/><Hangup/>'))
        status = await run(tmp_path, url, timeout_s=5, TOKEN_FOR_TEST="secret")
    assert status == 0, (tmp_path / "errors.txt").read_text()
    record = json.loads((tmp_path / "call-network.json").read_text())
    assert record["end_reason"] == "hung up by <Hangup>"
    assert record["failure"] is None
    assert [sentence["text"] for sentence in record["sentences"]] == ["Hello."]
    assert record["documents"][0]["body"].startswith("<Response>")
    assert record["errors"] == []
    assert record["events"][-1]["event"] == "call_ended"
    _, (left, right) = read_wav(tmp_path / "call.wav")
    assert len(left) == len(right) == record["recording_ms"] * 8


async def test_a_script_that_fails_is_written_down_all_the_same(tmp_path: Path) -> None:
    async with webhook_server() as server:
        url = server.on("/voice", twiml('<Pause length="60"/>'))
        status = await run(tmp_path, url, timeout_s=0.1, TOKEN_FOR_TEST="secret")
    assert status == 1
    record = json.loads((tmp_path / "call-network.json").read_text())
    assert "waited 0.1 s for the call to end" in record["failure"]


async def test_it_continues_if_its_output_is_not_read(tmp_path: Path) -> None:
    ours, its = os.pipe()
    os.close(ours)
    async with webhook_server() as server:
        url = server.on("/voice", twiml("<Say>✓</Say>", "<Pause length='2'/>", "<Hangup/>"))
        status = await run(tmp_path, url, timeout_s=20, stdout=its, TOKEN_FOR_TEST="secret")
    os.close(its)
    assert (status, (tmp_path / "errors.txt").read_text()) == (0, "")
    assert (tmp_path / "call.wav").exists()


async def test_a_terminal_without_a_character_gets_another(tmp_path: Path) -> None:
    printed = tmp_path / "printed.txt"
    async with webhook_server() as server:
        url = server.on("/voice", twiml("<Say>✓</Say>", "<Pause length='2'/>", "<Hangup/>"))
        with printed.open("wb") as file:
            status = await run(
                *(tmp_path, url),
                timeout_s=20,
                stdout=file.fileno(),
                TOKEN_FOR_TEST="secret",
                PYTHONIOENCODING="ascii",
            )
    assert (status, (tmp_path / "errors.txt").read_text()) == (0, "")
    assert b"?" in printed.read_bytes()


async def test_a_folder_that_cannot_be_created_is_reported_before_the_call(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    url = "http://127.0.0.1:1/"
    status = await run(tmp_path, url, timeout_s=1, out=taken, TOKEN_FOR_TEST="secret")
    complaint = (tmp_path / "errors.txt").read_text()
    assert (status, complaint) == (2, f"Can't use {taken}: File exists.\n")


async def test_without_a_token_it_says_what_to_set(tmp_path: Path) -> None:
    status = await run(tmp_path, "http://127.0.0.1:1/", timeout_s=1)
    assert status == 2
    assert "Set TOKEN_FOR_TEST" in (tmp_path / "errors.txt").read_text()
