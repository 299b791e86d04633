"""The REST services that Terraform's scripts talk to: Twilio's and Google's."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from ringdown.tools import Json
from tests.http_server import Requests, serving
from tests.terraform.little_google import LittleGoogle, Reply

DOMAINS = {
    "au1": "sydney.au1.twilio.com",
    "ie1": "dublin.ie1.twilio.com",
    "us1": "twilio.com",
}
"""https://www.twilio.com/docs/global-infrastructure/using-the-twilio-rest-api-in-a-non-us-region"""
_NAMES = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceApplicationSid": "voice_application_sid",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
}


class LittleAccount:
    """An account in one Twilio region, with one or more numbers."""

    def __init__(
        self, account_sid: str, token: str, *phone_numbers: str, region: str = "us1"
    ) -> None:
        credentials = base64.b64encode(f"{account_sid}:{token}".encode()).decode()
        self._authorization = f"Basic {credentials}"
        self._api = f"/api.{DOMAINS[region]}/2010-04-01/Accounts/{account_sid}"
        self._routes = f"/routes.{DOMAINS[region]}/v2/PhoneNumbers/"
        self.numbers = [_a_number(number) for number in phone_numbers]
        self.changes: list[tuple[str, str]] = []
        """The numbers that were set, and their URLs, in order."""
        self.routed: dict[str, str] | None = {}
        """The region that each number was routed to, if any; None if the API fails."""
        if region != "us1":
            self.routed = dict.fromkeys(phone_numbers, region)
        self.about: dict[str, Json] = {"status": "active", "type": "Full"}

    @property
    def number(self) -> dict[str, Json]:
        """The first number."""
        return self.numbers[0]

    @property
    def voice_urls(self) -> list[str]:
        """Every URL that a number was set to, in order."""
        return [url for _, url in self.changes]

    def has(self, path: str, authorization: str | None) -> bool:
        """Whether a request is for this account in this region, and authorised."""
        ours = path.startswith((f"{self._api}/", f"{self._api}.", self._routes))
        return ours and authorization == self._authorization

    def answer(self, method: str, path: str, body: str) -> Reply:
        parts = urlsplit(path)
        if parts.path.startswith(self._routes):
            if self.routed is None:
                return 503, {}
            region = self.routed.get(unquote(parts.path.removeprefix(self._routes)))
            return (200, {"voice_region": region}) if region else (404, {})
        if method == "GET" and parts.path == f"{self._api}.json":
            return 200, self.about
        if method == "GET" and parts.path == f"{self._api}/IncomingPhoneNumbers.json":
            asked = parse_qs(parts.query).get("PhoneNumber")
            found = [n for n in self.numbers if asked is None or asked == [n["phone_number"]]]
            return 200, {"incoming_phone_numbers": found}
        for number in self.numbers:
            path = f"{self._api}/IncomingPhoneNumbers/{number['sid']}.json"
            if (method, parts.path) == ("POST", path):
                given = parse_qs(body, keep_blank_values=True, strict_parsing=True)
                for name, (value,) in given.items():
                    number[_NAMES[name]] = value
                self.changes.append((number["phone_number"], number["voice_url"]))
                return 200, number
        return 404, {}


def _a_number(phone_number: str) -> dict[str, Json]:
    return {
        "sid": f"PN{phone_number.removeprefix('+'):0>32}",
        "phone_number": phone_number,
        "voice_url": "https://before.example/voice",
        "voice_method": "GET",
        "voice_application_sid": "AP0123456789abcdef0123456789abcdef",
        "voice_fallback_url": None,
        "voice_fallback_method": "POST",
        "status_callback": None,
        "status_callback_method": "POST",
        "trunk_sid": None,
        "capabilities": {"voice": True},
    }


class LittleTwilio:
    """One account in one region; others can be added. `url_pattern` has the URLs of its hosts."""

    def __init__(self, account_sid: str, token: str, *phone_numbers: str) -> None:
        self.google = LittleGoogle()
        self.account = LittleAccount(account_sid, token, *phone_numbers)
        self.accounts = [self.account]
        self.url = ""

    @property
    def url_pattern(self) -> str:
        return f"{self.url}/{{host}}"

    @property
    def number(self) -> dict[str, Json]:
        return self.account.number

    @contextmanager
    def serving(self) -> Iterator[Self]:
        little = self

        class Asked(Requests):
            def do_GET(self) -> None:
                self._answer("GET")

            def do_POST(self) -> None:
                self._answer("POST")

            def do_PATCH(self) -> None:
                self._answer("PATCH")

            def _answer(self, method: str) -> None:
                authorization = self.headers.get("Authorization")
                status, document = little.answer(
                    method, self.path, authorization, self.body().decode()
                )
                self.reply(status, json.dumps(document).encode())

        with serving(Asked) as self.url:
            yield self

    def answer(self, method: str, path: str, authorization: str | None, body: str) -> Reply:
        if path.startswith("/v1/"):
            return self.google.answer(method, path, body)
        for account in self.accounts:
            if account.has(path, authorization):
                return account.answer(method, path, body)
        return 401, {"code": 20003}
