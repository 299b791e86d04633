"""The REST services that Terraform's scripts talk to: Twilio's numbers, Firestore's rules."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from ringdown.tools import Json

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
        little = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*little.get(self.path, self.headers.get("Authorization")))

            def do_POST(self) -> None:
                authorization = self.headers.get("Authorization")
                self._answer(*little.post(self.path, authorization, self._body()))

            def do_PATCH(self) -> None:
                self._answer(*little.patch(self.path, self._body()))

            def _body(self) -> str:
                return self.rfile.read(int(self.headers["Content-Length"])).decode()

            def _answer(self, status: int, document: Json) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing is said while tests run."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def kept(self) -> Json:
        """All that was written here, for `remember`."""
        return {"number": self.number, "rulesets": self.rulesets, "releases": self.releases}

    def remember(self, kept: Json) -> None:
        self.number, self.rulesets = kept["number"], kept["rulesets"]
        self.releases = kept["releases"]

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
