"""What is read from Twilio's REST answers. Only Twilio's side is made up."""

import datetime
from collections.abc import Callable

import httpx2
import pytest

from devtools.conformance.outcomes import NotObserved, Observed, Outcome
from devtools.conformance.twilio import TWILIO
from devtools.conformance.twilio_account import CredentialsRefused, look_at_account

DAY = datetime.date(2026, 11, 21)
ANSWERS: dict[str, object] = {
    "/2010-04-01/Accounts/AC1.json": {"type": "Trial", "status": "active", "friendly_name": "Anna"},
    "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers.json": {
        "incoming_phone_numbers": [
            {
                "phone_number": "+14155550100",
                "voice_url": "https://webhook.example/",
                "voice_method": "POST",
                "status_callback": "https://webhook.example/status",
                "status_callback_method": "GET",
            },
            {"phone_number": "+14155550101", "voice_url": None, "status_callback": ""},
        ]
    },
    "/v1/Alerts": {
        "alerts": [{"error_code": "31951"}, {"error_code": "31951"}, {"error_code": "99999"}]
    },
}


async def look(handler: Callable[[httpx2.Request], httpx2.Response]) -> dict[str, Outcome]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http:
        return await look_at_account(http, "AC1", DAY)


async def test_an_account() -> None:
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200, json=ANSWERS[request.url.path])

    outcomes = await look(answer)

    assert outcomes == {
        "account-type": Observed({"type": "trial", "status": "active"}),
        "webhooks-by-post": Observed(
            {
                "numbers": "2",
                "voice webhooks by POST": "1 of 1",
                "status callbacks by POST": "0 of 1",
            }
        ),
        "alert-codes": Observed(
            {
                "codes of the last day": "31951 (2), 99999 (1)",
                "not known to our stand-in": "99999",
            }
        ),
    }
    assert outcomes.keys() <= {behaviour.id for behaviour in TWILIO}
    assert {request.method for request in requests} == {"GET"}
    assert requests[-1].url.params["StartDate"] == "2026-11-21"


async def test_an_account_without_trouble() -> None:
    outcomes = await look(
        lambda request: httpx2.Response(
            200, json={"alerts": [], "incoming_phone_numbers": [], "type": "Full", "status": "x"}
        )
    )

    assert outcomes["alert-codes"] == Observed(
        {"codes of the last day": "none", "not known to our stand-in": "none"}
    )


async def test_credentials_that_twilio_does_not_know() -> None:
    with pytest.raises(CredentialsRefused):
        await look(lambda request: httpx2.Response(401))


async def test_no_network() -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no route", request=request)

    assert set((await look(fail)).values()) == {NotObserved("cannot connect: ConnectError")}


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (httpx2.Response(503), "HTTP 503"),
        (httpx2.Response(200, text="no JSON"), "an answer of an unexpected shape"),
        (httpx2.Response(200, json={}), "an answer of an unexpected shape"),
    ],
)
async def test_an_answer_that_tells_nothing(response: httpx2.Response, why: str) -> None:
    outcome = (await look(lambda request: response))["alert-codes"]

    assert isinstance(outcome, NotObserved)
    assert outcome.why.startswith(why)
