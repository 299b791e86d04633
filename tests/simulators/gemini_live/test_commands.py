"""The server as a process, told on its standard input what is to go wrong."""

import asyncio
import json
import ssl
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATH = (
    "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=stand-in-key"
)
SETUP = '{"setup":{"model":"models/gemini-3.8-live","sessionResumption":{%s}}}'


async def test_faults_are_planned_and_caused(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("model: {greeting: {say: Hello.}}")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulators.gemini_live", "--scenario", str(scenario)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
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
        "a command is a JSON object",
        'this fault is for sessions that begin; plan it: {"faults": [...]}',
        "apart_s: must be a number from 0 on, is -1",
    ]


async def _closed(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
