"""The REST services that Terraform's scripts talk to: Twilio's and Google's beside them."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import parse_qs, urlsplit

from ringdown.tools import Json
from tests.http_server import Requests, serving
from tests.terraform.little_google import LittleGoogle, Reply

NUMBER_SID = "PN0123456789abcdef0123456789abcdef"
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
    """An account with one number, which can be released."""

    def __init__(self, account_sid: str, token: str, phone_number: str) -> None:
        credentials = base64.b64encode(f"{account_sid}:{token}".encode()).decode()
        self._authorization = f"Basic {credentials}"
        self.path = f"/2010-04-01/Accounts/{account_sid}"
        self.released = False
        self.voice_urls: list[str] = []
        """Every address that the number was set to, in order."""
        self.number: dict[str, Json] = {
            "sid": NUMBER_SID,
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
        self.others: list[dict[str, Json]] = []
        """More numbers, which nothing here changes."""
        self.about: dict[str, Json] = {"status": "active", "type": "Full"}

    def answer(self, method: str, path: str, authorization: str | None, body: str) -> Reply:
        if authorization != self._authorization:
            return 401, {"code": 20003}
        parts = urlsplit(path)
        if method == "GET" and parts.path == f"{self.path}.json":
            return 200, self.about
        if method == "GET" and parts.path == f"{self.path}/IncomingPhoneNumbers.json":
            asked = parse_qs(parts.query).get("PhoneNumber")
            if asked is None:
                return 200, {"incoming_phone_numbers": [self.number, *self.others]}
            is_it = asked == [self.number["phone_number"]] and not self.released
            return 200, {"incoming_phone_numbers": [self.number] if is_it else []}
        if method == "POST" and parts.path == f"{self.path}/IncomingPhoneNumbers/{NUMBER_SID}.json":
            given = parse_qs(body, keep_blank_values=True, strict_parsing=True)
            for name, (value,) in given.items():
                self.number[_NAMES[name]] = value
            self.voice_urls.append(self.number["voice_url"])
            return 200, self.number
        return 404, {}


class LittleTwilio:
    """One account, to which others can be added."""

    def __init__(self, account_sid: str, token: str, phone_number: str) -> None:
        self.google = LittleGoogle()
        self.account = LittleAccount(account_sid, token, phone_number)
        self.accounts = [self.account]
        self.url = ""

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
            if path.startswith(account.path):
                return account.answer(method, path, authorization, body)
        return 401, {"code": 20003}
