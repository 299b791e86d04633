"""The server as a process: why it may not start, and how to plan faults in its sessions."""

import asyncio
import json
import os
import socket
import ssl
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATH = (
    "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=stand-in-key"
)
GREETING = "model: {greeting: {say: Hello.}}"
SETUP = '{"setup":{"model":"models/gemini-3.8-live","sessionResumption":{%s}}}'


async def started(
    folder: Path,
    scenario: str,
    *options: str,
    stdin: int | None = None,
    stdout: int | None = None,
) -> asyncio.subprocess.Process:
    path = folder / "scenario.yaml"
    path.write_text(scenario)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators.gemini_live", "--scenario", str(path), *options),
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("scenario", "options", "complaint"),
    [
        ("model: {greeting: {tell: a}}", (), "model.greeting.say: a reply needs say or call"),
        (f"model: {'9' * 5_000}", (), "invalid YAML: Exceeds the limit"),
        ("model: {voice: xx, greeting: {say: a}}", (), "espeak-ng has no voice 'xx'"),
        ("model: {turns: [{heard: zyxxy, say: a}]}", (), "'zyxxy' is not in the dictionary"),
        (GREETING, ("--out", "scenario.yaml"), "Can't use scenario.yaml: File exists."),
        (GREETING, ("--port", "99999"), "Can't listen on port 99999 of 127.0.0.1: bind()"),
        (GREETING, ("--port", "TAKEN"), "of 127.0.0.1: another program is using it."),
    ],
)
async def test_it_says_in_one_line_why_it_cannot_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scenario: str,
    options: tuple[str, ...],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = [port if option == "TAKEN" else option for option in options]
        process = await started(tmp_path, scenario, *given)
        async with asyncio.timeout(20):
            _, told = await process.communicate()
    assert process.returncode == 1
    assert complaint in told.decode()
    assert len(told.splitlines()) == 1


async def test_it_ends_when_it_cannot_print_its_address(tmp_path: Path) -> None:
    ours, its = os.pipe()
    os.close(ours)
    process = await started(tmp_path, GREETING, stdout=its)
    os.close(its)
    async with asyncio.timeout(20):
        _, told = await process.communicate()
    assert (process.returncode, told) == (1, b"")


async def test_faults_are_planned_and_caused(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await started(tmp_path, GREETING, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(20):
        ready = json.loads(await process.stdout.readline())
        url = ready["base_url"].replace("https", "wss") + PATH
        tls = ssl.create_default_context(cafile=ready["ca_file"])
        async with connect(url, ssl=tls) as first, connect(url, ssl=tls) as second:
            for fresh in (first, second):
                await fresh.send(SETUP % "")
                assert "setupComplete" in json.loads(await fresh.recv())

            for command in ("[]", '{"do":"refuse_upgrade"}', '{"do":"close","apart_s":-1}'):
                process.stdin.write(f"{command}\n".encode())
            process.stdin.write(b'{"faults":[{"do":"refuse_resumption"}]}\n')
            process.stdin.write(b'{"do":"close","code":1011,"apart_s":0.05}\n')

            assert await _closed(first) == await _closed(second) == 1011
        async with connect(url, ssl=tls) as resumed:
            await resumed.send(SETUP % '"handle":"old"')
            assert await _closed(resumed) == 1008

        process.terminate()
        _, complaints = await process.communicate()
    assert [line.split(": ", 1)[1] for line in complaints.decode().splitlines()] == [
        "a command must be a JSON object",
        'only new sessions can have this fault; plan it: {"faults": [...]}',
        "apart_s: must be a number of at least 0; it is -1",
    ]


async def _closed(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
