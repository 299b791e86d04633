"""Google's credentials, as Google's own library reads them from a key file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringdown.errors import NoCredentials
from ringdown.gemini.access_token import AccessToken
from tests.google_tokens import TokenServer, token_server

CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    with token_server() as server:
        monkeypatch.setenv(CREDENTIALS, str(server.key_file(tmp_path)))
        yield server


async def test_a_token_is_asked_for_once_while_it_is_good(tokens: TokenServer) -> None:
    token = AccessToken()

    assert [await token.get(), await token.get()] == ["stand-in-token"] * 2

    assert tokens.asked == ["/token"]


async def test_credentials_that_are_refused_say_so(tokens: TokenServer) -> None:
    tokens.refuses = True

    with pytest.raises(NoCredentials, match="forbidden"):
        await AccessToken().get()


async def test_a_key_file_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CREDENTIALS, str(tmp_path / "missing.json"))

    with pytest.raises(NoCredentials, match=r"missing\.json"):
        await AccessToken().get()
