"""`make conformance`, with a second stand-in as the real service."""

import datetime
import ssl
from pathlib import Path

import pytest

from devtools.conformance.command import (
    PAGE,
    ConformanceSettings,
    ConformanceStopped,
    check_conformance,
    settings_from_environ,
)
from devtools.conformance.comparison import fields, order
from devtools.conformance.gemini import MODEL, SCENARIO, SCRIPTS
from devtools.conformance.twilio import simulated_call
from devtools.conformance.wire import Endpoint
from ringdown.errors import ConfigurationError
from simulators.gemini_live.faults import Fault, ForgetHandles, WithholdSetup
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.server import GeminiLiveServer

DAY = datetime.date(2026, 11, 22)
KEY = "stand-in-key"


def settings(
    folder: Path, server: GeminiLiveServer | None, *names: str, api_key: str = KEY
) -> ConformanceSettings:
    real = None
    if server is not None:
        tls = ssl.create_default_context(cafile=server.ca_file)
        real = Endpoint(server.base_url, api_key, MODEL, tls, direct=True)
    scripts = {name: SCRIPTS[name] for name in names or SCRIPTS}
    return ConformanceSettings(folder, real, {}, scripts=scripts, at_once=4)


async def test_a_service_that_is_the_same(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    server = await gemini_live_server(SCENARIO)

    status = await check_conformance(settings(tmp_path, server, "key-wrong", "resumption"), DAY)

    assert status == 0
    page = (tmp_path / PAGE).read_text("utf-8")
    assert page == "# Stand-ins and real services, 2026-11-22\n\n2 of 2 scripts: the same.\n\n"
    for side in ("stand-in", "real"):
        names = sorted(path.name for path in (tmp_path / side).iterdir())
        assert names == ["key-wrong.jsonl", "resumption.jsonl"]


@pytest.mark.real_time
@pytest.mark.timeout(180)
async def test_the_stand_in_is_as_itself_in_every_script(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    await check_conformance(settings(tmp_path, await gemini_live_server(SCENARIO)), DAY)

    number = len(SCRIPTS)
    assert f"{number} of {number} scripts: the same" in (tmp_path / PAGE).read_text("utf-8")


async def test_a_service_that_differs(
    tmp_path: Path,
    gemini_live_server: GeminiLiveServerFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(ForgetHandles())])

    assert await check_conformance(settings(tmp_path, server, "resumption"), DAY) == 0

    page = (tmp_path / PAGE).read_text("utf-8")
    assert "- resumption: order: stand-in (setup) → setupComplete" in page
    assert "real (setup) → closed with 1007" in page
    assert "real (setup) → closed with 1007" in capsys.readouterr().out


async def test_a_key_that_is_refused_stops_before_anything_is_written(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    server = await gemini_live_server(SCENARIO)
    wrong = settings(tmp_path / "out", server, "key-wrong", api_key="other")

    with pytest.raises(ConformanceStopped, match=r"closed with 1007 .*\n.*Check GEMINI_API_KEY"):
        await check_conformance(wrong, DAY)

    assert not (tmp_path / "out").exists()


@pytest.mark.timeout(30)
async def test_a_service_that_never_replies(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(WithholdSetup())])

    with pytest.raises(ConformanceStopped, match="no reply"):
        await check_conformance(settings(tmp_path, server, "key-wrong"), DAY)


async def test_without_keys_only_the_stand_in_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await check_conformance(settings(tmp_path, None, "key-wrong"), DAY) == 0

    assert not (tmp_path / PAGE).exists()
    said = capsys.readouterr().out
    assert "GEMINI_API_KEY is not set" in said
    assert "PUBLIC_URL, STREAM_URL, TWILIO_AUTH_TOKEN are not set" in said


def test_the_environment_names_the_services(tmp_path: Path) -> None:
    keys = {"GEMINI_API_KEY": "key", "GEMINI_BASE_URL": "https://gemini.example"}
    number = {"PUBLIC_URL": "https://a", "STREAM_URL": "wss://b", "TWILIO_AUTH_TOKEN": "t"}

    read = settings_from_environ({**keys, **number}, tmp_path)

    assert read.gemini is not None
    assert read.gemini.uri.startswith("wss://gemini.example/ws/google.ai.generativelanguage.v1beta")
    assert read.has_number
    none = settings_from_environ({"TWILIO_AUTH_TOKEN": "of the stack"}, tmp_path)
    assert (none.gemini, none.has_number) == (None, False)
    with pytest.raises(ConfigurationError, match="set STREAM_URL and TWILIO_AUTH_TOKEN as well"):
        settings_from_environ({"PUBLIC_URL": "https://a"}, tmp_path)


@pytest.mark.real_time
@pytest.mark.timeout(120)
async def test_a_simulated_call_is_recorded_from_the_webhook_to_the_last_status(
    tmp_path: Path,
) -> None:
    recording = await simulated_call(tmp_path, {})

    steps = order(recording)
    assert steps[:3] == ["POST /", "connected", "start"]
    assert "(clear)" in steps
    assert steps[-2:] == ["POST /after-stream", "POST /status"]
    assert "media.payload: str" in fields(recording)["media"]
