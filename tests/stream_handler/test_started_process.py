"""The stream handler run as a process, as the platform runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"


def environ(folder: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join((str(SERVICES), str(SERVICES.parent / "shared"))),
        "STREAM_URL": "wss://stream.example.com",
        "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
        "STREAM_TOKEN_SECRET": "s" * 64,
        "STORE_URL": f"sqlite:{folder / 'ringdown.db'}",
        "GEMINI_API_KEY": "AIza-0123456789",
        "PORT": "0",
    }


def test_a_process_says_when_it_is_ready(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stream_handler"]
    with subprocess.Popen(
        command, env=environ(tmp_path), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        process.terminate()
    assert (line["message"], line["severity"]) == ("ready", "INFO")
    assert line["app"] == "stream_handler"


_RUN_AND_LIST = """
import runpy, sys
try:
    runpy.run_module("stream_handler", run_name="__main__")
finally:
    print([name for name in sys.modules if name.startswith("opentelemetry.sdk")])
"""


@pytest.mark.parametrize("traced", [False, True])
def test_opentelemetry_is_loaded_only_if_there_are_traces(tmp_path: Path, traced: bool) -> None:
    more = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} if traced else {}
    with subprocess.Popen(
        [sys.executable, "-c", _RUN_AND_LIST],
        env={**environ(tmp_path), **more},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["message"] == "ready"
        process.terminate()
        *_, loaded = process.stdout.read().splitlines()
    assert (loaded != "[]") is traced


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://telemetry.googleapis.com",
                "GOOGLE_APPLICATION_CREDENTIALS": "no-credentials.json",
            },
            "there are no Google credentials",
        ),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "10"}, "OpenTelemetry rejects an OTEL_… variable"),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "-1"}, "OpenTelemetry rejects an OTEL_… variable"),
    ],
)
def test_where_traces_cannot_be_exported_there_are_calls(
    tmp_path: Path, variables: dict[str, str], why: str
) -> None:
    (tmp_path / "no-credentials.json").write_text("{}", "utf-8")
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **variables}
    with subprocess.Popen(
        [sys.executable, "-m", "stream_handler"],
        env={**environ(tmp_path), **traced},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline())["message"] for _ in range(2)]
        process.terminate()
    assert told == [f"no traces: {why}", "ready"]
