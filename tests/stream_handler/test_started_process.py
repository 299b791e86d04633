"""The stream handler as the platform runs it: as a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"


def test_a_process_says_when_it_is_ready(tmp_path: Path) -> None:
    environ = {
        "PYTHONPATH": os.pathsep.join((str(SERVICES), str(SERVICES.parent / "shared"))),
        "STREAM_URL": "wss://stream.example.com",
        "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
        "STREAM_TOKEN_SECRET": "s" * 64,
        "STORE_URL": f"sqlite:{tmp_path / 'ringdown.db'}",
        "GEMINI_API_KEY": "AIza-0123456789",
        "PORT": "0",
    }
    command = [sys.executable, "-m", "stream_handler"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        process.terminate()
    assert (line["message"], line["severity"]) == ("ready", "INFO")
    assert line["app"] == "stream_handler"
