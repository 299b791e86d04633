"""Reading deployed secrets from Google's responses."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ringdown.tools import Json
from ringdown_cli.doctor.asking import Means, means
from ringdown_cli.doctor.secret_manager import deployed_secrets
from tests.cli.doctor.rest_stand_in import RestStandIn, rest_stand_in
from tests.google_tokens import token_server

TOKEN, KEY = "projects/p/secrets/token", "projects/p/secrets/key"


def a_version(data: str) -> dict[str, Json]:
    return {"name": "…/versions/2", "payload": {"data": data, "dataCrc32c": "1"}}


@pytest_asyncio.fixture
async def asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[RestStandIn, Means]]:
    with token_server() as tokens, rest_stand_in("token") as rest:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.key_file(tmp_path)))
        async with means({}, rest.peers) as asking:
            yield rest, asking


async def test_the_newest_version_counts(asking: tuple[RestStandIn, Means]) -> None:
    rest, ask = asking
    data = base64.b64encode(b"deployed").decode()
    rest.answers[f"/v1/{TOKEN}/versions/latest:access"] = a_version(data)

    assert await deployed_secrets({"TWILIO_AUTH_TOKEN": TOKEN}, ask) == {
        "TWILIO_AUTH_TOKEN": "deployed"
    }


@pytest.mark.parametrize("answer", [None, {}, a_version("no base64!"), a_version("/w==")])
async def test_what_may_not_be_read_is_left_out(
    asking: tuple[RestStandIn, Means], answer: Json
) -> None:
    rest, ask = asking
    if answer is not None:
        rest.answers[f"/v1/{KEY}/versions/latest:access"] = answer

    assert await deployed_secrets({"GEMINI_API_KEY": KEY}, ask) == {}


async def test_without_credentials_nothing_is_read(
    asking: tuple[RestStandIn, Means], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest, ask = asking
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))

    assert await deployed_secrets({"GEMINI_API_KEY": KEY}, ask) == {}
    assert rest.asked == []
