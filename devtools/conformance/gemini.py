"""Scripted sessions with a Gemini Live endpoint, and the stand-in that knows their questions.

A script judges nothing: it is recorded. Each wait has a deadline.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from devtools.conformance.recording import Json, Recording
from devtools.conformance.wire import SPEECH_HZ, CannotConnect, Endpoint, Recorder, Wire
from simulators.gemini_live.scenario import Pace, PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.synthesis import synthesize

Script = Callable[[Recorder], Awaitable[None]]

INSTRUCTIONS = (
    "You take part in a test. Speak English. Do exactly what is asked, in as few words as possible."
    " When you call a tool, say nothing before its result is there."
)
SAY_HELLO = "Say exactly: Hello, this is a test."
SAY_YES = "Say yes."
COUNT_TO_FORTY = "Count aloud from one to forty."
LOOK_UP = "Call the tool look_up_balance for account 12 and tell me the balance."
TEACH = "My code word is pineapple. Say yes."
RECALL = "What is my code word?"
QUESTION = "what is the capital of france"
INTERRUPTION = "stop please that is enough"
BALANCE = "forty dollars"
MODEL = "gemini-3.8-live"

_SET_UP_WITHIN_S = 10.0
_ANSWERED_WITHIN_S = 20.0
_SETTLED_WITHIN_S = 2.0
_SILENT_FOR_S = 4.0
_INTERRUPT_AFTER_MS = 1000
_OVERSIZED_BYTES = 100_000
_SCRIPT_WITHIN_S = 90.0

_TOOL = {
    "name": "look_up_balance",
    "description": "Returns the balance of an account.",
    "parameters": {
        "type": "OBJECT",
        "properties": {"account": {"type": "STRING"}},
        "required": ["account"],
    },
}


def setup(model: str, /, **changes: Any) -> Json:
    """The first message; `changes` replace or add fields of it."""
    body = {
        "model": f"models/{model}",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "systemInstruction": {"parts": [{"text": INSTRUCTIONS}]},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
    }
    return {"setup": body | changes}


def tools(**changes: Any) -> list[Json]:
    """The one tool of these sessions, as setup wants it."""
    return [{"functionDeclarations": [_TOOL | changes]}]


@asynccontextmanager
async def _opened(recorder: Recorder, /, **changes: Any) -> AsyncIterator[Wire]:
    async with recorder.session() as wire:
        await wire.send(setup(recorder.model, **changes))
        await wire.until(_set_up, _SET_UP_WITHIN_S)
        yield wire


async def _ask(wire: Wire, text: str) -> None:
    await wire.send({"realtimeInput": {"text": text}})
    await _turn_completed(wire)


async def _turn_completed(wire: Wire) -> bool:
    """Wait until the turn that answers our last message is over."""

    def over(seen: Recording) -> bool:
        reply = seen.since_we_spoke()
        return bool(reply.audio_ms and reply.find("serverContent", "turnComplete"))

    return await wire.until(over, _ANSWERED_WITHIN_S)


def _set_up(seen: Recording) -> bool:
    return bool(seen.find("setupComplete"))


def _completed(seen: Recording) -> bool:
    return bool(seen.find("serverContent", "turnComplete"))


async def short_answer(recorder: Recorder) -> None:
    async with _opened(recorder, sessionResumption={}) as wire:
        await _ask(wire, SAY_HELLO)
        await wire.until(
            lambda seen: bool(seen.find("usageMetadata") and seen.handle), _SETTLED_WITHIN_S
        )


async def client_content(recorder: Recorder) -> None:
    async with _opened(recorder) as wire:
        turn = {"role": "user", "parts": [{"text": SAY_HELLO}]}
        await wire.send({"clientContent": {"turns": [turn], "turnComplete": True}})
        await _turn_completed(wire)


async def spoken_question(recorder: Recorder) -> None:
    async with _opened(recorder) as wire:
        await wire.play(await _speech(QUESTION))
        await wire.be_silent_until(_completed, _ANSWERED_WITHIN_S)


async def interruption(recorder: Recorder) -> None:
    async with _opened(recorder) as wire:
        await wire.send({"realtimeInput": {"text": COUNT_TO_FORTY}})
        await wire.until(lambda seen: seen.audio_ms > _INTERRUPT_AFTER_MS, _ANSWERED_WITHIN_S)
        await _interrupt(wire, _completed)


async def tool_round_trip(recorder: Recorder) -> None:
    async with _opened(recorder, tools=tools()) as wire:
        if await _called(wire):
            await _respond(wire, {"output": {"status": "ok", "balance": BALANCE}})
            await _turn_completed(wire)


async def silent_response(recorder: Recorder) -> None:
    async with _opened(recorder, tools=tools(behavior="NON_BLOCKING")) as wire:
        if await _called(wire):
            await _respond(wire, {"output": {"balance": BALANCE}}, scheduling="SILENT")
            await wire.until(lambda seen: seen.since_we_spoke().audio_ms > 0, _SILENT_FOR_S)


async def unknown_call(recorder: Recorder) -> None:
    async with _opened(recorder, tools=tools()) as wire:
        await _respond(wire, {"output": BALANCE}, call_id="no-such-call")
        await _ask(wire, SAY_YES)


async def oversized_response(recorder: Recorder) -> None:
    async with _opened(recorder, tools=tools()) as wire:
        if await _called(wire):
            await _respond(wire, {"output": "many words " * (_OVERSIZED_BYTES // 11)})
            await _turn_completed(wire)


def barge_in_on_call(behavior: str) -> Script:
    """The caller speaks while a call is open; then its response comes."""

    async def script(recorder: Recorder) -> None:
        async with _opened(recorder, tools=tools(behavior=behavior)) as wire:
            if await _called(wire):
                await _interrupt(wire, lambda seen: bool(seen.find("toolCallCancellation")))
                await _respond(wire, {"output": {"status": "ok", "balance": BALANCE}})
                await _ask(wire, SAY_YES)

    return script


async def resumption(recorder: Recorder) -> None:
    async with _opened(recorder, sessionResumption={}) as wire:
        handle = await _taught(wire)
    if handle is not None:
        async with _opened(recorder, sessionResumption={"handle": handle}) as wire:
            await _ask(wire, RECALL)


async def resumption_too_early(recorder: Recorder) -> None:
    """The old socket is still open when its handle is used."""
    async with _opened(recorder, sessionResumption={}) as first:
        handle = await _taught(first)
        if handle is not None:
            async with _opened(recorder, sessionResumption={"handle": handle}) as second:
                await _ask(second, RECALL)


async def context_update(recorder: Recorder) -> None:
    async with _opened(recorder) as wire:
        instruction = {"parts": [{"text": INSTRUCTIONS + " Be friendly."}]}
        await wire.send({"contextUpdate": {"systemInstruction": instruction}})
        await _ask(wire, SAY_YES)


def with_setup(**changes: Any) -> Script:
    """A session with another setup, and a question to see whether it works."""

    async def script(recorder: Recorder) -> None:
        async with _opened(recorder, **changes) as wire:
            await _ask(wire, SAY_YES)

    return script


def with_message(message: Json) -> Script:
    """One odd message after the setup, and a question to see whether the session goes on."""

    async def script(recorder: Recorder) -> None:
        async with _opened(recorder) as wire:
            await wire.send(message)
            await _ask(wire, SAY_YES)

    return script


def with_key(api_key: str) -> Script:
    async def script(recorder: Recorder) -> None:
        async with recorder.session(api_key=api_key) as wire:
            await wire.send(setup(recorder.model))
            await wire.until(_set_up, _SET_UP_WITHIN_S)

    return script


async def _called(wire: Wire) -> bool:
    await wire.send({"realtimeInput": {"text": LOOK_UP}})
    return await wire.until(lambda seen: bool(seen.tool_call_ids), _ANSWERED_WITHIN_S)


async def _respond(wire: Wire, response: Json, *, call_id: str | None = None, **more: str) -> None:
    ids = [call_id] if call_id else wire.recording.tool_call_ids
    responses = [{"id": each, "name": _TOOL["name"], "response": response, **more} for each in ids]
    await wire.send({"toolResponse": {"functionResponses": responses}})


async def _interrupt(wire: Wire, condition: Callable[[Recording], bool]) -> None:
    await wire.play(await _speech(INTERRUPTION))
    await wire.be_silent_until(condition, _SILENT_FOR_S)


async def _taught(wire: Wire) -> str | None:
    await _ask(wire, TEACH)
    await wire.until(lambda seen: seen.handle is not None, _SETTLED_WITHIN_S)
    return wire.recording.handle


async def _speech(text: str) -> Any:
    return await asyncio.to_thread(synthesize, text, rate_hz=SPEECH_HZ)


_END_CALL: Json = {
    "name": "end_call",
    "description": "Ends the call.",
    "parameters": {"type": "OBJECT", "properties": {"reason": {"type": "STRING"}}},
}
_OUR_SETUP: Json = {
    "generationConfig": {
        "responseModalities": ["AUDIO"],
        "speechConfig": {
            "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
            "languageCode": "en-US",
        },
    },
    "contextWindowCompression": {
        "triggerTokens": "24000",
        "slidingWindow": {"targetTokens": "12000"},
    },
    "realtimeInputConfig": {
        "automaticActivityDetection": {
            "silenceDurationMs": 1400,
            "endOfSpeechSensitivity": "END_SENSITIVITY_LOW",
        }
    },
    "sessionResumption": {},
    "tools": [{"functionDeclarations": [_END_CALL]}, {"googleSearch": {}}],
}
_ODD_VOICE: Json = {
    "responseModalities": ["AUDIO"],
    "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "NoSuchVoice"}}},
}
_MEDIUM: Json = {
    "automaticActivityDetection": {"startOfSpeechSensitivity": "START_SENSITIVITY_MEDIUM"}
}
_EMPTY_REQUIRED: Json = {"type": "OBJECT", "properties": {}, "required": []}
_CHUNK: Json = {"data": "AAAA", "mimeType": "audio/pcm;rate=16000"}

SCRIPTS: Mapping[str, Script] = {
    "short-answer": short_answer,
    "client-content": client_content,
    "spoken-question": spoken_question,
    "interruption": interruption,
    "context-update": context_update,
    "tool": tool_round_trip,
    "tool-silent-response": silent_response,
    "tool-unknown-call": unknown_call,
    "tool-oversized-response": oversized_response,
    "tool-interrupted-blocking": barge_in_on_call("BLOCKING"),
    "tool-interrupted-non-blocking": barge_in_on_call("NON_BLOCKING"),
    "resumption": resumption,
    "resumption-too-early": resumption_too_early,
    "resumption-unknown-handle": with_setup(sessionResumption={"handle": "no-such-handle"}),
    "our-setup": with_setup(**_OUR_SETUP),
    "key-wrong": with_key("wrong-key"),
    "key-missing": with_key(""),
    "setup-unknown-model": with_setup(model="models/no-such-model"),
    "setup-unknown-field": with_setup(noSuchField=True),
    "setup-medium-sensitivity": with_setup(realtimeInputConfig=_MEDIUM),
    "setup-unknown-voice": with_setup(generationConfig=_ODD_VOICE),
    "setup-empty-required": with_setup(tools=tools(parameters=_EMPTY_REQUIRED)),
    "setup-proactive-audio": with_setup(proactivity={"proactiveAudio": False}),
    "audio-bad-base64": with_message(
        {"realtimeInput": {"audio": {**_CHUNK, "data": "no base64!"}}}
    ),
    "audio-ogg": with_message({"realtimeInput": {"audio": {**_CHUNK, "mimeType": "audio/ogg"}}}),
    "audio-media-chunks": with_message({"realtimeInput": {"mediaChunks": [_CHUNK]}}),
}


async def record(script: Script, endpoint: Endpoint) -> list[Recording]:
    """Raises CannotConnect, and TimeoutError for a script that does not end."""
    recorder = Recorder(endpoint)
    async with asyncio.timeout(_SCRIPT_WITHIN_S):
        await script(recorder)
    return recorder.recordings


async def why_out_of_reach(endpoint: Endpoint) -> str | None:
    """Why no session can be had at all, such as a wrong key; None if one can."""
    try:
        [session] = await record(with_key(endpoint.api_key), endpoint)
    except (CannotConnect, TimeoutError) as error:
        return str(error) or "no reply"
    if _set_up(session):
        return None
    ends = [message.body for message in session.messages if "ended" in message.body]
    return "; ".join(f"{end['ended']} {end['reason']}" for end in ends) or "no reply to the setup"


_FORTY = "One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen."

SCENARIO = Scenario(
    turns=(
        Turn("hello", Reply(say="Hello, this is a test."), text=SAY_HELLO),
        Turn("forty", Reply(say=_FORTY), text=COUNT_TO_FORTY),
        Turn(
            "balance",
            Reply(
                calls=(PlannedCall("look_up_balance", {"account": "12"}),),
                then="It is forty dollars.",
            ),
            text=LOOK_UP,
        ),
        Turn("teach", Reply(say="Yes."), text=TEACH),
        Turn(
            "recall",
            Reply(say="Pineapple."),
            text=RECALL,
            needs="teach",
            forgotten="I do not know it.",
        ),
        # The last of the texts: TEACH contains it.
        Turn("yes", Reply(say="Yes."), text=SAY_YES),
        Turn("question", Reply(say="Paris."), heard=(QUESTION,)),
    ),
    decoys=(INTERRUPTION,),
    pace=Pace(speed=8),
)


@asynccontextmanager
async def running_stand_in(scenario: Scenario = SCENARIO) -> AsyncIterator[Endpoint]:
    """The endpoint of a stand-in in this process."""
    key = "stand-in-key"
    async with GeminiLiveServer(scenario, api_key=key) as server:
        tls = ssl.create_default_context(cafile=server.ca_file)
        yield Endpoint(server.base_url, key, MODEL, tls, direct=True)
