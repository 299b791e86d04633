"""The REST services that Terraform's scripts talk to: Twilio's numbers, Firestore's rules."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from ringdown.tools import Json
from tests.http_server import Requests, serving

NUMBER_SID = "PN0123456789abcdef0123456789abcdef"


class LittleTwilio:
    """One account with one number; and the rules released for each database."""

    def __init__(self, account_sid: str, token: str, phone_number: str) -> None:
        credentials = base64.b64encode(f"{account_sid}:{token}".encode()).decode()
        self._authorization = f"Basic {credentials}"
        self._account_path = f"/2010-04-01/Accounts/{account_sid}"
        self.rulesets: list[Json] = []
        self.releases: dict[str, str] = {}
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
        }
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator[Self]:
        little = self

        class Asked(Requests):
            def do_GET(self) -> None:
                self._answer(*little.get(self.path, self.headers.get("Authorization")))

            def do_POST(self) -> None:
                authorization = self.headers.get("Authorization")
                self._answer(*little.post(self.path, authorization, self.body().decode()))

            def do_PATCH(self) -> None:
                self._answer(*little.patch(self.path, self.body().decode()))

            def _answer(self, status: int, document: Json) -> None:
                self.reply(status, json.dumps(document).encode())

        with serving(Asked) as self.url:
            yield self

    def get(self, path: str, authorization: str | None) -> tuple[int, Json]:
        if authorization != self._authorization:
            return 401, {"code": 20003}
        parts = urlsplit(path)
        asked = parse_qs(parts.query).get("PhoneNumber")
        if parts.path != f"{self._account_path}/IncomingPhoneNumbers.json":
            return 404, {}
        found = [self.number] if asked == [self.number["phone_number"]] else []
        return 200, {"incoming_phone_numbers": found}

    def post(self, path: str, authorization: str | None, body: str) -> tuple[int, Json]:
        if path.startswith("/v1/"):
            return self._rules(path, json.loads(body))
        if authorization != self._authorization:
            return 401, {"code": 20003}
        if path != f"{self._account_path}/IncomingPhoneNumbers/{NUMBER_SID}.json":
            return 404, {}
        names = {
            "VoiceUrl": "voice_url",
            "VoiceMethod": "voice_method",
            "VoiceApplicationSid": "voice_application_sid",
            "VoiceFallbackUrl": "voice_fallback_url",
            "VoiceFallbackMethod": "voice_fallback_method",
            "StatusCallback": "status_callback",
            "StatusCallbackMethod": "status_callback_method",
        }
        for name, (value,) in parse_qs(body, keep_blank_values=True, strict_parsing=True).items():
            self.number[names[name]] = value
        return 200, self.number

    def patch(self, path: str, body: str) -> tuple[int, Json]:
        name = unquote(path).removeprefix("/v1/")
        if name not in self.releases:
            return 404, {}
        self.releases[name] = json.loads(body)["release"]["rulesetName"]
        return 200, {}

    def _rules(self, path: str, document: Json) -> tuple[int, Json]:
        if path.endswith("/rulesets"):
            self.rulesets.append(document)
            return 200, {"name": f"{path.removeprefix('/v1/')}/{len(self.rulesets)}"}
        if path.endswith("/releases"):
            self.releases[document["name"]] = document["rulesetName"]
            return 200, document
        return 404, {}
