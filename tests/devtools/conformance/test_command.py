"""`make conformance` as a whole, with a second stand-in for the real service."""

import datetime
import ssl
from pathlib import Path

import pytest

from devtools.conformance.behaviours import Behaviour
from devtools.conformance.command import (
    MODEL,
    ConformanceSettings,
    ConformanceStopped,
    check_conformance,
    settings_from_environ,
)
from devtools.conformance.gemini import GEMINI
from devtools.conformance.outcomes import NotObserved, Observed
from devtools.conformance.results import PeerResults, read_results
from devtools.conformance.stand_in import SCENARIO
from devtools.conformance.wire import CannotConnect, Endpoint, Recorder
from devtools.processes import free_port
from ringdown.errors import ConfigurationError
from simulators.gemini_live.faults import Close, Fault, ForgetHandles, RefuseUpgrade, WithholdSetup
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.server import GeminiLiveServer

DAY = datetime.date(2026, 11, 22)
KEY = "stand-in-key"


def named(*names: str) -> list[Behaviour]:
    return [behaviour for behaviour in GEMINI if behaviour.id in names]


def endpoint(server: GeminiLiveServer, *, api_key: str = KEY) -> Endpoint:
    tls = ssl.create_default_context(cafile=server.ca_file)
    return Endpoint(server.base_url, api_key, MODEL, tls, direct=True)


def settings(folder: Path, *names: str, gemini: Endpoint | None = None) -> ConformanceSettings:
    return ConformanceSettings(
        out=folder / "out",
        docs=folder / "docs",
        gemini=gemini,
        sessions_at_once=4,
        behaviours=named(*names),
    )


def real(folder: Path) -> PeerResults:
    results = read_results(folder / "docs" / "conformance.json").gemini
    assert results is not None
    return results


async def test_a_service_that_differs_is_written_down_and_outlives_a_run_without_keys(
    tmp_path: Path,
    gemini_live_server: GeminiLiveServerFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(ForgetHandles())])
    names = ("resumption", "wrong-key")

    status = await check_conformance(settings(tmp_path, *names, gemini=endpoint(server)), DAY)

    assert status == 0
    seen = real(tmp_path)
    assert (seen.date, seen.endpoint, seen.model) == (DAY, server.base_url, MODEL)
    resumption = seen.outcomes["resumption"]
    assert isinstance(resumption, Observed)
    assert resumption.facts["result"] == "closed with 1007"
    page = (tmp_path / "docs" / "conformance.md").read_text("utf-8")
    assert "1 the same, 1 different" in page
    assert "**differs: closed with 1007" in page
    assert "differs: closed with 1007" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out" / "gemini").iterdir()) == [
        "resumption.json",
        "wrong-key.json",
    ]

    assert await check_conformance(settings(tmp_path, *names), DAY) == 0
    assert (tmp_path / "docs" / "conformance.md").read_text("utf-8") == page


async def test_without_keys_nothing_is_dated(tmp_path: Path) -> None:
    assert await check_conformance(settings(tmp_path, "unknown-field"), DAY) == 0

    assert not (tmp_path / "docs" / "conformance.json").exists()
    assert "2026" not in (tmp_path / "docs" / "conformance.md").read_text("utf-8")


async def test_a_key_that_is_refused_stops_before_anything_is_written(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    server = await gemini_live_server(SCENARIO)
    wrong = settings(tmp_path, "unknown-field", gemini=endpoint(server, api_key="other"))

    with pytest.raises(ConformanceStopped, match=r"closed with 1007 .*Check GEMINI_API_KEY"):
        await check_conformance(wrong, DAY)

    assert not (tmp_path / "docs").exists()


async def test_a_service_that_fails_on_the_way_is_no_difference(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    out_of_quota = Close(1011, "You exceeded your current quota.")
    server = await gemini_live_server(SCENARIO, [Fault(out_of_quota, session=2)])

    await check_conformance(settings(tmp_path, "our-setup", gemini=endpoint(server)), DAY)

    outcome = real(tmp_path).outcomes["our-setup"]
    assert isinstance(outcome, NotObserved)
    assert "quota" in outcome.why


async def test_a_spoilt_results_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "conformance.json"
    path.parent.mkdir()
    path.write_text("{", "utf-8")

    with pytest.raises(ConformanceStopped, match="Restore it, or delete it"):
        await check_conformance(settings(tmp_path, "unknown-field"), DAY)

    assert path.read_text("utf-8") == "{"


def test_the_environment_names_the_peers(tmp_path: Path) -> None:
    environ = {
        "GEMINI_API_KEY": "key",
        "GEMINI_BASE_URL": "https://gemini.example",
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_AUTH_TOKEN": "token",
    }

    read = settings_from_environ(environ, tmp_path, tmp_path)

    assert read.gemini is not None
    assert read.gemini.uri.startswith("wss://gemini.example/ws/google.ai.generativelanguage.v1beta")
    assert read.twilio is not None
    assert read.twilio.account_sid == "AC1"


def test_without_keys_no_peer_is_named(tmp_path: Path) -> None:
    read = settings_from_environ({"TWILIO_AUTH_TOKEN": "of the stack"}, tmp_path, tmp_path)

    assert (read.gemini, read.twilio) == (None, None)


def test_half_of_twilios_credentials(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="set TWILIO_AUTH_TOKEN"):
        settings_from_environ({"TWILIO_ACCOUNT_SID": "AC1"}, tmp_path, tmp_path)


# The wire


async def test_a_wait_for_what_never_comes_ends(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(WithholdSetup())])

    async with Recorder(endpoint(server)).session() as wire:
        await wire.send({"setup": {"model": f"models/{MODEL}"}})
        came = await wire.until(lambda seen: seen.set_up, within_s=0.2)

    assert not came
    assert wire.recording.ended is None, "our own close is not the peer's"


async def test_a_handshake_that_is_refused_is_recorded(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(RefuseUpgrade(403))])
    recorder = Recorder(endpoint(server))

    async with recorder.session() as wire:
        await wire.send({"setup": {}})

    ended = recorder.recordings[0].ended
    assert ended is not None
    assert ended.how == "HTTP 403"


async def test_nobody_there() -> None:
    nobody = Endpoint(
        f"https://127.0.0.1:{free_port()}", KEY, MODEL, ssl.create_default_context(), direct=True
    )

    with pytest.raises(CannotConnect):
        async with Recorder(nobody).session():
            pass


async def test_a_key_is_not_kept_even_if_the_peer_repeats_it(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    server = await gemini_live_server(SCENARIO, [Fault(Close(1008, f"Key {KEY} is blocked."))])
    recorder = Recorder(endpoint(server))

    async with recorder.session() as wire:
        await wire.send({"setup": {"model": f"models/{MODEL}"}})
        await wire.until(lambda seen: seen.ended is not None, within_s=5)

    ended = recorder.recordings[0].ended
    assert ended is not None
    assert ended.reason == "Key … is blocked."
