"""`calls logs`: on this machine, and in Cloud Logging with a shell script as gcloud."""

import json
import os
from pathlib import Path

import pytest

from ringdown.calls import Call
from tests.cli.calls.stored_calls import begin_call, sid
from tests.cli.command_line import CommandLine


@pytest.fixture
def call(command_line: CommandLine) -> Call:
    return begin_call(command_line, 1)


def line(message: str, *, severity: str = "INFO", n: int = 1, **fields: object) -> str:
    entry = {"severity": severity, "message": message, "time": "2026-11-02T09:30:00.250+00:00"}
    return json.dumps({**entry, "call_sid": sid(n), **fields}) + "\n"


def test_what_the_parts_logged_of_a_call_is_shown_in_order(
    command_line: CommandLine, call: Call
) -> None:
    logs = command_line.folder / "logs"
    logs.mkdir()
    failed = line("tool failed", severity="ERROR", tool="lookup_account")
    (logs / "incoming_call.log").write_text(
        line("answered", time="2026-11-02T09:30:01+00:00") + line("another call", n=2)
    )
    (logs / "stream_handler.log").write_text(f"Traceback of {sid(1)}\n{failed}")
    command_line.environ["TZ"] = "Europe/Berlin"
    ran = command_line.run("calls", "logs", "last")
    assert ran.status == 0, ran.all
    assert [each.split() for each in ran.said.splitlines()] == [
        ["10:30:00.250", "stream_handler", "tool", "failed", "tool=lookup_account"],
        ["10:30:01.000", "incoming_call", "answered"],
    ]
    scripts = command_line.run("calls", "logs", "last", "--json").said.splitlines()
    assert json.loads(scripts[0])["tool"] == "lookup_account"


def test_where_nothing_was_logged_it_says_so(command_line: CommandLine, call: Call) -> None:
    ran = command_line.run("calls", "logs", "last")
    assert (ran.status, ran.said) == (1, "")
    assert ran.complained.startswith(f"Nothing about {sid(1)} in ")


@pytest.fixture
def in_the_cloud(firestore_project: str, tmp_path: Path) -> CommandLine:
    command_line = CommandLine(tmp_path, store_url=f"firestore:{firestore_project}")
    begin_call(command_line, 1)
    return command_line


def gcloud(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin" / "gcloud"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_of_a_deployment_gcloud_is_asked(
    in_the_cloud: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {
        "timestamp": "2026-11-02T09:30:00.25Z",
        "severity": "WARNING",
        "resource": {"labels": {"service_name": "ringdown-stream-handler"}},
        "jsonPayload": {"message": "store is slow", "call_sid": sid(1), "took_ms": 900},
    }
    asked = in_the_cloud.folder / "asked"
    script = f"printf '%s\\n' \"$@\" > {asked}\ncat <<'END'\n{json.dumps([entry])}\nEND"
    gcloud(in_the_cloud.folder, script, monkeypatch)
    ran = in_the_cloud.run("calls", "logs", "last")
    assert ran.status == 0, ran.all
    assert ran.said.split() == [
        *("09:30:00.250", "ringdown-stream-handler", "store", "is", "slow", "took_ms=900")
    ]
    arguments = asked.read_text().splitlines()
    assert arguments[:2] == ["logging", "read"]
    assert f'jsonPayload.call_sid="{sid(1)}"' in arguments[2]
    assert f"--project={in_the_cloud.store_url.removeprefix('firestore:')}" in arguments


def test_a_gcloud_that_fails_is_told(
    in_the_cloud: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gcloud(in_the_cloud.folder, "echo 'You are not logged in.' >&2; exit 1", monkeypatch)
    ran = in_the_cloud.run("calls", "logs", "last")
    assert (ran.status, ran.complained) == (1, "gcloud failed: You are not logged in.\n")
