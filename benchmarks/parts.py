"""Our own parts as they are deployed, one process each, with the embedded store."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from devtools.processes import Command, free_port, python
from ringdown.agents import DEFAULT_AGENT_ID, packaged_document
from ringdown.calls.limits import LineLimits
from ringdown.stores import open_store
from simulators.twilio.identity import CallIdentity, new_sid
from simulators.twilio.signatures import Signer

ROOT = Path(__file__).resolve().parent.parent

_CALLED = "+14155550100"


async def open_line(store_url: str) -> None:
    """Any number of calls, answered by the packaged agent; its greeting is not protected, so that
    the model hears all audio."""
    document = {**packaged_document(), "protect_greeting": False}
    unlimited = dict.fromkeys(LineLimits.__struct_fields__)
    async with open_store(store_url) as store:
        await store.write_agent(DEFAULT_AGENT_ID, document, over=None)
        await store.write_limits(msgspec.convert(unlimited, LineLimits))


@dataclass(frozen=True, slots=True)
class Parts:
    """Commands that belong together: the same store, the same secrets."""

    folder: Path
    """For the store and the logs."""
    environ: Mapping[str, str]
    """What every process inherits: where programs are."""
    webhook_port: int = field(default_factory=free_port)
    stream_port: int = field(default_factory=free_port)
    auth_token: str = field(default_factory=lambda: secrets.token_hex(16))
    token_secret: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def store_url(self) -> str:
        return f"sqlite:{self.folder / 'ringdown.db'}"

    @property
    def webhook_url(self) -> str:
        return f"http://127.0.0.1:{self.webhook_port}"

    def stream_handler(self) -> Command:
        environ = self._settings(
            HOST="127.0.0.1", PORT=str(self.stream_port), GEMINI_API_KEY="never-dialled"
        )
        argv = (python(), "-m", "stream_handler")
        url = f"http://127.0.0.1:{self.stream_port}"
        return Command("stream_handler", argv, environ, url, "/ready")

    def incoming_call(self) -> Command:
        environ = self._settings(PUBLIC_URL=self.webhook_url)
        return _function("functions/incoming_call", self.webhook_port, environ)

    def lookup_account(self) -> Command:
        return _function("functions/tools/lookup_account", free_port(), self._settings())

    def ringing(self, number: int) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Form and headers of Twilio's request for a new call; each `number` is a caller."""
        caller = f"+1415556{number % 10_000:04d}"
        call = CallIdentity(new_sid("AC"), new_sid("CA"), _CALLED, caller)
        params = call.voice("ringing")
        return dict(params), Signer(self.auth_token).headers(self.webhook_url, params)

    def _settings(self, **more: str) -> dict[str, str]:
        return {
            **self.environ,
            "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("shared", "services")),
            "PYTHONUNBUFFERED": "1",
            "STORE_URL": self.store_url,
            "STREAM_TOKEN_SECRET": self.token_secret,
            "STREAM_URL": f"ws://127.0.0.1:{self.stream_port}",
            "TWILIO_AUTH_TOKEN": self.auth_token,
            **more,
        }


def _function(folder: str, port: int, environ: Mapping[str, str]) -> Command:
    """A Cloud Function, started as Google's buildpack starts it."""
    name = Path(folder).name
    options = ("--target", name, "--source", str(ROOT / folder / "main.py"))
    listen = ("--host", "127.0.0.1", "--port", str(port))
    argv = (python(), "-m", "functions_framework", *options, *listen)
    return Command(name, argv, environ, f"http://127.0.0.1:{port}")
