"""Finds clips for sentences that are said before and after the stream, and serves their audio.

Twilio fetches the URL in `<Play>` with a plain GET that has none of its usual parameters
(https://www.twilio.com/docs/voice/twiml/play), and the docs don't say whether it signs the request.
So we sign the URL ourselves. The audio of a key never changes, so the URL doesn't need to expire,
and Twilio may cache the audio for as long as it likes.
"""

import io
import re
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response

from ringdown.agents import Agent
from ringdown.agents.clips import ClipStore, clip_key
from ringdown.agents.known_clips import KnownClips
from ringdown.macs import mac, shares_a_mac
from voice_webhook.call_twiml import Sentence
from voice_webhook.webhook_settings import WebhookSettings

GIVE_WITHIN_S = 2.0
"""If Twilio doesn't get the audio by then, it requests /fallback."""
_PATH = re.compile(r"/clips/(?P<agent>[^/]+)/(?P<key>[0-9a-f]{32})")
_FOR_EVER = "public, max-age=31536000, immutable"
_RATE_HZ = 8_000


@dataclass(frozen=True, slots=True)
class Voice:
    """Says sentences without the model, in the agent's voice if there is a clip."""

    agent_id: str
    agent: Agent
    store: ClipStore
    clips: KnownClips | None
    """None if clips can't be used, because Twilio couldn't fetch one."""
    settings: WebhookSettings

    async def says(self, text: str, language: str) -> Sentence:
        """Return the text with the URL of its clip, if there is one.

        Without a clip, or if the store fails, Twilio's voice speaks it; `language` is the text's.
        """
        if not text or self.clips is None:
            return Sentence(text, language)
        key = clip_key(self.agent, text)
        clip = await self.clips.find(self.store, self.agent_id, key)
        url = None if clip is None else ClipAddress(self.agent_id, key).url(self.settings)
        return Sentence(text, language, clip_url=url)


@dataclass(frozen=True, slots=True)
class ClipAddress:
    """The clip that one of our URLs names."""

    agent_id: str
    key: str

    @classmethod
    def in_path(cls, path: str) -> "ClipAddress | None":
        """Parse a decoded path; None if it isn't a clip's."""
        found = _PATH.fullmatch(path)
        return None if found is None else cls(found["agent"], found["key"])

    def url(self, settings: WebhookSettings) -> str:
        path = f"/clips/{quote(self.agent_id, safe='')}/{self.key}"
        signature = self._signature(settings.stream_token_secrets[0])
        return f"{settings.public_url}{path}?signature={signature}"

    def is_signed(self, query: Mapping[str, str], settings: WebhookSettings) -> bool:
        """Whether the query has our signature, made with the current secret or the previous one."""
        good = map(self._signature, settings.stream_token_secrets)
        return shares_a_mac(good, [query.get("signature", "")])

    @property
    def etag(self) -> str:
        return f'"{self.key}"'

    def _signature(self, secret: str) -> str:
        return mac(secret, f"clip|{self.agent_id}|{self.key}")


def sound_response(mulaw: bytes, address: ClipAddress, *, head: bool) -> Response:
    """Return the audio, or just its headers if `head`."""
    sound = _wav(mulaw)
    headers = {"Cache-Control": _FOR_EVER, "ETag": address.etag, "Content-Length": str(len(sound))}
    return Response(b"" if head else sound, media_type="audio/wav", headers=headers)


def unchanged_response(address: ClipAddress) -> Response:
    """Return a 304 for a client that already has the audio."""
    headers = {"Cache-Control": _FOR_EVER, "ETag": address.etag}
    return Response(status_code=304, headers=headers)


def _wav(mulaw: bytes) -> bytes:
    """Convert to PCM16, which every WAV reader understands. Twilio turns it back into the same
    µ-law."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
        file.writeframes(b"".join(map(_PCM16.__getitem__, mulaw)))
    return target.getvalue()


def _pcm16(code: int) -> bytes:
    """Decode a µ-law byte (G.711, table 2a): sign, 3 bits of segment, 4 bits of step; inverted on
    the wire."""
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return (-magnitude if code & 0x80 else magnitude).to_bytes(2, "little", signed=True)


_PCM16 = [_pcm16(code) for code in range(256)]
