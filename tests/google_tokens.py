"""Where Google's credentials get their tokens, on this machine: the endpoint that key files name,
and the metadata server that Google's own machines have."""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

PROJECT = "ringdown-test"
_ACCOUNT = f"handler@{PROJECT}.iam.gserviceaccount.com"
_DEADLINE_S = 10.0


@dataclass(slots=True)
class TokenServer:
    """Gives `token` to whoever asks, or HTTP 403 while `refuses`."""

    token: str = "stand-in-token"
    address: str = ""
    """127.0.0.1:PORT"""
    refuses: bool = False
    id_token: str = ""
    """What it gives for an ID token; a good one, if left empty."""
    asked: list[str] = field(default_factory=list)

    def metadata_environ(self) -> dict[str, str]:
        """The environment of a process that is to take this for its metadata server."""
        return {"GCE_METADATA_HOST": self.address, "GCE_METADATA_IP": self.address}

    def key_file(self, folder: Path) -> Path:
        """A service account's key file, for GOOGLE_APPLICATION_CREDENTIALS."""
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = folder / "service-account.json"
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "key-1",
            "private_key": pem.decode(),
            "client_email": _ACCOUNT,
            "token_uri": f"http://{self.address}/token",
        }
        path.write_text(json.dumps(account), "utf-8")
        return path

    def answer(self, path: str) -> tuple[int, object]:
        path, _, query = path.partition("?")
        self.asked.append(path)
        if self.refuses:
            return 403, {"error": "forbidden"}
        if path.endswith("/token"):
            return 200, {
                "access_token": self.token,
                "expires_in": 3_600,
                "token_type": "Bearer",
                "id_token": self.id_token or identity_token("whoever the key file names"),
            }
        if path.endswith("/identity"):
            return 200, identity_token(parse_qs(query)["audience"][0])
        if path.endswith("/project-id"):
            return 200, PROJECT
        return 200, {"email": _ACCOUNT, "aliases": ["default"], "scopes": []}


def identity_token(audience: str, *, lasts_s: float = 3_600) -> str:
    """As Google makes them, but for the signature."""
    claims = {"aud": audience, "email": _ACCOUNT, "exp": int(time.time() + lasts_s)}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims, "signature")
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
    return ".".join(part.rstrip("=") for part in encoded)


@contextmanager
def token_server() -> Iterator[TokenServer]:
    stand_in = TokenServer()

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(*stand_in.answer(self.path))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._reply(*stand_in.answer(self.path))

        def _reply(self, status: int, content: object) -> None:
            is_text = isinstance(content, str)
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self._write(
                status,
                body,
                {
                    "Metadata-Flavor": "Google",
                    "Content-Type": "application/text" if is_text else "application/json",
                },
            )

        def _write(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        stand_in.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join(_DEADLINE_S)
