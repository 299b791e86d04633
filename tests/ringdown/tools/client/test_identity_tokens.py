"""ID tokens are cached, renewed, and fetched with Google's own library."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ringdown.errors import NoCredentials
from ringdown.tools.identity_tokens import (
    IdentityToken,
    IdentityTokens,
    fetch_identity_token,
)
from tests.google_tokens import token_server

AUDIENCE = "https://lookup-account-123.us-central1.run.app"
LIFE_S = 3_600.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


class Issuer:
    """Issues numbered tokens that last an hour, or refuses to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.asked: list[str] = []
        self.refuses = False
        self.is_asked = asyncio.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._loop = asyncio.get_running_loop()

    def __call__(self, audience: str) -> IdentityToken:
        self.asked.append(audience)
        self._loop.call_soon_threadsafe(self.is_asked.set)
        assert self.may_answer.wait(10)
        if self.refuses:
            raise NoCredentials("the metadata server is down")
        return IdentityToken(f"token {len(self.asked)}", self._clock() + LIFE_S)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def issuer(clock: Clock) -> Issuer:
    return Issuer(clock)


@pytest.fixture
def tokens(clock: Clock, issuer: Issuer) -> IdentityTokens:
    return IdentityTokens(issuer, now_s=clock)


async def test_a_token_is_fetched_once_for_each_audience(
    tokens: IdentityTokens, issuer: Issuer
) -> None:
    given = [await tokens.get(audience) for audience in ("https://a", "https://b", "https://a")]

    assert given == ["token 1", "token 2", "token 1"]
    assert issuer.asked == ["https://a", "https://b"]


async def test_a_token_is_renewed_before_it_expires(
    tokens: IdentityTokens, issuer: Issuer, clock: Clock
) -> None:
    await tokens.get(AUDIENCE)

    clock.now_s += LIFE_S - 301
    assert await tokens.get(AUDIENCE) == "token 1"
    clock.now_s += 2
    assert await tokens.get(AUDIENCE) == "token 2"


async def test_while_google_is_away_the_old_token_is_used_as_long_as_it_is_good(
    tokens: IdentityTokens, issuer: Issuer, clock: Clock
) -> None:
    await tokens.get(AUDIENCE)
    issuer.refuses = True

    clock.now_s += LIFE_S - 60
    assert await tokens.get(AUDIENCE) == "token 1"
    clock.now_s += 55
    with pytest.raises(NoCredentials, match="metadata server is down"):
        await tokens.get(AUDIENCE)


async def test_a_token_that_was_refused_is_not_used_again(tokens: IdentityTokens) -> None:
    await tokens.get(AUDIENCE)

    tokens.refused(AUDIENCE)

    assert await tokens.get(AUDIENCE) == "token 2"


async def test_those_who_ask_together_cause_one_request_and_hold_up_nobody(
    tokens: IdentityTokens, issuer: Issuer
) -> None:
    issuer.may_answer.clear()
    asking = [asyncio.ensure_future(tokens.get(AUDIENCE)) for _ in range(3)]
    async with asyncio.timeout(5):
        await issuer.is_asked.wait()  # only if the loop isn't blocked meanwhile
        issuer.may_answer.set()
        given = await asyncio.gather(*asking)

    assert given == ["token 1"] * 3
    assert len(issuer.asked) == 1


# Fetching with Google's library


def test_a_service_accounts_key_file_gives_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with token_server() as google:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google.key_file(tmp_path)))

        token = fetch_identity_token(AUDIENCE)

    assert token.text.count(".") == 2
    assert token.expires_s > 0


@pytest.mark.parametrize("refuses", [False, True])
def test_the_metadata_server_gives_tokens_for_the_audience(refuses: bool) -> None:
    """Use a separate process, because Google's library looks for the server when imported."""
    program = (
        "import sys; from google.auth import jwt;"
        "from ringdown.errors import NoCredentials;"
        "from ringdown.tools.identity_tokens import fetch_identity_token\n"
        "try: token = fetch_identity_token(sys.argv[1])\n"
        "except NoCredentials as error: print('none:', error)\n"
        "else: print(jwt.decode(token.text, verify=False)['aud'], token.expires_s > 1e9)"
    )
    with token_server() as google:
        google.refuses = refuses
        done = subprocess.run(
            (sys.executable, "-c", program, AUDIENCE),
            env={**os.environ, **google.metadata_environ()},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )

    if refuses:
        assert done.stdout.startswith("none: ")
    else:
        assert done.stdout.split() == [AUDIENCE, "True"]


def test_a_metadata_server_that_makes_no_sense_is_no_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with token_server() as google:
        google.id_token = "no token at all"
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google.key_file(tmp_path)))

        with pytest.raises(NoCredentials):
            fetch_identity_token(AUDIENCE)


def test_a_machine_without_credentials_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))

    with pytest.raises(NoCredentials, match="GOOGLE_APPLICATION_CREDENTIALS"):
        fetch_identity_token(AUDIENCE)
