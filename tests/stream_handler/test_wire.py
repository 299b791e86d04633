"""We read the service's bytes as the SDK does, and send the same bytes as the SDK."""

import asyncio
import base64
import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
import trustme
from google import genai
from google.genai import errors, live, types
from google.oauth2.credentials import Credentials
from websockets.asyncio.server import ServerConnection

from ringdown.calls import Speaker, Usage
from ringdown.gemini import prices
from ringdown.gemini.call_ids import CallIds
from ringdown.gemini.events import (
    GenerationCompleted,
    GoAwayReceived,
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
from ringdown.gemini.wire import (
    AUDIO_MIME_TYPE,
    InvalidToolCall,
    Reader,
    Received,
    ServiceError,
    Unread,
    UnreadableMessage,
    audio_message,
)
from tests.stream_handler.little_gemini import LittleGemini, little_gemini, send

AT_MS = 1_234.0
EVERY_BYTE = bytes(range(256)) * 2 + bytes(128)  # a frame of 640 bytes; its base64 has both + and /
READY: dict[str, object] = {"setupComplete": {}}


def read(message: bytes | str | dict[str, Any], api: Api = Api.DEVELOPER) -> list[Received]:
    if isinstance(message, dict):
        message = json.dumps(message)
    raw = message.encode() if isinstance(message, str) else message
    return list(Reader(api, frozenset({"waited_for"}), CallIds(), {}).read(raw, AT_MS))


def sdk(gemini: LittleGemini, trusting: ssl.SSLContext, api: Api) -> live.AsyncLive:
    options = types.HttpOptions(base_url=gemini.url, async_client_args={"ssl": trusting})
    if api is Api.DEVELOPER:
        return genai.Client(api_key="key-0123456789", http_options=options).aio.live
    credentials = Credentials("token")  # type: ignore[no-untyped-call]
    client = genai.Client(
        vertexai=True, project="p", location="l", credentials=credentials, http_options=options
    )
    return client.aio.live


# What we send


@pytest.mark.parametrize("pcm", [EVERY_BYTE, b"\xff\xfe" * 320, b"", b"\x01"], ids=len)
async def test_what_goes_up_is_what_the_sdk_sends(
    certificates: trustme.CA, trusting: ssl.SSLContext, pcm: bytes
) -> None:
    frames: list[str | bytes] = []

    async def keep_the_frame(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY)
        frames.append(await socket.recv())

    async with asyncio.timeout(10), little_gemini(certificates, keep_the_frame) as gemini:
        live = sdk(gemini, trusting, Api.DEVELOPER)
        async with live.connect(model="gemini-3.8-live") as session:
            await session.send_realtime_input(audio=types.Blob(data=pcm, mime_type=AUDIO_MIME_TYPE))
        await gemini.gone.wait()

    assert frames == [audio_message(pcm)]


# What we receive, compared with the SDK


def sound(pcm: bytes, **more: Any) -> dict[str, Any]:
    data = base64.b64encode(pcm).decode()
    return {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}, **more}


def content(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"serverContent": {"modelTurn": {"parts": list(parts), **more}}}


def transcribed(**texts: str) -> dict[str, Any]:
    return {"serverContent": {f"{who}Transcription": {"text": t} for who, t in texts.items()}}


def calls(*function_calls: dict[str, Any]) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": list(function_calls)}}


def with_url_safe_data(data: str) -> dict[str, Any]:
    return content({"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}})


TOKENS = {
    "promptTokenCount": 900,
    "responseTokenCount": 60,
    "candidatesTokenCount": 60,
    "toolUsePromptTokenCount": 5,
    "thoughtsTokenCount": 7,
    "totalTokenCount": 972,
    "trafficType": "ON_DEMAND",
    "promptTokensDetails": [
        {"modality": "AUDIO", "tokenCount": 700},
        {"modality": "TEXT", "tokenCount": 150},
        {"modality": "TEXT", "tokenCount": 50},
        {"tokenCount": 3},
        {"modality": "NEVER_HEARD_OF", "tokenCount": 4},
    ],
}
RESPONSE_TOKENS = [{"modality": "AUDIO", "tokenCount": 60}, {"modality": "TEXT"}]
EVERYTHING = {
    "modelTurn": {"parts": [sound(EVERY_BYTE)]},
    "inputTranscription": {"text": "a"},
    "outputTranscription": {"text": "b"},
    "interrupted": True,
    "generationComplete": True,
    "turnComplete": True,
}
MESSAGES: list[dict[str, Any]] = [
    content(sound(EVERY_BYTE)),
    content(sound(EVERY_BYTE), sound(b"\x01\x02")),
    content(sound(EVERY_BYTE), role="model"),
    content(sound(b"")),
    content(sound(EVERY_BYTE, thought=True)),
    content(sound(EVERY_BYTE, thought=False), {"text": "Hm."}, {"text": "So.", "thought": True}),
    content({"functionCall": {"name": "f"}}, {"thoughtSignature": "AAAA"}, {}),
    with_url_safe_data("_-__"),
    with_url_safe_data("AQI"),
    {"serverContent": {"modelTurn": {}}},
    {"serverContent": {"modelTurn": None, "interrupted": None, "turnComplete": None}},
    transcribed(output="Good morning. "),
    transcribed(input="Hello?"),
    transcribed(input="Grüß Gott 👋", output='"Hi"\n\\ud83d'),
    transcribed(output=""),
    {"serverContent": {"inputTranscription": {"text": "a", "finished": True}}},
    {"serverContent": {"outputTranscription": {"finished": True}}},
    {"serverContent": {"interimInputTranscription": {"text": "hel"}}},
    {"serverContent": {}},
    {"serverContent": {"interrupted": True}},
    {"serverContent": {"generationComplete": True}},
    {"serverContent": {"turnComplete": True}},
    {"serverContent": {"turnComplete": False}},
    {"serverContent": {"turnComplete": True, "turnCompleteReason": "RESPONSE_REJECTED"}},
    {"serverContent": {"waitingForInput": True}},
    {"serverContent": {"groundingMetadata": {"webSearchQueries": ["a"]}}},
    {"serverContent": {"turnComplete": True, "interactionStatus": "IN_PROGRESS"}},
    {"serverContent": {"interactionStatus": "IDLE"}},
    {"serverContent": {"interactionStatus": "idle"}},
    {"serverContent": {"turnComplete": True, "interactionStatus": "NEVER_HEARD_OF"}},
    {
        "serverContent": {
            "turnComplete": True,
            "interactionStatus": "INTERACTION_STATUS_UNSPECIFIED",
        }
    },
    {"serverContent": EVERYTHING, "usageMetadata": {"totalTokenCount": 1}},
    {"serverContent": EVERYTHING, "neverHeardOf": 1},
    {"serverContent": {"turnComplete": True, "neverHeardOf": {"a": [1]}}},
    calls({"id": "1", "name": "lookup_account", "args": {"account_number": "7"}}),
    calls({"id": "1", "name": "waited_for", "args": {"a": [1, 2.5, None, {"b": True}]}}),
    calls({"id": "1", "name": "f", "args": {"parcel": 9400111899223197428490}}),
    calls({"id": "1", "name": "f"}, {"id": "2", "name": "g", "args": None}),
    calls({"id": "1", "name": "f", "args": {}, "willContinue": False}),
    {"toolCall": {}},
    {"toolCallCancellation": {"ids": ["1", "2"]}},
    {"toolCallCancellation": {}},
    {"usageMetadata": {}},
    {"usageMetadata": {"totalTokenCount": 1}},
    {"usageMetadata": {"promptTokenCount": 5, "responseTokenCount": 2, "totalTokenCount": 7}},
    {"usageMetadata": {**TOKENS, "responseTokensDetails": RESPONSE_TOKENS}},
    {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}},
    {
        "sessionResumptionUpdate": {
            "newHandle": "h2",
            "resumable": True,
            "lastConsumedClientMessageIndex": "12",
        }
    },
    {"sessionResumptionUpdate": {"resumable": False}},
    {"sessionResumptionUpdate": {"newHandle": "", "resumable": True}},
    {"sessionResumptionUpdate": {"newHandle": "h3"}},
    {"goAway": {"timeLeft": "50s"}},
    {"goAway": {"timeLeft": "0.5s"}},
    {"goAway": {}},
    {"goAway": {"timeLeft": "soon"}},
    {"voiceActivity": {"voiceActivityType": "ACTIVITY_START"}},
    {"voiceActivityDetectionSignal": {"vadSignalType": "VAD_SIGNAL_TYPE_SOS"}},
    {"setupComplete": {"sessionId": "s2"}},
]
OF_VERTEX: list[dict[str, Any]] = [
    {"usageMetadata": {**TOKENS, "candidatesTokensDetails": RESPONSE_TOKENS}},
]


def as_the_sdk_reads_it(message: types.LiveServerMessage) -> Iterator[Received]:
    content = message.server_content or types.LiveServerContent()
    if content.interrupted:
        yield ModelInterrupted(AT_MS)
    for part in (content.model_turn.parts if content.model_turn is not None else None) or ():
        if part.inline_data is not None and part.inline_data.data and not part.thought:
            yield ModelSpeech(part.inline_data.data)
    if content.input_transcription is not None and content.input_transcription.text:
        yield TranscriptReceived(AT_MS, Speaker.CALLER, content.input_transcription.text)
    if content.output_transcription is not None and content.output_transcription.text:
        yield TranscriptReceived(AT_MS, Speaker.AGENT, content.output_transcription.text)
    if message.tool_call is not None:
        for call in message.tool_call.function_calls or ():
            assert call.id
            assert call.name
            blocks = call.name == "waited_for"
            yield ToolCallRequested(AT_MS, call.id, call.name, call.args or {}, blocks)
    if message.tool_call_cancellation is not None:
        yield ToolCallCancelled(AT_MS, tuple(message.tool_call_cancellation.ids or ()))
    if content.generation_complete:
        yield GenerationCompleted(AT_MS)
    if message.usage_metadata is not None:
        yield UsageReported(AT_MS, _usage(message.usage_metadata))
    match content.interaction_status:
        case None | types.InteractionStatus.INTERACTION_STATUS_UNSPECIFIED:
            over = bool(content.turn_complete)
        case status:
            over = status is types.InteractionStatus.IDLE
    if over:
        reason = content.turn_complete_reason
        yield TurnCompleted(AT_MS, "" if reason is None else reason.value)
    update = message.session_resumption_update
    if update is not None and update.resumable and update.new_handle:
        yield ResumptionUpdated(AT_MS, update.new_handle)
    if message.go_away is not None:
        left = (message.go_away.time_left or "0s").removesuffix("s")
        yield GoAwayReceived(AT_MS, float(left) * 1_000 if left != "soon" else 0.0)


def _usage(usage: types.UsageMetadata) -> Usage:
    prompt = _by_modality(usage.prompt_tokens_details, usage.prompt_token_count)
    response = _by_modality(usage.response_tokens_details, usage.response_token_count)
    tool_use_prompt = usage.tool_use_prompt_token_count or 0
    thoughts = usage.thoughts_token_count or 0
    total = usage.total_token_count or 0
    rest = total - sum((*prompt.values(), *response.values(), tool_use_prompt, thoughts))
    return Usage(
        reports=1,
        prompt=prompt,
        response={**response, "UNKNOWN": rest} if rest > 0 else response,
        tool_use_prompt=tool_use_prompt,
        thoughts=thoughts,
        total=total,
    )


def _by_modality(
    details: Sequence[types.ModalityTokenCount] | None, count: int | None
) -> dict[str, int]:
    found: dict[str, int] = {}
    for detail in details or ():
        modality = detail.modality.value if detail.modality is not None else "UNKNOWN"
        found[modality] = found.get(modality, 0) + (detail.token_count or 0)
    rest = (count or 0) - sum(found.values())
    return {**found, "UNKNOWN": found.get("UNKNOWN", 0) + rest} if rest > 0 else found


async def heard_by_the_sdk(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    api: Api,
    messages: Sequence[dict[str, Any]],
) -> list[types.LiveServerMessage]:
    async def say(gemini: LittleGemini, socket: ServerConnection) -> None:
        await send(socket, READY, *messages)
        await socket.close()

    heard: list[types.LiveServerMessage] = []
    async with (
        asyncio.timeout(10),
        little_gemini(certificates, say) as gemini,
        sdk(gemini, trusting, api).connect(model="gemini-3.8-live") as session,
    ):
        with suppress(errors.APIError):
            while True:
                async for message in session.receive():
                    heard.append(message)  # noqa: PERF401 - keeps the messages before the error
    return heard


@pytest.mark.parametrize(
    ("api", "messages"),
    [
        (Api.DEVELOPER, MESSAGES),
        (Api.VERTEX, [m for m in MESSAGES if "usageMetadata" not in m] + OF_VERTEX),
    ],
    ids=["developer", "vertex"],
)
@pytest.mark.filterwarnings("ignore:.* is not a valid:UserWarning")
async def test_what_we_read_is_what_the_sdk_reads(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    api: Api,
    messages: Sequence[dict[str, Any]],
) -> None:
    heard = await heard_by_the_sdk(certificates, trusting, api, messages)

    for message, its in zip(messages, heard, strict=True):
        assert read(message, api) == list(as_the_sdk_reads_it(its)), message


def test_every_kind_of_message_that_the_sdk_knows_is_compared() -> None:
    compared = {key for message in MESSAGES for key in message}
    fields = types.LiveServerMessage.model_fields

    assert {field.alias or name for name, field in fields.items()} - compared == set()


# What we receive, where the SDK would give up


def test_an_invalid_call_does_not_spoil_the_others() -> None:
    bad: dict[str, Any] = {"id": "2", "name": "f", "args": [1, 2]}
    received = read(calls({"id": "1", "name": "f"}, bad, {"id": "3", "name": "g"}))

    first, invalid, last = received
    assert (first, last) == (
        ToolCallRequested(AT_MS, "1", "f", {}),
        ToolCallRequested(AT_MS, "3", "g", {}),
    )
    assert isinstance(invalid, InvalidToolCall)
    assert (invalid.id, invalid.name) == ("2", "f")


def test_equal_calls_of_a_message_are_told_apart() -> None:
    one: dict[str, Any] = {"name": "f", "args": {"a": 1}}
    other: dict[str, Any] = {"name": "f", "args": {"a": 2}}
    items = [one, other, one, {"name": "g", "args": {"a": 1}}, one]

    received = read(calls(*(item | {"id": str(n)} for n, item in enumerate(items))))
    later = read(calls(one | {"id": "9"}))

    twins = [call.twin for call in received if isinstance(call, ToolCallRequested)]
    assert twins == [0, 0, 1, 0, 2]
    assert later == [ToolCallRequested(AT_MS, "9", "f", {"a": 1})]


def _nested(depth: int) -> str:
    """A function call whose argument is `depth` nested lists."""
    return f'{{"id": "1", "name": "f", "args": {{"a": {"[" * depth}{"]" * depth}}}}}'


def test_arguments_may_be_nested_as_deep_as_the_service_can_take_them() -> None:
    assert isinstance(
        read(f'{{"toolCall": {{"functionCalls": [{_nested(30)}]}}}}')[0], ToolCallRequested
    )


@pytest.mark.parametrize(
    ("call", "id", "name"),
    [
        ('{"id": "1", "name": "f", "args": "x"}', "1", "f"),
        (f'{{"id": "1", "name": "f", "args": {{"n": {"9" * 5_000}}}}}', "1", "f"),
        (_nested(40), "1", "f"),
        (_nested(1_500), "1", "f"),
        ('{"id": 7, "name": "f", "args": {}}', None, ""),
        ('{"id": "1", "name": 7}', None, ""),
        ('{"name": "f", "args": {}}', None, "f"),
        ('{"id": "1", "args": {}}', None, ""),
        ("5", None, ""),
    ],
    ids=["text", "5,000 digits", "deep", "deeper", "id", "name", "no id", "no name", "number"],
)
def test_an_invalid_call_is_told_with_the_id_to_answer_it_by(
    call: str, id: str | None, name: str
) -> None:
    [invalid] = read(f'{{"toolCall": {{"functionCalls": [{call}]}}}}')

    assert isinstance(invalid, InvalidToolCall)
    assert (invalid.id, invalid.name) == (id, name)


def test_a_call_on_vertex_gets_an_id_of_ours() -> None:
    first, second = read(calls({"name": "f"}, {"name": "f", "args": []}), Api.VERTEX)

    assert isinstance(first, ToolCallRequested)
    assert isinstance(second, InvalidToolCall)
    assert first.id
    assert second.id
    assert first.id != second.id


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"a \ud83d", "a �"),
        (rb"\uD83D\uDE00 \uDE00", "😀 �"),
        (rb"\ude00\ud83d", "��"),
        (rb"\\ud83d \ud83d", "\\ud83d �"),
        (rb"\\\ud83d", "\\�"),
        (b"h\xed\xa0\xbd", "h���"),
        (b"h\xff", "h�"),
        ("\N{GRINNING FACE}".encode() + rb"\ud83d\n", "😀�\n"),
    ],
)
def test_half_a_surrogate_pair_becomes_a_replacement_character(written: bytes, text: str) -> None:
    said = b'{"serverContent":{"inputTranscription":{"text":"%b"}}}' % written
    asked = b'{"toolCall":{"functionCalls":[{"id":"1","name":"f","args":{"a":"%b"}}]}}' % written

    assert read(said) == [TranscriptReceived(AT_MS, Speaker.CALLER, text)]
    assert read(asked) == [ToolCallRequested(AT_MS, "1", "f", {"a": text})]


def of(modality: str, count: int) -> list[dict[str, Any]]:
    return [{"modality": modality, "tokenCount": count}]


@pytest.mark.parametrize(
    ("billed", "prompt", "response", "cost_usd"),
    [
        ({"totalTokenCount": 1_000}, {}, {"UNKNOWN": 1_000}, 0.012),
        (
            {"promptTokenCount": 900, "responseTokenCount": 100, "totalTokenCount": 1_000},
            {"UNKNOWN": 900},
            {"UNKNOWN": 100},
            0.0039,
        ),
        (
            {"promptTokensDetails": of("TEXT", 300), "totalTokenCount": 1_000},
            {"TEXT": 300},
            {"UNKNOWN": 700},
            0.0093,
        ),
        (
            {
                "promptTokenCount": 900,
                "promptTokensDetails": of("AUDIO", 600),
                "responseTokensDetails": of("AUDIO", 100),
                "totalTokenCount": 1_000,
            },
            {"AUDIO": 600, "UNKNOWN": 300},
            {"AUDIO": 100},
            0.0039,
        ),
        (
            {
                "promptTokensDetails": of("AUDIO", 800),
                "responseTokensDetails": of("AUDIO", 100),
                "toolUsePromptTokenCount": 60,
                "thoughtsTokenCount": 40,
                "totalTokenCount": 1_000,
            },
            {"AUDIO": 800},
            {"AUDIO": 100},
            0.00426,
        ),
        (
            {
                "promptTokensDetails": of("AUDIO", 800),
                "responseTokensDetails": of("AUDIO", 200),
                "totalTokenCount": 900,
            },
            {"AUDIO": 800},
            {"AUDIO": 200},
            0.0048,
        ),
        ({}, {}, {}, 0.0),
    ],
)
def test_tokens_that_are_only_counted_are_priced_as_the_dearest(
    billed: dict[str, Any], prompt: dict[str, int], response: dict[str, int], cost_usd: float
) -> None:
    [reported] = read({"usageMetadata": billed})
    assert isinstance(reported, UsageReported)
    assert (reported.usage.prompt, reported.usage.response) == (prompt, response)
    assert prices.cost_usd(reported.usage) == pytest.approx(cost_usd)


@pytest.mark.parametrize(
    "message",
    [b'{"serverContent":', b"[" * 100_000, b"[1]", b"5", b"", b"\xff\xfe"],
    ids=range(6),
)
def test_nonsense_is_unreadable(message: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        read(message)


ODD_PARTS = {
    "content": ('"serverContent": 5', "serverContent"),
    "a flag": ('"serverContent": {"turnComplete": "yes"}', "turnComplete"),
    "parts": ('"serverContent": {"modelTurn": {"parts": 5}}', "modelTurn"),
    "a part": ('"serverContent": {"modelTurn": {"parts": [5]}}', "modelTurn"),
    "sound": (
        '"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": "***"}}]}}',
        "inlineData",
    ),
    "padding": (
        '"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": "A"}}]}}',
        "inlineData",
    ),
    "letters": (
        '"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": "AAé="}}]}}',
        "inlineData",
    ),
    "words": ('"serverContent": {"inputTranscription": {"text": 5}}', "inputTranscription"),
    "more words": ('"serverContent": {"outputTranscription": []}', "outputTranscription"),
    "calls": ('"toolCall": {"functionCalls": {}}', "toolCall"),
    "ids": ('"toolCallCancellation": {"ids": [1]}', "toolCallCancellation"),
    "a count": ('"usageMetadata": {"totalTokenCount": "many"}', "usageMetadata"),
    "a negative count": ('"usageMetadata": {"totalTokenCount": -1}', "usageMetadata"),
    "22 digits": (f'"usageMetadata": {{"totalTokenCount": {10**21}}}', "usageMetadata"),
    "5,000 digits": (f'"usageMetadata": {{"totalTokenCount": {"9" * 5_000}}}', "usageMetadata"),
    "a handle": ('"sessionResumptionUpdate": {"newHandle": 5}', "sessionResumptionUpdate"),
    "a time": ('"goAway": {"timeLeft": 5}', "goAway"),
}


@pytest.mark.parametrize(("odd", "part"), ODD_PARTS.values(), ids=ODD_PARTS.keys())
def test_an_odd_part_spoils_no_other(odd: str, part: str) -> None:
    good = {
        '"serverContent": {"interrupted": true}': ModelInterrupted(AT_MS),
        '"toolCallCancellation": {"ids": ["1"]}': ToolCallCancelled(AT_MS, ("1",)),
        '"goAway": {"timeLeft": "5s"}': GoAwayReceived(AT_MS, 5_000.0),
    }
    beside = {text: event for text, event in good.items() if text.split(":")[0] not in odd}

    *events, unread = read("{" + ", ".join([odd, *beside]) + "}")

    assert events == list(beside.values())
    assert isinstance(unread, Unread)
    assert unread.part == part


ODD_FIELDS = {
    "interrupted": '"yes"',
    "generationComplete": "1",
    "turnCompleteReason": "5",
    "interactionStatus": "[]",
    "inputTranscription": "5",
}


@pytest.mark.parametrize(("field", "value"), ODD_FIELDS.items(), ids=ODD_FIELDS.keys())
def test_an_odd_field_spoils_neither_sound_nor_the_end_of_the_turn(field: str, value: str) -> None:
    part = f'{{"inlineData": {{"data": "{base64.b64encode(EVERY_BYTE).decode()}"}}}}'
    good = f'"modelTurn": {{"parts": [{part}]}}, "turnComplete": true'

    speech, over, unread = read(f'{{"serverContent": {{{good}, "{field}": {value}}}}}')

    assert speech == ModelSpeech(EVERY_BYTE)
    assert over == TurnCompleted(AT_MS)
    assert isinstance(unread, Unread)
    assert unread.part == field


def test_a_cancelled_id_that_cannot_be_read_spoils_no_other() -> None:
    cancelled, unread = read('{"toolCallCancellation": {"ids": ["1", 5]}}')

    assert cancelled == ToolCallCancelled(AT_MS, ("1",))
    assert isinstance(unread, Unread)


DEEP = "[" * 50_000 + "]" * 50_000


@pytest.mark.parametrize("value", [DEEP, f'{{"a": "]}}NaN", "b": {DEEP}}}', "9" * 5_000, "1e400"])
def test_arguments_that_cannot_be_read_spoil_no_other_call(value: str) -> None:
    calls = f'{{"id": "1", "name": "a", "args": {{"n": {value}}}}}, {{"id": "2", "name": "b"}}'

    odd, good = read(f'{{"toolCall": {{"functionCalls": [{calls}]}}}}')

    assert isinstance(odd, InvalidToolCall)
    assert odd.id == "1"
    assert good == ToolCallRequested(AT_MS, "2", "b", {}, False)


def test_what_is_nested_deep_in_an_unknown_field_spoils_nothing() -> None:
    assert read(f'{{"news": {DEEP}, "goAway": {{"timeLeft": "5s"}}}}') == [
        GoAwayReceived(AT_MS, 5_000.0)
    ]


def test_numbers_that_json_has_not_are_texts_and_texts_stay_as_they_are() -> None:
    args = '{"a": NaN, "b": [-Infinity], "c": "NaN \\" Infinity ["}'
    calls = f'{{"id": "1", "name": "a", "args": {args}}}, {{"id": "2", "name": "b"}}'

    odd, good = read(f'{{"toolCall": {{"functionCalls": [{calls}]}}}}')

    found = {"a": "NaN", "b": ["-Infinity"], "c": 'NaN " Infinity ['}
    assert odd == ToolCallRequested(AT_MS, "1", "a", found, False)
    assert good == ToolCallRequested(AT_MS, "2", "b", {}, False)


def test_odd_sound_spoils_neither_sound_nor_words_beside_it() -> None:
    odd, good = {"inlineData": {"data": "***"}}, sound(EVERY_BYTE)
    message = content(odd, good)
    message["serverContent"] |= {"outputTranscription": {"text": "Hi."}, "turnComplete": True}

    speech, said, over, unread = read(message)

    assert speech == ModelSpeech(EVERY_BYTE)
    assert said == TranscriptReceived(AT_MS, Speaker.AGENT, "Hi.")
    assert over == TurnCompleted(AT_MS)
    assert isinstance(unread, Unread)


@pytest.mark.parametrize(
    ("time_left", "left_ms"),
    [("infs", 86_400_000.0), ("1e400s", 86_400_000.0), ("nans", 0.0), ("-5s", 0.0), ("", 0.0)],
)
def test_a_time_that_is_none_is_bounded(time_left: str, left_ms: float) -> None:
    assert read({"goAway": {"timeLeft": time_left}}) == [GoAwayReceived(AT_MS, left_ms)]


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        b'{"neverHeardOf": {"n": %b}}' % (b"9" * 5_000),
        b'{"serverContent": {"newField": %b}}' % (b"9" * 5_000),
    ],
    ids=range(3),
)
def test_what_is_not_known_says_nothing(message: bytes) -> None:
    assert read(message) == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"error": {"code": 13, "message": "internal", "status": "INTERNAL"}}', 13),
        ('{"code": 13, "message": "internal"}', 13),
        ('{"error": {"message": "internal"}}', None),
        ('{"error": "internal"}', None),
        ('{"error": {"code": "INTERNAL"}}', None),
        (f'{{"code": {"9" * 5_000}}}', None),
        (r'{"error": {"code": 8, "message": "\ud83d"}}', 8),
    ],
)
def test_an_error_of_the_service_is_told_by_its_code(message: str, code: int | None) -> None:
    assert read(message) == [ServiceError(code)]


def test_an_error_beside_other_news_does_not_spoil_it() -> None:
    message = '{"error": {"code": []}, "serverContent": {"turnComplete": true}}'

    assert read(message) == [ServiceError(None), TurnCompleted(AT_MS)]
