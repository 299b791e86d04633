"""The tool uses Twilio's own client, against an endpoint that answers as Twilio does."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from ringdown.stores import Store
from ringdown.tools import Json
from tests.functions.asking import asked, in_store
from tests.functions.http_stand_in import Asked, HttpStandIn, Reply, http_stand_in
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function
from tests.ringdown.samples import CALLED, CALLER, WITHHELD
from text_messages.templates import TextTemplate

FOLDER = FUNCTIONS / "tools" / "send_text_message"
ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
API_KEY = "SK0123456789abcdef0123456789abcdef:the-secret-of-the-key"
ANOTHER = "+14155550177"
TEXTS = {"delivery_day": "Your box comes on {day}.", "help_page": "See example.com/help."}
DAY: dict[str, Json] = {"template": "delivery_day", "values": {"day": "Thursday"}}


def accepts(_: Asked) -> Reply:
    return Reply(201, {"sid": "SM0123456789abcdef0123456789abcdef", "status": "queued"})


def refuses(status: int, code: int) -> Reply:
    return Reply(status, {"code": code, "message": f"refused for {CALLER}", "status": status})


async def seed(store: Store) -> None:
    for name, text in TEXTS.items():
        await store.documents.write(f"text_templates/{name}", TextTemplate(text=text))


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    url = f"sqlite:{tmp_path / 'ringdown.db'}"
    in_store(url, seed)
    return url


@pytest.fixture
def twilio() -> Iterator[HttpStandIn]:
    with http_stand_in(accepts) as twilio:
        yield twilio


@pytest.fixture
def environ(store_url: str, twilio: HttpStandIn) -> dict[str, str]:
    return {
        "STORE_URL": store_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_API_KEY": API_KEY,
        "TWILIO_API_URL": twilio.url,
        "PHONE_NUMBERS": f"{ANOTHER}, {CALLED}",
    }


@pytest.fixture
def function(environ: dict[str, str], restored_logging: None) -> Iterator[LoadedFunction]:
    with loaded_function("send_text_message", FOLDER, environ) as function:
        yield function


def send(
    function: LoadedFunction, args: dict[str, Json], *, key: str = "1", caller: str = CALLER
) -> dict[str, Json]:
    return asked(function, "send_text_message", args, key=key, caller=caller)


def test_the_text_goes_to_the_caller(function: LoadedFunction, twilio: HttpStandIn) -> None:
    assert send(function, DAY)["output"]["text"] == "Your box comes on Thursday."
    (request,) = twilio.asked
    assert (request.method, request.path) == (
        "POST",
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
    )
    assert parse_qs(request.body.decode()) == {
        "To": [CALLER],
        "From": [CALLED],
        "Body": ["Your box comes on Thursday."],
    }
    credentials = base64.b64encode(API_KEY.encode()).decode()
    assert request.headers["authorization"] == f"Basic {credentials}"


def test_a_call_to_a_number_that_is_not_the_accounts_gets_texts_from_its_first(
    environ: dict[str, str], twilio: HttpStandIn, restored_logging: None
) -> None:
    given = {**environ, "PHONE_NUMBERS": ANOTHER}
    with loaded_function("send_text_message", FOLDER, given) as function:
        send(function, DAY)

    assert parse_qs(twilio.asked[0].body.decode())["From"] == [ANOTHER]


def test_a_text_without_placeholders_needs_no_values(function: LoadedFunction) -> None:
    assert "output" in send(function, {"template": "help_page"})


@pytest.mark.parametrize("name", ["to", "number", "from"])
def test_the_model_cannot_name_a_number(
    function: LoadedFunction, twilio: HttpStandIn, name: str
) -> None:
    assert name in send(function, {**DAY, name: "+14155550199"})["error"]["message"]
    assert twilio.asked == []


def test_one_key_twice_is_one_text(function: LoadedFunction, twilio: HttpStandIn) -> None:
    assert send(function, DAY) == send(function, DAY)
    assert len(twilio.asked) == 1
    send(function, DAY, key="2")
    assert len(twilio.asked) == 2


def test_a_call_gets_three_texts(function: LoadedFunction, twilio: HttpStandIn) -> None:
    """The caller may have spoofed the number, and may have talked the model into it."""
    answers = [send(function, DAY, key=f"{n}") for n in (1, 2, 2, 3, 4)]
    assert ["output" in answer for answer in answers] == [True, True, True, True, False]
    assert "3 in a call" in answers[-1]["error"]["message"]
    assert len(twilio.asked) == 3
    assert "too many texts to one number" in function.messages()


@pytest.mark.parametrize("caller", ["anonymous", "", "sip:desk@example.com", *WITHHELD])
def test_a_withheld_number_gets_no_text(
    function: LoadedFunction, twilio: HttpStandIn, caller: str
) -> None:
    assert "withheld" in send(function, DAY, caller=caller)["error"]["message"]
    assert twilio.asked == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"template": "no_such"}, "Texts: delivery_day, help_page."),
        ({"template": "delivery_day"}, "needs a value for day"),
        ({"template": "delivery_day", "values": {"day": " "}}, "needs a value for day"),
        ({"template": "help_page", "values": {"day": "Monday"}}, "has no placeholder 'day'"),
        ({"template": "delivery_day", "values": {"day": "x" * 101}}, "longer than 100"),
        ({"template": "delivery_day", "values": {"day": "https://evil.example"}}, "without a link"),
        ({"template": "delivery_day", "values": {"day": "www.evil.example"}}, "without a link"),
        ({"template": "delivery_day", "values": {"day": "<b>Monday</b>"}}, "plain words"),
        ({"template": "delivery_day", "values": {"day": "a\nb"}}, "on one line"),
        ({"template": "delivery_day", "values": {"day": 7}}, "values"),
        ({"template": "../delivery_day"}, "There is no text of this name"),
        ({}, "template"),
    ],
)
def test_what_cannot_be_sent_is_explained(
    function: LoadedFunction, twilio: HttpStandIn, args: dict[str, Json], said: str
) -> None:
    assert said in send(function, args)["error"]["message"]
    assert twilio.asked == []


@pytest.mark.parametrize(
    ("status", "code", "said", "logged"),
    [
        (400, 21610, "opted out", "Twilio refused the text"),
        (400, 21614, "landline", "Twilio refused the text"),
        (401, 20003, "cannot be sent at the moment", "isn't a key of"),
        (400, 21408, "cannot be sent at the moment", "Geo permissions"),
        (400, 30034, "cannot be sent at the moment", "A2P 10DLC"),
        (404, 99999, "cannot be sent at the moment", "docs/api/errors"),
    ],
)
def test_a_refusal_is_worded_for_the_caller_and_for_operators(
    function: LoadedFunction, twilio: HttpStandIn, status: int, code: int, said: str, logged: str
) -> None:
    twilio.answer = lambda _: refuses(status, code)
    error = send(function, DAY)["error"]
    assert said in error["message"]
    assert error["retryable"] is False
    assert logged in str(function.log())
    assert CALLER not in str(function.log())


def test_what_may_pass_can_be_tried_again(function: LoadedFunction, twilio: HttpStandIn) -> None:
    twilio.answer = lambda _: refuses(429, 20429)
    assert send(function, DAY)["error"]["retryable"] is True
    twilio.answer = accepts
    assert "output" in send(function, DAY), "the same key must be usable again"


def test_without_an_account_nothing_is_sent_and_operators_are_told(
    environ: dict[str, str], restored_logging: None
) -> None:
    del environ["TWILIO_ACCOUNT_SID"]
    with loaded_function("send_text_message", FOLDER, environ) as function:
        assert "cannot be sent here" in send(function, DAY)["error"]["message"]
        assert "set TWILIO_ACCOUNT_SID" in str(function.log())


@pytest.mark.parametrize("key", ["the auth token of the account", "SK4711", API_KEY.split(":")[0]])
def test_a_key_that_is_none_is_told_at_the_start(
    environ: dict[str, str], key: str, restored_logging: None
) -> None:
    environ["TWILIO_API_KEY"] = key
    with (
        pytest.raises(SystemExit, match="TWILIO_API_KEY is") as told,
        loaded_function("send_text_message", FOLDER, environ),
    ):
        pass
    assert key not in str(told.value)


def test_neither_the_text_nor_a_number_is_logged(function: LoadedFunction) -> None:
    send(function, DAY)
    assert "Thursday" not in str(function.log())
    assert CALLER not in str(function.log())


def test_firestore_holds_the_same_texts_and_counts_them(
    environ: dict[str, str],
    twilio: HttpStandIn,
    firestore_project: str,
    emulator_host: str,
    restored_logging: None,
) -> None:
    url = f"firestore:{firestore_project}"
    in_store(url, seed)
    environ |= {"STORE_URL": url, "FIRESTORE_EMULATOR_HOST": emulator_host}
    with loaded_function("send_text_message", FOLDER, environ) as function:
        answers = [send(function, DAY, key=f"{n}") for n in (1, 1, 2, 3, 4)]
    assert [answer.get("output", {}).get("text") for answer in answers] == [
        *["Your box comes on Thursday."] * 4,
        None,
    ]
    assert len(twilio.asked) == 3
