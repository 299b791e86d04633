"""Decodes Gemini Live's messages to events, and encodes audio. Pure; nothing else decodes them.

Sources: Google's Live API reference, and the SDK, whose decoding of the same bytes the tests
compare with ours. Unused fields aren't read.
"""

import base64
import binascii
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar

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
from ringdown.gemini.json_schema import Schema
from ringdown.gemini.models import Api
from ringdown.gemini.openapi_schema import restored
from ringdown.repaired_json import repaired
from ringdown.tools.nesting import MOST_DEPTH, is_too_deep

INPUT_HZ = 16_000
OUTPUT_HZ = 24_000
IMAGE_MIME_TYPE = "image/jpeg"
AUDIO_MIME_TYPE = f"audio/pcm;rate={INPUT_HZ}"

_DAY_S = 86_400.0

_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""A number of tokens; stores couldn't add up larger ones."""
_Decoded = TypeVar("_Decoded")


class UnreadableMessage(Exception):
    """A message that isn't a JSON object."""


class InvalidToolCall(msgspec.Struct, frozen=True):
    """A function call that can't be carried out. It can be answered if it has an id and a name."""

    id: str | None
    name: str
    problem: str


class ServiceError(msgspec.Struct, frozen=True):
    """The service reports an error in a message and keeps the session open."""

    code: int | None


class Unread(msgspec.Struct, frozen=True):
    """A part of a message that can't be read; the other parts still are."""

    part: str
    problem: str


Received: TypeAlias = ModelEvent | InvalidToolCall | ServiceError | Unread


def audio_message(pcm: bytes) -> str:
    """Encode PCM16 LE mono at 16 kHz as the SDK's `send_realtime_input(audio=…)` does."""
    data = base64.urlsafe_b64encode(pcm).decode("ascii")
    audio = f'{{"data": "{data}", "mime_type": "{AUDIO_MIME_TYPE}"}}'
    return f'{{"realtime_input": {{"audio": {audio}}}}}'


class Reader:
    """Reads the messages of one session."""

    def __init__(
        self,
        api: Api,
        blocking: frozenset[str],
        call_ids: CallIds,
        schemas: Mapping[str, Schema],
    ) -> None:
        """`blocking` names the functions whose results the model waits for; `schemas` has each
        function's parameters as declared to us."""
        self._api = api
        self._blocking = blocking
        self._call_ids = call_ids
        self._schemas = schemas

    def read(self, message: bytes, at_ms: float) -> Sequence[Received]:
        """Return the events in a message. Raises UnreadableMessage."""
        try:
            parts = _Parts(_decode(_message_decoder, message))
        except _REFUSED as error:
            raise UnreadableMessage(f"{type(error).__name__}: {error}") from None
        return (*self._events(parts, at_ms), *parts.unread)

    def _events(self, parts: "_Parts", at_ms: float) -> Iterator[Received]:
        """Yield interruptions first, then sound, words, and the events that end a turn."""
        message = parts.message
        if message.error != _NULL or message.code != _NULL:
            yield ServiceError(_error_code(message))
        content = parts.read("serverContent", _content_decoder, message.server_content)
        content = content or _NO_CONTENT
        if parts.flag("interrupted", content.interrupted):
            yield ModelInterrupted(at_ms)
        yield from _speech(parts, content)
        yield from _transcripts(parts, content, at_ms)
        tool_call = parts.read("toolCall", _tool_call_decoder, message.tool_call)
        if tool_call is not None:
            yield from self._tool_calls(tool_call.function_calls or (), at_ms)
        cancelled = parts.read(
            "toolCallCancellation", _cancellation_decoder, message.tool_call_cancellation
        )
        if cancelled is not None:
            texts = (parts.text("toolCallCancellation", id) for id in cancelled.ids or ())
            ids = [id for id in texts if id]
            if ids or not cancelled.ids:
                yield ToolCallCancelled(at_ms, self._call_ids.cancelled(ids))
        if parts.flag("generationComplete", content.generation_complete):
            yield GenerationCompleted(at_ms)
        usage = parts.read("usageMetadata", _usage_decoder, message.usage_metadata)
        if usage is not None:
            yield UsageReported(at_ms, _usage(usage))
        if _is_turn_over(parts, content):
            yield TurnCompleted(at_ms, _reason(parts, content))
        update = parts.read(
            "sessionResumptionUpdate", _update_decoder, message.session_resumption_update
        )
        if update is not None and update.resumable and update.new_handle:
            yield ResumptionUpdated(at_ms, update.new_handle)
        go_away = parts.read("goAway", _go_away_decoder, message.go_away)
        if go_away is not None:
            yield GoAwayReceived(at_ms, _milliseconds(go_away.time_left))

    def _tool_calls(
        self, raw_calls: Sequence[msgspec.Raw], at_ms: float
    ) -> Iterator[ToolCallRequested | InvalidToolCall]:
        before: list[ToolCallRequested] = []
        for raw in raw_calls:
            call = self._tool_call(raw, at_ms)
            if isinstance(call, ToolCallRequested):
                twin = sum((one.name, one.args) == (call.name, call.args) for one in before)
                call = msgspec.structs.replace(call, twin=twin)
                before.append(call)
            yield call

    def _tool_call(self, raw: msgspec.Raw, at_ms: float) -> ToolCallRequested | InvalidToolCall:
        try:
            call = _decode(_call_decoder, raw)
        except _REFUSED as error:
            return self._invalid(raw, str(error))
        if not call.name or not (call.id or self._api is Api.VERTEX):
            return InvalidToolCall(None, call.name or "", "it has no id or name")
        id, blocks = self._call_ids.of(call.id), call.name in self._blocking
        args = restored(call.args or {}, self._schemas.get(call.name, {}))
        if is_too_deep(args):
            return InvalidToolCall(id, call.name, f"`args` is nested more than {MOST_DEPTH} deep")
        return ToolCallRequested(at_ms, id, call.name, args, blocks)

    def _invalid(self, raw: msgspec.Raw, problem: str) -> InvalidToolCall:
        try:
            call = _decode(_call_name_decoder, raw)
        except _REFUSED:
            return InvalidToolCall(None, "", problem)
        has_id = bool(call.id) or self._api is Api.VERTEX
        return InvalidToolCall(self._call_ids.of(call.id) if has_id else None, call.name, problem)


_REFUSED = (msgspec.DecodeError, ValueError, RecursionError)


def _decode(decoder: "msgspec.json.Decoder[_Decoded]", message: bytes | msgspec.Raw) -> _Decoded:
    """Decode `message`; if that fails, repair it and try again."""
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return decoder.decode(repaired(bytes(message)))


def _error_code(message: "_ServerMessage") -> int | None:
    """Read `{"error": {"code": …}}` or `{"code": …}`; None if it is missing or unreadable."""
    try:
        if message.code != _NULL:
            return _decode(_code_decoder, message.code)
        return _decode(_error_decoder, message.error).code
    except _REFUSED:
        return None


class _Parts:
    """Reads the parts of a message separately, so that an invalid one doesn't spoil the others."""

    def __init__(self, message: "_ServerMessage") -> None:
        self.message = message
        self.unread: list[Unread] = []

    def read(
        self, name: str, decoder: "msgspec.json.Decoder[_Decoded | None]", raw: msgspec.Raw
    ) -> _Decoded | None:
        """Decode a part; return None if it is missing or can't be read."""
        try:
            return _decode(decoder, raw)
        except _REFUSED as error:
            self.unread.append(Unread(name, f"{type(error).__name__}: {error}"))
            return None

    def flag(self, name: str, raw: msgspec.Raw) -> bool:
        found = None if raw == _NULL else self.read(name, _flag_decoder, raw)
        return bool(found)

    def text(self, name: str, raw: msgspec.Raw) -> str:
        return "" if raw == _NULL else self.read(name, _text_decoder, raw) or ""


def _speech(parts: _Parts, content: "_ServerContent") -> Iterator[ModelSpeech]:
    turn = parts.read("modelTurn", _turn_decoder, content.model_turn)
    for raw in (turn or _NO_TURN).parts or ():
        part = parts.read("modelTurn", _part_decoder, raw)
        if part is not None and part.inline_data is not None and not part.thought:
            pcm = _bytes_of(parts, part.inline_data.data)
            if pcm:
                yield ModelSpeech(pcm)


def _bytes_of(parts: _Parts, data: msgspec.Raw) -> bytes | None:
    """Decode Base64 in either alphabet; the padding may be missing, as protobuf's JSON allows."""
    try:
        return _base64_decoder.decode(data)
    except msgspec.ValidationError:
        text = parts.read("inlineData", _text_decoder, data) or ""
    try:
        text = text.replace("-", "+").replace("_", "/")
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError as error:
        parts.unread.append(Unread("inlineData", str(error)))
        return None


def _transcripts(
    parts: _Parts, content: "_ServerContent", at_ms: float
) -> Iterator[TranscriptReceived]:
    for name, speaker, raw in (
        ("inputTranscription", Speaker.CALLER, content.input_transcription),
        ("outputTranscription", Speaker.AGENT, content.output_transcription),
    ):
        transcription = parts.read(name, _transcription_decoder, raw)
        if transcription is not None and transcription.text:
            yield TranscriptReceived(at_ms, speaker, transcription.text)


def _is_turn_over(parts: _Parts, content: "_ServerContent") -> bool:
    """Whether the turn is over. The status of a model that thinks between sentences says whether
    more follows."""
    status = parts.text("interactionStatus", content.interaction_status).upper()
    if status in ("", "INTERACTION_STATUS_UNSPECIFIED"):
        return parts.flag("turnComplete", content.turn_complete)
    return status == "IDLE"


def _reason(parts: _Parts, content: "_ServerContent") -> str:
    reason = parts.text("turnCompleteReason", content.turn_complete_reason)
    return "" if reason == "TURN_COMPLETE_REASON_UNSPECIFIED" else reason


_UNKNOWN = "UNKNOWN"


def _usage(usage: "_UsageMetadata") -> Usage:
    """Convert a usage report. Tokens that only the total includes count as the response's, which
    cost the most."""
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


def _by_modality(details: "Sequence[_TokenCount] | None", count: int | None) -> dict[str, int]:
    """Count tokens by modality; duplicates are added up."""
    found: dict[str, int] = {}
    for detail in details or ():
        modality = (detail.modality or _UNKNOWN).upper()
        found[modality] = found.get(modality, 0) + (detail.token_count or 0)
    return _completed(found, count or 0)


def _completed(found: dict[str, int], count: int) -> dict[str, int]:
    """Add the rest of `count` to `found` as an unknown modality."""
    rest = count - sum(found.values())
    return found | {_UNKNOWN: found.get(_UNKNOWN, 0) + rest} if rest > 0 else found


def _milliseconds(duration: str | None) -> float:
    """Convert a protobuf duration in JSON ("50s", "1.5s"); 0 if it can't be read. The result is at
    most a day, because no session lasts longer."""
    try:
        left_s = float((duration or "").removesuffix("s"))
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(left_s) else min(max(left_s, 0.0), _DAY_S) * 1_000


class _Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The base of all messages: every field may be missing or null."""


_NULL = msgspec.Raw(b"null")


class _Blob(_Wire, frozen=True, gc=False):
    data: msgspec.Raw = _NULL


class _Part(_Wire, frozen=True, gc=False):
    inline_data: _Blob | None = None
    thought: bool | None = None


class _ModelTurn(_Wire, frozen=True, gc=False):
    parts: tuple[msgspec.Raw, ...] | None = None


class _Transcription(_Wire, frozen=True, gc=False):
    text: str | None = None


class _ServerContent(_Wire, frozen=True, gc=False):
    """Every field is decoded separately."""

    model_turn: msgspec.Raw = _NULL
    input_transcription: msgspec.Raw = _NULL
    output_transcription: msgspec.Raw = _NULL
    interrupted: msgspec.Raw = _NULL
    generation_complete: msgspec.Raw = _NULL
    turn_complete: msgspec.Raw = _NULL
    turn_complete_reason: msgspec.Raw = _NULL
    interaction_status: msgspec.Raw = _NULL


class _ToolCall(_Wire, frozen=True, gc=False):
    function_calls: tuple[msgspec.Raw, ...] | None = None
    """Decoded separately, so that an invalid call doesn't spoil the others."""


class _FunctionCall(_Wire, frozen=True):
    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None


class _CallName(_Wire, frozen=True, gc=False):
    id: str | None = None
    name: str = ""


class _ToolCallCancellation(_Wire, frozen=True, gc=False):
    ids: tuple[msgspec.Raw, ...] | None = None


class _TokenCount(_Wire, frozen=True, gc=False):
    modality: str | None = None
    token_count: _Count | None = None


class _UsageMetadata(_Wire, frozen=True, gc=False):
    """Vertex AI's names for the response's counts begin with `candidates`."""

    prompt_token_count: _Count | None = None
    response_token_count: _Count | None = None
    candidates_token_count: _Count | None = None
    tool_use_prompt_token_count: _Count | None = None
    thoughts_token_count: _Count | None = None
    total_token_count: _Count | None = None
    prompt_tokens_details: tuple[_TokenCount, ...] | None = None
    response_tokens_details: tuple[_TokenCount, ...] | None = None
    candidates_tokens_details: tuple[_TokenCount, ...] | None = None


class _SessionResumptionUpdate(_Wire, frozen=True, gc=False):
    new_handle: str | None = None
    resumable: bool | None = None


class _GoAway(_Wire, frozen=True, gc=False):
    time_left: str | None = None


class _Error(_Wire, frozen=True, gc=False):
    code: int | None = None


class _ServerMessage(_Wire, frozen=True, gc=False):
    """Every part is decoded separately."""

    error: msgspec.Raw = _NULL
    code: msgspec.Raw = _NULL
    server_content: msgspec.Raw = _NULL
    tool_call: msgspec.Raw = _NULL
    tool_call_cancellation: msgspec.Raw = _NULL
    usage_metadata: msgspec.Raw = _NULL
    session_resumption_update: msgspec.Raw = _NULL
    go_away: msgspec.Raw = _NULL


_NO_CONTENT = _ServerContent()
_NO_TURN = _ModelTurn()
_message_decoder = msgspec.json.Decoder(_ServerMessage)
_content_decoder = msgspec.json.Decoder(_ServerContent | None)
_turn_decoder = msgspec.json.Decoder(_ModelTurn | None)
_flag_decoder: msgspec.json.Decoder[bool | None] = msgspec.json.Decoder(bool | None)
_part_decoder = msgspec.json.Decoder(_Part | None)
_transcription_decoder = msgspec.json.Decoder(_Transcription | None)
_tool_call_decoder = msgspec.json.Decoder(_ToolCall | None)
_cancellation_decoder = msgspec.json.Decoder(_ToolCallCancellation | None)
_usage_decoder = msgspec.json.Decoder(_UsageMetadata | None)
_update_decoder = msgspec.json.Decoder(_SessionResumptionUpdate | None)
_go_away_decoder = msgspec.json.Decoder(_GoAway | None)
_error_decoder = msgspec.json.Decoder(_Error)
_code_decoder: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(int | None)
_base64_decoder: msgspec.json.Decoder[bytes | None] = msgspec.json.Decoder(bytes | None)
_text_decoder: msgspec.json.Decoder[str | None] = msgspec.json.Decoder(str | None)
_call_decoder = msgspec.json.Decoder(_FunctionCall)
_call_name_decoder = msgspec.json.Decoder(_CallName)
