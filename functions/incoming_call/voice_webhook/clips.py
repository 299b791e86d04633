"""Chooses which sentences are said by a clip before and after the stream, and serves the audio.

Twilio fetches what `<Play>` names with a plain GET: it sends none of its parameters
(https://www.twilio.com/docs/voice/twiml/play), and whether it signs the request isn't documented.
So we sign the URL ourselves. What a key names never changes, so the URL needs no expiry, and Twilio
may cache the audio for as long as it likes.
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
"""If Twilio doesn't get the audio, it tries again through /fallback."""
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
        """`language` is the text's, for Twilio's voice. If the store fails, only the voice
        changes."""
        if not text or self.clips is None:
            return Sentence(text, language)
        key = clip_key(self.agent, text)
        clip = await self.clips.find(self.store, self.agent_id, key)
        url = None if clip is None else ClipAddress(self.agent_id, key).url(self.settings)
        return Sentence(text, language, clip_url=url)


@dataclass(frozen=True, slots=True)
class ClipAddress:
    """Which clip one of our URLs names."""

    agent_id: str
    key: str

    @classmethod
    def in_path(cls, path: str) -> "ClipAddress | None":
        """None if the decoded path isn't a clip's."""
        found = _PATH.fullmatch(path)
        return None if found is None else cls(found["agent"], found["key"])

    def url(self, settings: WebhookSettings) -> str:
        path = f"/clips/{quote(self.agent_id, safe='')}/{self.key}"
        signature = self._signature(settings.stream_token_secrets[0])
        return f"{settings.public_url}{path}?signature={signature}"

    def is_signed(self, query: Mapping[str, str], settings: WebhookSettings) -> bool:
        """With the current secret, or the previous one."""
        good = map(self._signature, settings.stream_token_secrets)
        return shares_a_mac(good, [query.get("signature", "")])

    @property
    def etag(self) -> str:
        return f'"{self.key}"'

    def _signature(self, secret: str) -> str:
        return mac(secret, f"clip|{self.agent_id}|{self.key}")


def sound_response(mulaw: bytes, address: ClipAddress, *, head: bool) -> Response:
    """The audio, or just its headers."""
    sound = _wav(mulaw)
    headers = {"Cache-Control": _FOR_EVER, "ETag": address.etag, "Content-Length": str(len(sound))}
    return Response(b"" if head else sound, media_type="audio/wav", headers=headers)


def unchanged_response(address: ClipAddress) -> Response:
    """For a client that has the audio already."""
    headers = {"Cache-Control": _FOR_EVER, "ETag": address.etag}
    return Response(status_code=304, headers=headers)


def _wav(mulaw: bytes) -> bytes:
    """PCM16, which every WAV reader understands. Twilio turns it back into the same µ-law."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
        file.writeframes(b"".join(map(_PCM16.__getitem__, mulaw)))
    return target.getvalue()


def _pcm16(code: int) -> bytes:
    """G.711, table 2a: sign, 3 bits of segment, 4 bits of step; inverted on the wire."""
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return (-magnitude if code & 0x80 else magnitude).to_bytes(2, "little", signed=True)


_PCM16 = [_pcm16(code) for code in range(256)]
