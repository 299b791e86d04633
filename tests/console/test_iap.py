"""Who is let in: people that Google's proxy vouches for and settings/people lists."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from console.iap import HEADER, ISSUER, IapDoorkeeper, Keys
from console.people import PEOPLE, People
from ringdown.stores import Store, open_store
from tests.console.site import OURS, Site, running_site
from tests.http_server import Requests, serving

AUDIENCE = "/projects/123456/locations/europe-west3/services/ringdown-console"
ANNA, VERA = "anna@example.com", "vera@example.com"
PLAIN = {"X-Goog-Authenticated-User-Email": f"accounts.google.com:{ANNA}"}
KEY = ec.generate_private_key(ec.SECP256R1())
NEW_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


@dataclass(slots=True)
class KeyServer:
    """Serves the proxy's public keys, as Google does."""

    url: str = ""
    keys: dict[str, str] = field(default_factory=lambda: {"key-1": pem(KEY)})
    status: int = 200
    asked: int = 0


@contextmanager
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()

    class Asked(Requests):
        def do_GET(self) -> None:
            server.asked += 1
            self.reply(server.status, json.dumps(server.keys).encode())

    with serving(Asked) as url:
        server.url = url
        yield server


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def token(
    *,
    email: str = ANNA,
    key: ec.EllipticCurvePrivateKey = KEY,
    key_id: str = "key-1",
    audience: str = AUDIENCE,
    issuer: str = ISSUER,
    lasts_s: float = 600,
) -> str:
    now = time.time()
    claims = {
        "iss": issuer,
        "aud": audience,
        "email": email,
        "iat": int(now + min(0, lasts_s) - 60),
        "exp": int(now + lasts_s),
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": key_id})


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store:
        await store.documents.write(PEOPLE, People(roles={ANNA: "editor", VERA: "viewer"}))
        yield store


@pytest.fixture
async def site(store: Store, keys: KeyServer, clock: Clock) -> AsyncIterator[Site]:
    doorkeeper = IapDoorkeeper(Keys(keys.url, monotonic=clock), AUDIENCE, store.documents)
    async with running_site(store, doorkeeper=doorkeeper) as site:
        yield site


async def status(site: Site, given: str, **headers: str) -> int:
    response = await site.client.get("/calls", headers={HEADER: given, **headers})
    return response.status_code


async def test_whom_the_proxy_vouches_for_comes_in(site: Site) -> None:
    response = await site.client.get("/calls", headers={HEADER: token()})

    assert response.status_code == 200
    assert ANNA in response.text


async def test_the_address_may_be_written_in_large_letters(site: Site) -> None:
    assert await status(site, token(email="Anna@Example.com")) == 200


async def test_without_the_signed_header_nobody_comes_in(site: Site) -> None:
    response = await site.client.get("/calls", headers=PLAIN)

    assert response.status_code == 401
    assert "Identity-Aware Proxy" in response.text


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda: token(key=NEW_KEY), id="signed with another key"),
        pytest.param(lambda: token(lasts_s=-120), id="expired"),
        pytest.param(lambda: token(audience=AUDIENCE + "-2"), id="for another service"),
        pytest.param(lambda: token(issuer="https://accounts.google.com"), id="another issuer"),
        pytest.param(lambda: token(email=""), id="nobody"),
        pytest.param(lambda: token()[:-4] + "AAAA", id="signature changed"),
        pytest.param(lambda: unsigned(), id="not signed"),
        pytest.param(lambda: signed_with_rsa(), id="RS256"),
        pytest.param(lambda: signed_with_the_public_key(), id="HS256 with the public key"),
        pytest.param(lambda: token().partition(".")[0], id="half a token"),
        pytest.param(lambda: "a.b.c", id="no token"),
        pytest.param(lambda: "bnVsbA.bnVsbA.bnVsbA", id="null"),
        pytest.param(lambda: "", id="empty"),
    ],
)
async def test_a_forged_or_expired_header_lets_nobody_in(
    site: Site, forged: Callable[[], str]
) -> None:
    assert await status(site, forged(), **PLAIN) == 401


async def test_another_audience_is_named_with_what_to_do(site: Site) -> None:
    other = AUDIENCE.replace("ringdown-console", "another")
    response = await site.client.get("/calls", headers={HEADER: token(audience=other)})

    assert response.status_code == 401
    assert f"was made for {other}, but the console expects {AUDIENCE}" in response.text
    assert "set IAP_AUDIENCE" in response.text


async def test_an_audience_is_believed_only_if_it_is_signed(site: Site) -> None:
    forged = token(audience="anything", key=NEW_KEY)
    response = await site.client.get("/calls", headers={HEADER: forged})

    assert response.status_code == 401
    assert "anything" not in response.text


def unsigned() -> str:
    header, claims = {"alg": "none", "kid": "key-1"}, token().split(".")[1]
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return f"{encoded}.{claims}."


def signed_with_rsa() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    claims = jwt.decode(token(), options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "key-1"})


def signed_with_the_public_key() -> str:
    """A token that fools a careless check that uses the public key as a shared secret."""
    claims = token().split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"key-1"}').decode().rstrip("=")
    digest = hmac.new(pem(KEY).encode(), f"{header}.{claims}".encode(), hashlib.sha256).digest()
    return f"{header}.{claims}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


async def test_two_headers_are_one_too_many(site: Site) -> None:
    headers = [(HEADER, token()), (HEADER, token(email=VERA))]

    assert (await site.client.get("/calls", headers=headers)).status_code == 401


async def test_who_is_not_among_the_people_is_told_what_to_do(site: Site) -> None:
    response = await site.client.get("/calls", headers={HEADER: token(email="eve@example.com")})

    assert response.status_code == 403
    assert "have access to this console. Ask an editor" in response.text
    assert PEOPLE in response.text


async def test_who_is_taken_out_is_out_at_once(site: Site) -> None:
    assert await status(site, token()) == 200
    await site.store.documents.write(PEOPLE, People(roles={VERA: "viewer"}))

    assert await status(site, token()) == 403


async def test_people_that_cannot_be_read_let_nobody_in(site: Site) -> None:
    await site.store.documents.write(PEOPLE, {"roles": {ANNA: "king"}})
    response = await site.client.get("/calls", headers={HEADER: token()})

    assert response.status_code == 500
    assert "settings/people: roles" in response.text


async def test_a_viewer_sees_and_changes_nothing(site: Site) -> None:
    seen = await site.client.get("/callers", headers={HEADER: token(email=VERA)})
    body = {"number": "+14155550123"}
    refused = await site.post("/callers/block", body, {**OURS, HEADER: token(email=VERA)})
    allowed = await site.post("/callers/block", body, {**OURS, HEADER: token()})

    assert seen.status_code == 200
    assert "formaction" not in seen.text
    assert refused.status_code == 403
    assert "Ask an editor" in refused.text
    assert allowed.status_code == 303


async def test_a_viewer_may_search(site: Site) -> None:
    headers = {**OURS, HEADER: token(email=VERA)}

    assert (await site.post("/calls/search", {"text": "0123"}, headers)).status_code == 303


async def test_keys_are_fetched_once_and_again_for_a_new_one(
    site: Site, keys: KeyServer, clock: Clock
) -> None:
    assert await status(site, token()) == 200
    assert await status(site, token()) == 200
    keys.keys["key-2"] = pem(NEW_KEY)
    clock.now_s += 61

    assert await status(site, token(key=NEW_KEY, key_id="key-2")) == 200
    assert keys.asked == 2


async def test_keys_that_nobody_knows_do_not_make_us_ask_and_ask(
    site: Site, keys: KeyServer
) -> None:
    for n in range(5):
        assert await status(site, token(key=NEW_KEY, key_id=f"made-up-{n}")) == 401

    assert keys.asked == 1


async def test_keys_that_do_not_come_are_not_the_person_s_fault(
    site: Site, keys: KeyServer
) -> None:
    keys.status = 500
    assert await status(site, token()) == 503
    keys.status = 200

    assert await status(site, token()) == 200


async def test_whether_it_is_up_may_be_asked_by_anybody(site: Site) -> None:
    assert (await site.get("/ready")).status_code == 200
