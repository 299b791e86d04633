"""`make call` and `make stack` as a person runs them: commands, and what they leave behind."""

import asyncio
import itertools
import json
import os
import re
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from devtools.demonstration import SCENARIO
from devtools.processes import free_port
from devtools.stack import ROOT
from ringdown_cli.command import TOO_BUSY
from simulators.speech.pcm import read_wav
from simulators.twilio.script import SayStep
from simulators.twilio.script_file import load_script
from tests.browser import CHROMIUM, open_page
from tests.pages import assert_shown_well, picture

pytestmark = pytest.mark.real_clock

TOOLS = ROOT / "functions" / "tools"
ENVIRON = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("GEMINI_", "TWILIO_")) and name not in ("PUBLIC_URL", "STREAM_URL")
}


@pytest.mark.timeout(150)
async def test_the_demonstration_call_goes_as_its_scenario_says(
    tmp_path: Path, pictures: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devtools", "call"),
        cwd=tmp_path,
        env=ENVIRON,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode == TOO_BUSY:  # then the sound proves nothing
        assert "This machine was too busy" in output.decode()
        return
    assert process.returncode == 0, output.decode()
    printed = _shape(output.decode())
    assert printed == _complete(_shape(_documented_block("Starting the parts …")), printed)
    assert (times := _times(output.decode())) == sorted(times)

    document = json.loads((tmp_path / "out/last/call.json").read_text("utf-8"))
    assert document["problems"] == []
    steps = load_script(SCENARIO).steps
    due = [step.action.text for step in steps if isinstance(step.action, SayStep)]
    assert [heard["sentence"] for heard in document["heard_by_model"]] == due
    assert sum(heard["recognised"] for heard in document["heard_by_caller"]) >= len(due)
    assert [call["name"] for call in document["tool_calls"]] == ["lookup_account", "end_call"]
    assert document["call"]["end_reason"] == "agent_hung_up"
    assert document["call"]["twilio_status"] == "completed"
    assert "<audio" in (tmp_path / "out/last/call.html").read_text("utf-8")
    rate_hz, (caller, agent) = read_wav(tmp_path / "out/last/call.wav")
    assert (rate_hz, bool(caller.any()), bool(agent.any())) == (8000, True, True)
    _assert_nothing_private_is_logged(tmp_path / "out/last/logs", document)
    if CHROMIUM is not None:
        async with open_page((tmp_path / "out/last/call.html").as_uri() + "#t=13") as tab:
            await assert_shown_well(tab, scrolls="#scroller")
            await tab.evaluate("scrollTo(0, 0)")
            await picture(tab, pictures / "call.png")


def _documented_block(first_line: str) -> str:
    """The indented block of docs/first-call.md that begins with a line."""
    indented = f"    {first_line}\n"
    _, _, rest = (ROOT / "docs/first-call.md").read_text("utf-8").partition(indented)
    lines = itertools.takewhile(lambda line: line.startswith("    "), rest.splitlines())
    return textwrap.dedent(indented + "\n".join(lines))


def _complete(documented: list[str], printed: list[str]) -> list[str]:
    """The documented lines, with those that each "…" leaves out filled in from what was printed."""
    complete: list[str] = []
    for line, following in itertools.zip_longest(documented, documented[1:]):
        if line != "…":
            complete.append(line)
        elif following in printed:
            complete += printed[len(complete) : printed.index(following)]
    return complete


def _shape(printed: str) -> list[str]:
    """The lines without what varies from call to call."""
    up_to_the_interruption = re.compile(r"(First, you choose).* …   \((?=reply)")
    return [
        re.sub(r" *\d+(\.\d+)?", " 0", up_to_the_interruption.sub(r"\1 … (", line))
        for line in printed.splitlines()
    ]


def _times(printed: str) -> list[float]:
    return [float(time) for time in re.findall(r"^ +(\d+\.\d\d) s  ", printed, re.MULTILINE)]


def _assert_nothing_private_is_logged(logs: Path, document: dict[str, Any]) -> None:
    text = "".join(path.read_text("utf-8") for path in sorted(logs.glob("*.log")))
    assert document["call"]["call_sid"] in text
    words = [turn["text"] for turn in document["turns"]]
    arguments = [value for call in document["tool_calls"] for value in call["args"].values()]
    for private in (document["call"]["caller"], document["call"]["called"], *words, *arguments):
        assert private not in text


async def test_the_stack_says_where_it_is_restarts_what_dies_and_stops(tmp_path: Path) -> None:
    async with _stack(tmp_path) as (process, stack):
        tools = {path.parent.name for path in TOOLS.glob("*/tool.yaml")}
        assert {p["name"] for p in stack["processes"]} == {
            *tools,
            "call_ended",
            "caller_page",
            "incoming_call",
            "stream_handler",
        }
        assert len(stack["twilio_auth_token"]) == 32
        handler = next(p for p in stack["processes"] if p["name"] == "stream_handler")
        os.kill(handler["pid"], signal.SIGKILL)
        await _until(f"{handler['url']}/ready", answers=False)
        await _until(f"{handler['url']}/ready", answers=True)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    assert not (tmp_path / "out/stack.json").exists()
    for entry in stack["processes"]:
        assert not await _answers(entry["url"]), f"{entry['name']} is still there"


async def test_the_stack_says_what_to_set(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devtools", "stack"),
        cwd=tmp_path,
        env=ENVIRON,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "GEMINI_API_KEY isn't set" in errors.decode()


@asynccontextmanager
async def _stack(
    folder: Path,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    names = ("CALLER_PAGE_PORT", "STREAM_PORT", "WEBHOOK_PORT")
    ports = {name: str(free_port()) for name in names}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devtools", "stack"),
        cwd=folder,
        env={**ENVIRON, **ports, "GEMINI_BASE_URL": "https://127.0.0.1:9"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    printed = b""
    try:
        async with asyncio.timeout(30):
            while b"Ready." not in printed:
                line = await process.stdout.readline()
                assert line, printed.decode()
                printed += line
        yield process, json.loads((folder / "out/stack.json").read_text("utf-8"))
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _until(url: str, *, answers: bool) -> None:
    async with asyncio.timeout(20):
        while await _answers(url) is not answers:  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.02)


async def _answers(url: str) -> bool:
    async with httpx2.AsyncClient(trust_env=False) as http:
        try:
            await http.get(url, timeout=1.0)
        except httpx2.TransportError:
            return False
    return True
