"""A source of tokens for Google's credentials, on this machine: the endpoint that key files name,
and the metadata server of Google's own machines."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.http_server import Requests, serving

PROJECT = "ringdown-test"
_ACCOUNT = f"handler@{PROJECT}.iam.gserviceaccount.com"


@dataclass(slots=True)
class TokenServer:
    """Returns `token` to every request, or HTTP 403 while `refuses`."""

    token: str = "stand-in-token"
    address: str = ""
    """127.0.0.1:PORT"""
    refuses: bool = False
    id_token: str = ""
    """The ID token that it returns; if empty, a valid one."""
    asked: list[str] = field(default_factory=list)

    def metadata_environ(self) -> dict[str, str]:
        """The environment of a process that should use this as its metadata server."""
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
    """An ID token like Google's, except for the signature."""
    claims = {"aud": audience, "email": _ACCOUNT, "exp": int(time.time() + lasts_s)}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims, "signature")
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
    return ".".join(part.rstrip("=") for part in encoded)


@contextmanager
def token_server() -> Iterator[TokenServer]:
    stand_in = TokenServer()

    class Asked(Requests):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.body()
            self._answer()

        def _answer(self) -> None:
            status, content = stand_in.answer(self.path)
            is_text = isinstance(content, str)
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            kind = "application/text" if is_text else "application/json"
            self.reply(status, body, {"Metadata-Flavor": "Google", "Content-Type": kind})

    with serving(Asked) as url:
        stand_in.address = url.removeprefix("http://")
        yield stand_in
