"""The fast path for speech, beside the SDK's session.

Nearly every message either way is sound or a few words of a transcript, and the SDK spends 45 to
100 µs on each where 5 will do. So these go past it, and so do the signs between which sound comes:
an interruption above all may not wait. Every other message takes the SDK's own way.
Tests compare what this sends with the SDK's bytes, and what it hears with the SDK's objects.
"""

import base64

import msgspec

from stream_handler.outlet import Outlet

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


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """What a server message says, if it is sound, transcripts and signs, and nothing else."""

    chunks: tuple[bytes, ...]
    """PCM16 LE mono at 24 kHz."""
    by_caller: str
    by_agent: str
    interrupted: bool
    generation_complete: bool
    turn_complete: bool


def spoken_in(message: str | bytes) -> Spoken | None:
    """None for a message that says something else, or more."""
    if not isinstance(message, bytes):
        return None
    try:
        content = _decoder.decode(message).server_content
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Spoken(
        tuple(part.inline_data.data for part in content.model_turn.parts if part.inline_data.data),
        content.input_transcription.text,
        content.output_transcription.text,
        content.interrupted,
        content.generation_complete,
        content.turn_complete,
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


class _ServerMessage(_Exact, frozen=True, gc=False):
    server_content: _ServerContent


_decoder = msgspec.json.Decoder(_ServerMessage)
