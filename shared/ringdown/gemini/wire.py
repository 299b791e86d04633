"""Gemini Live's messages: JSON to events, and audio to JSON. Pure; the only decoder.

Source: Google's Live API reference, and the SDK's reading of the same bytes, which the tests
compare with this one. Fields that nothing here uses aren't read.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec

from ringdown.calls import Speaker, Usage
from ringdown.gemini.call_ids import CallIds
from ringdown.gemini.events import (
    GenerationCompleted,
    GoAwayReceived,
    ModelEvent,
    ModelInterrupted,
    ModelSpeech,
    ResumptionUpdated,
    ToolCallCancelled,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
    UsageReported,
)
from ringdown.gemini.models import Api

INPUT_HZ = 16_000
OUTPUT_HZ = 24_000
AUDIO_MIME_TYPE = f"audio/pcm;rate={INPUT_HZ}"

_Decoded = TypeVar("_Decoded")


class UnreadableMessage(Exception):
    """A message that isn't JSON, or whose known fields have values of the wrong kind."""


class InvalidToolCall(msgspec.Struct, frozen=True):
    """A function call that can't be made. It can be answered if it has an id and a name."""

    id: str | None
    name: str
    problem: str


Received: TypeAlias = ModelEvent | InvalidToolCall


def audio_message(pcm: bytes) -> str:
    """PCM16 LE mono at 16 kHz, as the SDK's `send_realtime_input(audio=…)` sends it."""
    data = base64.urlsafe_b64encode(pcm).decode("ascii")
    audio = f'{{"data": "{data}", "mime_type": "{AUDIO_MIME_TYPE}"}}'
    return f'{{"realtime_input": {{"audio": {audio}}}}}'


class Reader:
    """Reads the messages of one session."""

    def __init__(self, api: Api, blocking: frozenset[str], call_ids: CallIds) -> None:
        """`blocking` names the functions whose results the model waits for."""
        self._api = api
        self._blocking = blocking
        self._call_ids = call_ids

    def read(self, message: bytes, at_ms: float) -> Sequence[Received]:
        """The events of a message. Raises UnreadableMessage."""
        try:
            return tuple(self._events(_decode(_message_decoder, message), at_ms))
        except _REFUSED as error:
            raise UnreadableMessage(f"{type(error).__name__}: {error}") from None

    def _events(self, message: "_ServerMessage", at_ms: float) -> Iterator[Received]:
        """What interrupts comes first, then sound, words, and what ends a turn."""
        content = message.server_content or _NO_CONTENT
        if content.interrupted:
            yield ModelInterrupted(at_ms)
        yield from _speech(content)
        yield from _transcripts(content, at_ms)
        if message.tool_call is not None:
            for call in message.tool_call.function_calls or ():
                yield self._tool_call(call, at_ms)
        if message.tool_call_cancellation is not None:
            ids = self._call_ids.cancelled(message.tool_call_cancellation.ids)
            yield ToolCallCancelled(at_ms, ids)
        if content.generation_complete:
            yield GenerationCompleted(at_ms)
        if message.usage_metadata is not None:
            yield UsageReported(at_ms, _usage(message.usage_metadata))
        if _is_turn_over(content):
            yield TurnCompleted(at_ms)
        update = message.session_resumption_update
        if update is not None and update.resumable and update.new_handle:
            yield ResumptionUpdated(at_ms, update.new_handle)
        if message.go_away is not None:
            yield GoAwayReceived(at_ms, _milliseconds(message.go_away.time_left))

    def _tool_call(self, raw: msgspec.Raw, at_ms: float) -> ToolCallRequested | InvalidToolCall:
        try:
            call = _decode(_call_decoder, raw)
        except _REFUSED as error:
            return self._invalid(raw, str(error))
        if not call.name or not (call.id or self._api is Api.VERTEX):
            return InvalidToolCall(None, call.name or "", "it has no id or no name")
        id, blocks = self._call_ids.of(call.id), call.name in self._blocking
        return ToolCallRequested(at_ms, id, call.name, call.args or {}, blocks)

    def _invalid(self, raw: msgspec.Raw, problem: str) -> InvalidToolCall:
        try:
            call = _decode(_call_name_decoder, raw)
        except _REFUSED:
            return InvalidToolCall(None, "", problem)
        has_id = bool(call.id) or self._api is Api.VERTEX
        return InvalidToolCall(self._call_ids.of(call.id) if has_id else None, call.name, problem)


_REFUSED = (msgspec.DecodeError, ValueError, RecursionError)


def _decode(decoder: "msgspec.json.Decoder[_Decoded]", message: bytes | msgspec.Raw) -> _Decoded:
    """Decode; if the message is refused, once more with the characters replaced that UTF-8 can't
    hold. JSON can: an emoji that is cut between two messages comes as two halves."""
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return decoder.decode(_repaired(bytes(message)))


_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair: kept
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def _repaired(message: bytes) -> str:
    """U+FFFD for each half of a surrogate pair, and for bytes that aren't UTF-8."""
    text = message.decode("utf-8", "replace")
    return _ESCAPE.sub(
        lambda found: "\N{REPLACEMENT CHARACTER}" if found["half"] else found[0], text
    )


def _speech(content: "_ServerContent") -> Iterator[ModelSpeech]:
    for part in (content.model_turn or _NO_TURN).parts or ():
        if part.inline_data is not None and not part.thought:
            pcm = _bytes_of(part.inline_data.data)
            if pcm:
                yield ModelSpeech(pcm)


def _bytes_of(data: msgspec.Raw) -> bytes | None:
    """Of Base64 in either alphabet; the padding may be missing, as protobuf's JSON allows."""
    try:
        return _base64_decoder.decode(data)
    except msgspec.ValidationError:
        text = _text_decoder.decode(data).replace("-", "+").replace("_", "/")
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)


def _transcripts(content: "_ServerContent", at_ms: float) -> Iterator[TranscriptReceived]:
    if content.input_transcription is not None and content.input_transcription.text:
        yield TranscriptReceived(at_ms, Speaker.CALLER, content.input_transcription.text)
    if content.output_transcription is not None and content.output_transcription.text:
        yield TranscriptReceived(at_ms, Speaker.AGENT, content.output_transcription.text)


def _is_turn_over(content: "_ServerContent") -> bool:
    """A model that thinks between sentences says by its status whether more is to come."""
    status = (content.interaction_status or "").upper()
    if status in ("", "INTERACTION_STATUS_UNSPECIFIED"):
        return bool(content.turn_complete)
    return status == "IDLE"


def _usage(usage: "_UsageMetadata") -> Usage:
    """Tokens of the total that nothing else counts are put down to the response, the dearest."""
    prompt = _by_modality(usage.prompt_tokens_details, usage.prompt_token_count)
    response = _by_modality(
        usage.response_tokens_details or usage.candidates_tokens_details,
        usage.response_token_count or usage.candidates_token_count,
    )
    tool_use_prompt = usage.tool_use_prompt_token_count or 0
    thoughts = usage.thoughts_token_count or 0
    total = usage.total_token_count or 0
    unexplained = total - sum(prompt.values()) - tool_use_prompt - thoughts
    return Usage(
        reports=1,
        prompt=prompt,
        response=_completed(response, unexplained),
        tool_use_prompt=tool_use_prompt,
        thoughts=thoughts,
        total=total,
    )


_UNKNOWN = "UNKNOWN"


def _by_modality(details: "Sequence[_TokenCount] | None", count: int | None) -> dict[str, int]:
    """Tokens by modality; one that is counted twice is added up."""
    found: dict[str, int] = {}
    for detail in details or ():
        modality = (detail.modality or _UNKNOWN).upper()
        found[modality] = found.get(modality, 0) + (detail.token_count or 0)
    return _completed(found, count or 0)


def _completed(found: dict[str, int], count: int) -> dict[str, int]:
    """`found`; what `count` has besides is of an unknown modality."""
    rest = count - sum(found.values())
    return found | {_UNKNOWN: found.get(_UNKNOWN, 0) + rest} if rest > 0 else found


def _milliseconds(duration: str | None) -> float:
    """Of a protobuf duration as JSON has it ("50s", "1.5s"); 0 if it can't be read."""
    try:
        return float((duration or "").removesuffix("s")) * 1_000
    except ValueError:
        return 0.0


class _Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Every field may be missing, or null."""


class _Blob(_Wire, frozen=True, gc=False):
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Part(_Wire, frozen=True, gc=False):
    inline_data: _Blob | None = None
    thought: bool | None = None


class _ModelTurn(_Wire, frozen=True, gc=False):
    parts: tuple[_Part, ...] | None = None


class _Transcription(_Wire, frozen=True, gc=False):
    text: str | None = None


class _ServerContent(_Wire, frozen=True, gc=False):
    model_turn: _ModelTurn | None = None
    input_transcription: _Transcription | None = None
    output_transcription: _Transcription | None = None
    interrupted: bool | None = None
    generation_complete: bool | None = None
    turn_complete: bool | None = None
    interaction_status: str | None = None


class _ToolCall(_Wire, frozen=True, gc=False):
    function_calls: tuple[msgspec.Raw, ...] | None = None
    """Decoded one by one, so that an invalid call doesn't spoil the others."""


class _FunctionCall(_Wire, frozen=True):
    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None


class _CallName(_Wire, frozen=True, gc=False):
    id: str | None = None
    name: str = ""


class _ToolCallCancellation(_Wire, frozen=True, gc=False):
    ids: tuple[str, ...] | None = None


class _TokenCount(_Wire, frozen=True, gc=False):
    modality: str | None = None
    token_count: int | None = None


class _UsageMetadata(_Wire, frozen=True, gc=False):
    """Vertex AI calls the response's tokens candidates'."""

    prompt_token_count: int | None = None
    response_token_count: int | None = None
    candidates_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: tuple[_TokenCount, ...] | None = None
    response_tokens_details: tuple[_TokenCount, ...] | None = None
    candidates_tokens_details: tuple[_TokenCount, ...] | None = None


class _SessionResumptionUpdate(_Wire, frozen=True, gc=False):
    new_handle: str | None = None
    resumable: bool | None = None


class _GoAway(_Wire, frozen=True, gc=False):
    time_left: str | None = None


class _ServerMessage(_Wire, frozen=True, gc=False):
    server_content: _ServerContent | None = None
    tool_call: _ToolCall | None = None
    tool_call_cancellation: _ToolCallCancellation | None = None
    usage_metadata: _UsageMetadata | None = None
    session_resumption_update: _SessionResumptionUpdate | None = None
    go_away: _GoAway | None = None


_NO_CONTENT = _ServerContent()
_NO_TURN = _ModelTurn()
_base64_decoder: msgspec.json.Decoder[bytes | None] = msgspec.json.Decoder(bytes | None)
_text_decoder = msgspec.json.Decoder(str)
_message_decoder = msgspec.json.Decoder(_ServerMessage)
_call_decoder = msgspec.json.Decoder(_FunctionCall)
_call_name_decoder = msgspec.json.Decoder(_CallName)
