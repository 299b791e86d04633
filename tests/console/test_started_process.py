"""The console as the platform runs it: as a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from console.settings import read_settings
from ringdown.errors import ConfigurationError

SERVICES = Path(__file__).parents[2] / "services"


def test_a_process_is_ready_and_lets_nobody_in_without_the_proxy(tmp_path: Path) -> None:
    environ = {
        "PYTHONPATH": os.pathsep.join((str(SERVICES), str(SERVICES.parent / "shared"))),
        "STORE_URL": f"sqlite:{tmp_path / 'ringdown.db'}",
        "IAP_AUDIENCE": "/projects/1/locations/europe-west3/services/ringdown-console",
        "HOST": "127.0.0.1",
        "PORT": "0",
    }
    command = [sys.executable, "-m", "console"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        url = f"http://127.0.0.1:{line['port']}"
        ready, refused = httpx2.get(f"{url}/ready"), httpx2.get(f"{url}/calls")
        process.terminate()

    assert (line["message"], line["app"]) == ("ready", "console")
    assert (ready.status_code, refused.status_code) == (200, 401)
    assert process.returncode == 0


def test_what_is_missing_is_named_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        read_settings({})

    assert "STORE_URL" in str(error.value)
    assert "IAP_AUDIENCE" in str(error.value)
