"""`make conformance`, with a second stand-in as the real service."""

import datetime
from pathlib import Path

import pytest

from devtools.conformance.command import PAGE, check_conformance
from devtools.conformance.comparison import fields, order
from devtools.conformance.gemini import SCRIPTS, STAND_IN
from devtools.conformance.twilio import simulated_call
from ringdown.errors import ConfigurationError
from ringdown_cli.command import CannotGoOn
from simulators.gemini_live.faults import Fault, ForgetHandles, WithholdSetup
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.server import GeminiLiveServer

DAY = datetime.date(2026, 11, 22)


async def check(folder: Path, server: GeminiLiveServer, *names: str, key: str = "") -> str:
    """Record some scripts, and return the page."""
    environ = {
        "GEMINI_API_KEY": key or "stand-in-key",
        "GEMINI_BASE_URL": server.base_url,
        "SSL_CERT_FILE": str(server.ca_file),
    }
    scripts = {name: SCRIPTS[name] for name in names}
    assert await check_conformance(environ, folder, DAY, scripts=scripts) == 0
    return (folder / PAGE).read_text("utf-8")


@pytest.mark.real_time
@pytest.mark.timeout(300)
async def test_the_stand_in_is_as_itself_in_every_script(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    page = await check(tmp_path, await gemini_live_server(STAND_IN), *SCRIPTS)

    number = len(SCRIPTS)
    assert page == (
        f"# Stand-ins and real services, 2026-11-22\n\n{number} of {number} scripts match.\n\n"
    )
    for side in ("stand-in", "real"):
        names = {path.stem for path in (tmp_path / side).iterdir()}
        assert names == set(SCRIPTS)


async def test_a_service_that_differs(
    tmp_path: Path,
    gemini_live_server: GeminiLiveServerFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = await gemini_live_server(STAND_IN, [Fault(ForgetHandles())])

    page = await check(tmp_path, server, "resumption", "key-wrong")

    assert "1 of 2 scripts match." in page
    assert "- resumption: order: stand-in (setup) → setupComplete" in page
    assert "real (setup) → closed with 1007" in page
    assert "real (setup) → closed with 1007" in capsys.readouterr().out


async def test_a_key_that_is_refused_stops_before_anything_is_written(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    server = await gemini_live_server(STAND_IN)

    with pytest.raises(CannotGoOn, match=r"closed with 1007 .*\n.*Check GEMINI_API_KEY"):
        await check(tmp_path / "out", server, "key-wrong", key="other")

    assert not (tmp_path / "out").exists()


@pytest.mark.timeout(30)
async def test_a_service_that_never_replies(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    server = await gemini_live_server(STAND_IN, [Fault(WithholdSetup())])

    with pytest.raises(CannotGoOn, match="no reply"):
        await check(tmp_path, server, "key-wrong")


async def test_without_keys_only_the_stand_in_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = {"key-wrong": SCRIPTS["key-wrong"]}
    token = {"TWILIO_AUTH_TOKEN": "of the stack"}
    assert await check_conformance(token, tmp_path, DAY, scripts=scripts) == 0

    assert not (tmp_path / PAGE).exists()
    said = capsys.readouterr().out
    assert "GEMINI_API_KEY isn't set" in said
    assert "PUBLIC_URL, STREAM_URL, TWILIO_AUTH_TOKEN aren't set" in said


async def test_half_of_what_a_real_call_needs_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="set STREAM_URL and TWILIO_AUTH_TOKEN as well"):
        await check_conformance({"PUBLIC_URL": "https://a"}, tmp_path, DAY)


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
