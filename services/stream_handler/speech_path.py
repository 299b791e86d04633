"""The fast path for speech, beside the SDK's session.

Nearly every message either way is sound or a few words of a transcript, and the SDK spends 45 to
100 µs on each where 5 will do. So these go past it, and so do the signs between which sound comes
and the bill that comes with them (0.3 ms): an interruption above all may not wait. Every other
message takes the SDK's own way.
Tests compare what this sends with the SDK's bytes, and what it hears with the SDK's objects.
"""

import base64
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from ringdown.calls import Usage
from stream_handler.twilio.outlet import Outlet

AUDIO_MIME_TYPE = "audio/pcm;rate=16000"


class Relay:
    """Stands where the SDK expects its socket: sends by our outlet, receives what it is handed."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._handed: str | bytes = b""

    def hand(self, message: str | bytes) -> None:
        """What the SDK will receive next."""
        self._handed = message

    async def recv(self, decode: bool | None = None) -> str | bytes:
        return self._handed

    async def send(self, message: str) -> None:
        """Raises OSError if the service does not read."""
        if not self._outlet.send(message):
            raise OSError("too many messages wait to be sent")


def audio_message(pcm: bytes) -> str:
    """What the SDK's `send_realtime_input(audio=…)` sends."""
    data = base64.urlsafe_b64encode(pcm).decode("ascii")
    audio = f'{{"data": "{data}", "mime_type": "{AUDIO_MIME_TYPE}"}}'
    return f'{{"realtime_input": {{"audio": {audio}}}}}'


def by_modality(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Tokens by modality; one that is counted twice is added up."""
    found: dict[str, int] = {}
    for modality, tokens in counts:
        found[modality] = found.get(modality, 0) + tokens
    return found


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """What a server message says, if it is sound, transcripts, signs and what they cost."""

    chunks: tuple[bytes, ...]
    """PCM16 LE mono at 24 kHz."""
    by_caller: str
    by_agent: str
    interrupted: bool
    generation_complete: bool
    turn_complete: bool
    usage: Usage | None


def spoken_in(message: str | bytes) -> Spoken | None:
    """None for a message that says something else, or more."""
    if not isinstance(message, bytes):
        return None
    try:
        decoded = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    content = decoded.server_content
    return Spoken(
        tuple(part.inline_data.data for part in content.model_turn.parts if part.inline_data.data),
        content.input_transcription.text,
        content.output_transcription.text,
        content.interrupted,
        content.generation_complete,
        content.turn_complete,
        None if decoded.usage_metadata is _NO_USAGE else _usage(decoded.usage_metadata),
    )


class _Exact(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """A field that is not known here, `thought` for one, is for the SDK to understand."""


class _InlineData(_Exact, frozen=True, gc=False):
    data: bytes
    mime_type: str


class _Part(_Exact, frozen=True, gc=False):
    inline_data: _InlineData


class _ModelTurn(_Exact, frozen=True, gc=False):
    parts: tuple[_Part, ...] = ()
    role: str = "model"


class _Transcription(_Exact, frozen=True, gc=False):
    text: str = ""


class _ServerContent(_Exact, frozen=True, gc=False):
    model_turn: _ModelTurn = _ModelTurn()
    input_transcription: _Transcription = _Transcription()
    output_transcription: _Transcription = _Transcription()
    interrupted: bool = False
    generation_complete: bool = False
    turn_complete: bool = False


class _TokenCount(_Exact, frozen=True, gc=False):
    modality: Literal["TEXT", "AUDIO", "IMAGE", "VIDEO", "DOCUMENT"]
    token_count: int = 0


class _UsageMetadata(_Exact, frozen=True, gc=False):
    prompt_token_count: int = 0
    response_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    thoughts_token_count: int = 0
    total_token_count: int = 0
    prompt_tokens_details: tuple[_TokenCount, ...] = ()
    response_tokens_details: tuple[_TokenCount, ...] = ()


_NO_USAGE = _UsageMetadata()


class _ServerMessage(_Exact, frozen=True, gc=False):
    server_content: _ServerContent
    usage_metadata: _UsageMetadata = _NO_USAGE


def _usage(usage: _UsageMetadata) -> Usage:
    return Usage(
        reports=1,
        prompt=by_modality(_counts(usage.prompt_tokens_details)),
        response=by_modality(_counts(usage.response_tokens_details)),
        tool_use_prompt=usage.tool_use_prompt_token_count,
        thoughts=usage.thoughts_token_count,
        total=usage.total_token_count,
    )


def _counts(details: Iterable[_TokenCount]) -> Iterator[tuple[str, int]]:
    return ((detail.modality, detail.token_count) for detail in details)


_decoder = msgspec.json.Decoder(_ServerMessage)
