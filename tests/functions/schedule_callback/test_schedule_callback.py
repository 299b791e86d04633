"""The tool as the platform loads it, with stand-ins for Pub/Sub, Twilio and Google's tokens."""

import base64
import datetime
import json
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest

from callback_scheduling.callbacks import Callback
from ringdown.stores import Store
from ringdown.tools import Json
from tests.functions.asking import asked, in_store
from tests.functions.http_stand_in import Asked, HttpStandIn, Reply, http_stand_in
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function
from tests.functions.schedule_callback.kept import kept_callbacks
from tests.google_tokens import TokenServer, token_server
from tests.ringdown.samples import CALLED, CALLER, WITHHELD, an_agent
from tests.ringdown.seeding import write_agent

FOLDER = FUNCTIONS / "tools" / "schedule_callback"
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
TOPIC, STAFF = "projects/ringdown-test/topics/callbacks", "+14155550177"


def in_days(days: int, clock: str) -> str:
    day = datetime.datetime.now(BERLIN).date() + datetime.timedelta(days=days)
    return f"{day.isoformat()}T{clock}"


async def seed(store: Store) -> None:
    week = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    agent = msgspec.to_builtins(an_agent())
    hours = dict.fromkeys(week, "09:00-17:00")
    await write_agent(
        store, "default", {**agent, "time_zone": "Europe/Berlin", "opening_hours": hours}
    )


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    url = f"sqlite:{tmp_path / 'ringdown.db'}"
    in_store(url, seed)
    return url


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with token_server() as tokens:
        yield tokens


def takes_all(request: Asked) -> Reply:
    return Reply(201 if "Messages" in request.path else 200, {"messageIds": ["1"], "sid": "SM1"})


@pytest.fixture
def peer() -> Iterator[HttpStandIn]:
    """Pub/Sub and Twilio in one server."""
    with http_stand_in(takes_all) as peer:
        yield peer


@pytest.fixture
def environ(
    store_url: str, peer: HttpStandIn, tokens: TokenServer, tmp_path: Path
) -> dict[str, str]:
    return {
        "STORE_URL": store_url,
        "CALLBACK_TOPIC": TOPIC,
        "PUBSUB_URL": peer.url,
        "GOOGLE_APPLICATION_CREDENTIALS": str(tokens.key_file(tmp_path)),
    }


@pytest.fixture
def function(environ: dict[str, str], restored_logging: None) -> Iterator[LoadedFunction]:
    with loaded_function("schedule_callback", FOLDER, environ) as function:
        yield function


def schedule(
    function: LoadedFunction, at: str, *, key: str = "1", topic: str = "a late box", **more: Json
) -> dict[str, Json]:
    caller = more.pop("caller", CALLER)
    return asked(
        function,
        "schedule_callback",
        {"at": at, "topic": topic, **more},
        key=key,
        caller=caller,
    )


def kept(store_url: str) -> list[Callback]:
    found: list[Callback] = []

    async def read(store: Store) -> None:
        found.extend(await kept_callbacks(store))

    in_store(store_url, read)
    return found


def test_the_time_is_kept_spoken_and_told_to_staff(
    function: LoadedFunction, store_url: str, peer: HttpStandIn
) -> None:
    at = in_days(3, "15:00")
    spoken = schedule(function, at)["output"]["time"]
    assert spoken.endswith(", at 3 PM")

    (callback,) = kept(store_url)
    assert callback.at == datetime.datetime.fromisoformat(at).replace(tzinfo=BERLIN)
    assert (callback.caller, callback.topic) == (CALLER, "a late box")
    (published,) = peer.asked
    assert published.path == f"/v1/{TOPIC}:publish"
    assert published.headers["authorization"] == "Bearer stand-in-token"
    (message,) = published.json()["messages"]
    told = json.loads(base64.b64decode(message["data"]))
    assert (told["caller"], told["topic"], told["spoken"]) == (CALLER, "a late box", spoken)


def test_staff_get_a_text_if_they_want_one(
    environ: dict[str, str], peer: HttpStandIn, restored_logging: None
) -> None:
    environ |= {
        "STAFF_NUMBER": STAFF,
        "TWILIO_ACCOUNT_SID": "AC0123456789abcdef0123456789abcdef",
        "TWILIO_API_KEY": "SK0123456789abcdef0123456789abcdef:the-secret-of-the-key",
        "TWILIO_API_URL": peer.url,
        "PHONE_NUMBERS": CALLED,
    }
    with loaded_function("schedule_callback", FOLDER, environ) as function:
        spoken = schedule(function, in_days(3, "15:00"))["output"]["time"]
    (text,) = (parse_qs(a.body.decode()) for a in peer.asked if "Messages" in a.path)
    assert text["To"] == [STAFF]
    assert text["Body"] == [f"Call back {CALLER} on {spoken}: a late box"]


def test_asked_twice_it_is_one_callback_and_staff_are_told_once(
    function: LoadedFunction, store_url: str, peer: HttpStandIn
) -> None:
    at = in_days(3, "10:15")
    first = schedule(function, at)
    assert schedule(function, at) == first  # the same request again
    assert schedule(function, at, key="2") == first  # the model asked again
    assert len(kept(store_url)) == len(peer.asked) == 1


def test_firestore_keeps_the_same_callbacks(
    environ: dict[str, str],
    peer: HttpStandIn,
    firestore_project: str,
    emulator_host: str,
    restored_logging: None,
) -> None:
    url, at = f"firestore:{firestore_project}", in_days(3, "15:00")
    in_store(url, seed)
    environ |= {"STORE_URL": url, "FIRESTORE_EMULATOR_HOST": emulator_host}
    with loaded_function("schedule_callback", FOLDER, environ) as function:
        answers = [schedule(function, at, key=key) for key in ("1", "1", "2")]
        shut = schedule(function, in_days(3, "20:00"), key="3")
    assert answers[0]["output"]["time"].endswith(", at 3 PM")
    assert answers == [answers[0]] * 3
    assert "Nobody is there" in shut["error"]["message"]
    assert len(kept(url)) == len(peer.asked) == 1


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ((3, "20:00"), "Nobody is there"),
        ((3, "08:59"), "Nobody is there"),
        ((3, "17:00"), "at 9 AM. Offer it"),
        ((-1, "12:00"), "too soon"),
        ((40, "12:00"), "more than 30 days"),
        ("tomorrow at three", "YYYY-MM-DDTHH:MM"),
        ("2026-13-45T99:00", "YYYY-MM-DDTHH:MM"),
        ("'; DROP TABLE documents; --", "YYYY-MM-DDTHH:MM"),
        ("0001-01-01T00:00", "YYYY-MM-DDTHH:MM"),
        ("9999-12-31T23:59", "more than 30 days"),
        ("x" * 41, "at"),
    ],
)
def test_a_time_that_does_not_do_is_explained(
    function: LoadedFunction, store_url: str, at: str | tuple[int, str], said: str
) -> None:
    text = at if isinstance(at, str) else in_days(*at)
    assert said in schedule(function, text)["error"]["message"]
    assert kept(store_url) == []


@pytest.mark.parametrize("caller", ["anonymous", "sip:desk@example.com", *WITHHELD])
def test_who_has_no_number_cannot_be_called_back(
    function: LoadedFunction, store_url: str, caller: str
) -> None:
    answer = schedule(function, in_days(3, "12:00"), caller=caller)
    assert "withheld" in answer["error"]["message"]
    assert kept(store_url) == []


def test_the_model_cannot_name_a_number(function: LoadedFunction, store_url: str) -> None:
    answer = schedule(function, in_days(3, "12:00"), number="+14155550199")
    assert "number" in answer["error"]["message"]
    assert kept(store_url) == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_staff_who_cannot_be_told_are_no_reason_to_disappoint_the_caller(
    function: LoadedFunction, store_url: str, peer: HttpStandIn, status: int
) -> None:
    peer.answer = lambda _: Reply(status, {"error": {"message": "refused"}})
    assert "output" in schedule(function, in_days(3, "12:00"))
    assert len(kept(store_url)) == 1
    assert "callback is not published" in function.messages()


def test_without_credentials_the_callback_is_kept_all_the_same(
    function: LoadedFunction, store_url: str, tokens: TokenServer
) -> None:
    tokens.refuses = True
    assert "output" in schedule(function, in_days(3, "12:00"))
    assert len(kept(store_url)) == 1
    assert "callback is not published" in function.messages()


def test_nothing_that_was_said_is_logged(function: LoadedFunction, peer: HttpStandIn) -> None:
    peer.answer = lambda _: Reply(500, {})
    schedule(function, in_days(3, "12:00"), topic="my rash")
    assert "rash" not in str(function.log())
    assert CALLER not in str(function.log())


def test_a_staff_number_that_cannot_be_texted_is_told_at_the_start(
    environ: dict[str, str], restored_logging: None
) -> None:
    environ["STAFF_NUMBER"] = STAFF
    with (
        pytest.raises(SystemExit, match="STAFF_NUMBER is set, but"),
        loaded_function("schedule_callback", FOLDER, environ),
    ):
        pass
