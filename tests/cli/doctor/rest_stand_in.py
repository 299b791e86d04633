"""The REST APIs that the doctor uses, on this machine: Twilio's and Google's billing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from ringdown.tools import Json
from ringdown_cli.doctor.asking import Peers, basic
from tests.http_server import Requests, serving

ACCOUNT_SID = "AC" + "1" * 32
SERVICE = "MG" + "2" * 32
ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"


@dataclass(slots=True)
class RestStandIn:
    """`answers` are by path; other paths are 404. Twilio's paths need the account's credentials."""

    auth_token: str
    url: str = ""
    answers: dict[str, Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    """The requested paths of Twilio."""

    @property
    def peers(self) -> Peers:
        url = self.url
        return Peers(twilio=f"{url}/{{host}}", billing=url, secrets=url)

    def answer(self, path: str, authorization: str) -> tuple[int, Json]:
        self.asked.append(path)
        path = unquote(path.partition("?")[0])
        host, _, rest = path.removeprefix("/").partition("/")
        if host.endswith(".twilio.com"):
            self.hosts.add(host)
            path = f"/{rest}"
        ours = basic(ACCOUNT_SID, self.auth_token)["Authorization"]
        if authorization not in (ours, "Bearer stand-in-token"):
            return 401, {"code": 20003, "message": "Authenticate"}
        if path not in self.answers:
            return 404, {"code": 20404, "message": "not found"}
        return 200, self.answers[path]


def a_number(webhook_url: str, **changes: Json) -> dict[str, Json]:
    """A number that is set correctly."""
    return {
        "sid": "PN" + "3" * 32,
        "phone_number": "+14155550100",
        "voice_url": f"{webhook_url}/",
        "voice_method": "POST",
        "voice_fallback_url": f"{webhook_url}/fallback",
        "status_callback": f"{webhook_url}/status",
        "status_callback_method": "POST",
        "voice_application_sid": "",
        "trunk_sid": None,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        **changes,
    }


def in_order(webhook_url: str, project: str) -> dict[str, Json]:
    """The APIs' answers when all is well."""
    return {
        f"{ACCOUNT}.json": {"sid": ACCOUNT_SID, "type": "Full", "status": "active"},
        f"{ACCOUNT}/IncomingPhoneNumbers.json": {"incoming_phone_numbers": [a_number(webhook_url)]},
        "/v1/Services": {"services": [{"sid": SERVICE}]},
        f"/v1/Services/{SERVICE}/PhoneNumbers": {
            "phone_numbers": [{"phone_number": "+14155550100"}]
        },
        f"/v1/Services/{SERVICE}/Compliance/Usa2p": {
            "compliance": [{"campaign_status": "VERIFIED"}]
        },
        f"/v1/projects/{project}/billingInfo": {"billingEnabled": True},
    }


@contextmanager
def rest_stand_in(auth_token: str) -> Iterator[RestStandIn]:
    stand_in = RestStandIn(auth_token)

    class Asked(Requests):
        def do_GET(self) -> None:
            status, content = stand_in.answer(self.path, self.headers.get("Authorization", ""))
            body = json.dumps(content).encode()
            self.reply(status, body, {"Content-Type": "application/json"})

    with serving(Asked) as stand_in.url:
        yield stand_in
