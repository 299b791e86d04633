"""The tool as the platform loads it, and an endpoint that answers as Twilio does."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest

from ringdown import clock
from ringdown.calls.upload_link import verify
from ringdown.tools import Json, ToolCallContext, ToolRequest
from tests.functions.asking import asked
from tests.functions.http_stand_in import Asked, HttpStandIn, Reply, http_stand_in
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, WITHHELD

FOLDER = FUNCTIONS / "tools" / "ask_for_photo"
PAGE = "https://caller-page.example"
SECRET = "s" * 32
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåÄÖÑÜ§äöñüà !\"#%&'()*+,-./0123456789:;<=>?¡¿_"
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
"""The part of GSM 7-bit (3GPP TS 23.038) that texts may need."""


def accepts(_: Asked) -> Reply:
    return Reply(201, {"sid": "SM0123456789abcdef0123456789abcdef", "status": "queued"})


def refuses_landlines(_: Asked) -> Reply:
    return Reply(400, {"code": 21614, "message": "not a mobile number", "status": 400})


@pytest.fixture
def twilio() -> Iterator[HttpStandIn]:
    with http_stand_in(accepts) as twilio:
        yield twilio


@pytest.fixture
def environ(tmp_path: Path, twilio: HttpStandIn) -> dict[str, str]:
    return {
        "CALLER_PAGE_URL": PAGE,
        "STORE_URL": f"sqlite:{tmp_path / 'ringdown.db'}",
        "TWILIO_ACCOUNT_SID": "AC0123456789abcdef0123456789abcdef",
        "TWILIO_API_KEY": "SK0123456789abcdef0123456789abcdef:secret",
        "TWILIO_API_URL": twilio.url,
        "PHONE_NUMBERS": CALLED,
        "UPLOAD_LINK_SECRET": SECRET,
    }


@pytest.fixture
def function(environ: dict[str, str], restored_logging: None) -> Iterator[LoadedFunction]:
    with loaded_function("ask_for_photo", FOLDER, environ) as function:
        yield function


def ask(function: LoadedFunction, *, key: str = "1", caller: str = CALLER) -> dict[str, Json]:
    return asked(function, "ask_for_photo", {}, key=key, caller=caller)


def texts(twilio: HttpStandIn) -> list[dict[str, list[str]]]:
    return [parse_qs(request.body.decode()) for request in twilio.asked]


def test_the_caller_gets_a_link_for_this_call(
    function: LoadedFunction, twilio: HttpStandIn
) -> None:
    assert "on its way" in ask(function)["output"]["status"]

    (text,) = texts(twilio)
    assert (text["To"], text["From"]) == ([CALLER], [CALLED])
    words, _, token = text["Body"][0].rpartition(f"{PAGE}/")
    assert words == "Send your photo here while we talk: "
    assert verify((SECRET,), token, now_s=clock.now().timestamp()) == CALL_SID


def test_the_model_does_not_choose_who_gets_it(
    function: LoadedFunction, twilio: HttpStandIn
) -> None:
    asked(function, "ask_for_photo", {"to": "+19005550199", "number": "+19005550199"})
    assert [text["To"] for text in texts(twilio)] == [[CALLER]]


def test_the_link_is_neither_told_to_the_model_nor_logged(
    function: LoadedFunction, twilio: HttpStandIn
) -> None:
    answer = ask(function)
    assert PAGE not in str(answer)
    assert PAGE not in str(function.log())
    assert CALLER not in str(function.log())


@pytest.mark.parametrize("language", ["de-DE", "es-MX", "fr-FR", "it-IT", "nl-NL", "pt-BR", "fi"])
def test_a_text_is_in_the_agents_language_and_in_cheap_characters(
    function: LoadedFunction, twilio: HttpStandIn, language: str
) -> None:
    call = ToolCallContext(
        call_sid=CALL_SID, agent_id="default", caller=CALLER, called=CALLED, language=language
    )
    request = ToolRequest(call=call, name="ask_for_photo", args={}, idempotency_key=language)
    function.client.post("/", content=msgspec.json.encode(request))

    (text,) = texts(twilio)
    english = text["Body"][0].startswith("Send your photo here")
    assert english is (language == "fi")
    assert set(text["Body"][0]) <= GSM


def test_the_sender_comes_first(
    environ: dict[str, str], twilio: HttpStandIn, restored_logging: None
) -> None:
    with loaded_function("ask_for_photo", FOLDER, {**environ, "SENDER": "Harvest Box"}) as function:
        ask(function)
    assert texts(twilio)[0]["Body"][0].startswith("Harvest Box: Send your photo")


@pytest.mark.parametrize("caller", ["anonymous", "", "sip:desk@example.com", *WITHHELD])
def test_where_no_text_can_go_the_model_is_told_in_words(
    function: LoadedFunction, twilio: HttpStandIn, caller: str
) -> None:
    assert "none can be sent. Tell the caller." in ask(function, caller=caller)["error"]["message"]
    assert twilio.asked == []


def test_a_landline_is_told_in_words(function: LoadedFunction, twilio: HttpStandIn) -> None:
    twilio.answer = refuses_landlines
    assert "it is a landline. Tell the caller." in ask(function)["error"]["message"]


def test_without_a_credential_the_model_is_told_in_words(
    environ: dict[str, str], restored_logging: None
) -> None:
    del environ["TWILIO_API_KEY"]
    with loaded_function("ask_for_photo", FOLDER, environ) as function:
        assert ask(function)["error"]["message"] == "Texts cannot be sent here. Tell the caller."
        assert "set TWILIO_ACCOUNT_SID" in str(function.log())


def test_links_count_with_the_calls_other_texts(
    function: LoadedFunction, twilio: HttpStandIn
) -> None:
    answers = [ask(function, key=f"{n}") for n in (1, 2, 2, 3, 4)]
    assert ["output" in answer for answer in answers] == [True, True, True, True, False]
    assert "3 in a call" in answers[-1]["error"]["message"]
    assert len(twilio.asked) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"UPLOAD_LINK_SECRET": "short"}, "UPLOAD_LINK_SECRET is too short"),
        ({"CALLER_PAGE_URL": "http://page.example"}, "CALLER_PAGE_URL is"),
        ({"CALLER_PAGE_URL": ""}, "CALLER_PAGE_URL is not set"),
        ({"SENDER": "x" * 41}, "SENDER has 41 characters"),
    ],
)
def test_settings_that_are_wrong_are_told_at_the_start(
    environ: dict[str, str], change: dict[str, str], told: str, restored_logging: None
) -> None:
    with (
        pytest.raises(SystemExit, match=told),
        loaded_function("ask_for_photo", FOLDER, {**environ, **change}),
    ):
        pass
