"""Scripted sessions with a Gemini Live endpoint, and a stand-in that knows their questions.

Scripts check nothing; their sessions are only recorded. Each wait has a deadline.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from devtools.conformance.recording import Json, Recording
from devtools.conformance.wire import SPEECH_HZ, CannotConnect, Endpoint, Sessions, Wire
from simulators.gemini_live.scenario import Pace, PlannedCall, Reply, Scenario, Turn
from simulators.pictures import picture
from simulators.speech.synthesis import synthesize

Script = Callable[[Sessions], Awaitable[None]]

MODEL = "gemini-3.8-live"
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
NAME_THEM = "In one word each: what is on the photos that I have sent you?"
QUESTION = "what is the capital of france"
INTERRUPTION = "stop please that is enough"

_ANSWERED_WITHIN_S = 20.0
_SET_UP_WITHIN_S = 10.0
_SETTLED_S = 2.0
_QUIET_S = 4.0
_INTERRUPT_AFTER_MS = 1000
_BYTES_PER_MS = 48  # PCM16 at 24 kHz
_SCRIPT_WITHIN_S = 90.0

_TOOL: Json = {
    "name": "look_up_balance",
    "description": "Returns the balance of an account.",
    "parameters": {
        "type": "OBJECT",
        "properties": {"account": {"type": "STRING"}},
        "required": ["account"],
    },
}
_BALANCE: Json = {"output": {"status": "ok", "balance": "forty dollars"}}


def tool(**changes: Any) -> list[Json]:
    """The only tool of these sessions, in the setup message's format."""
    return [{"functionDeclarations": [_TOOL | changes]}]


@asynccontextmanager
async def _set_up(sessions: Sessions, /, **changes: Any) -> AsyncIterator[Wire]:
    """Open a session with these additional setup fields."""
    body = {
        "model": f"models/{MODEL}",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "systemInstruction": {"parts": [{"text": INSTRUCTIONS}]},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
    }
    async with sessions.opened(api_key=changes.pop("api_key", None)) as wire:
        await wire.send({"setup": body | changes})
        await wire.until(lambda seen: seen.find("setupComplete"), _SET_UP_WITHIN_S)
        yield wire


async def _ask(wire: Wire, text: str) -> None:
    await wire.send({"realtimeInput": {"text": text}})
    await _answered(wire)


async def _answered(wire: Wire, within_s: float = _ANSWERED_WITHIN_S) -> None:
    """Wait until the spoken turn that follows our last message is over."""

    def over(seen: Recording) -> bool:
        reply = seen.since_we_spoke()
        return bool(_spoken_ms(reply) and reply.find("serverContent", "turnComplete"))

    await wire.until(over, within_s)


def _spoken_ms(seen: Recording) -> float:
    parts = [part for parts in seen.find("serverContent", "modelTurn", "parts") for part in parts]
    data = [part["inlineData"].get("data", "") for part in parts if "inlineData" in part]
    return sum(len(base64) * 3 / 4 for base64 in data) / _BYTES_PER_MS


def _completed(seen: Recording) -> object:
    return seen.find("serverContent", "turnComplete")


def _calls(seen: Recording) -> list[Json]:
    return [call for calls in seen.find("toolCall", "functionCalls") for call in calls]


def _handle(seen: Recording) -> str | None:
    """The newest resumption handle."""
    handles = [each for each in seen.find("sessionResumptionUpdate", "newHandle") if each]
    return handles[-1] if handles else None


async def _say(wire: Wire, text: str) -> None:
    await wire.play(await asyncio.to_thread(synthesize, text, rate_hz=SPEECH_HZ))


def with_setup(**changes: Any) -> Script:
    """A session with a different setup or key, and a question to see whether it works."""

    async def script(sessions: Sessions) -> None:
        async with _set_up(sessions, **changes) as wire:
            await _ask(wire, SAY_YES)

    return script


def with_message(message: Json, **changes: Any) -> Script:
    """A message after the setup, and a question to see whether the session survives it."""

    async def script(sessions: Sessions) -> None:
        async with _set_up(sessions, **changes) as wire:
            await wire.send(message)
            await _ask(wire, SAY_YES)

    return script


def with_tool(
    response: Json, *, interrupted: bool = False, scheduling: str | None = None, **changes: Any
) -> Script:
    """A session in which a tool is called and returns `response`. With `interrupted`, the caller
    speaks before the result arrives."""
    more = {} if scheduling is None else {"scheduling": scheduling}

    async def script(sessions: Sessions) -> None:
        async with _set_up(sessions, tools=tool(**changes)) as wire:
            await wire.send({"realtimeInput": {"text": LOOK_UP}})
            if not await wire.until(_calls, _ANSWERED_WITHIN_S):
                return
            if interrupted:
                await _say(wire, INTERRUPTION)
                await wire.be_silent_until(lambda seen: seen.find("toolCallCancellation"), _QUIET_S)
            answers = [
                {"id": call.get("id", ""), "name": call["name"], "response": response, **more}
                for call in _calls(wire.recording)
            ]
            await wire.send({"toolResponse": {"functionResponses": answers}})
            if interrupted:
                await _ask(wire, SAY_YES)
            else:
                await _answered(wire, _QUIET_S if scheduling == "SILENT" else _ANSWERED_WITHIN_S)

    return script


async def short_answer(sessions: Sessions) -> None:
    async with _set_up(sessions, sessionResumption={}) as wire:
        await _ask(wire, SAY_HELLO)
        await wire.until(lambda seen: seen.find("usageMetadata") and _handle(seen), _SETTLED_S)


async def client_content(sessions: Sessions) -> None:
    async with _set_up(sessions) as wire:
        turn = {"role": "user", "parts": [{"text": SAY_HELLO}]}
        await wire.send({"clientContent": {"turns": [turn], "turnComplete": True}})
        await _answered(wire)


async def spoken_question(sessions: Sessions) -> None:
    async with _set_up(sessions) as wire:
        await _say(wire, QUESTION)
        await wire.be_silent_until(_completed, _ANSWERED_WITHIN_S)


async def interruption(sessions: Sessions) -> None:
    async with _set_up(sessions) as wire:
        await wire.send({"realtimeInput": {"text": COUNT_TO_FORTY}})
        await wire.until(lambda seen: _spoken_ms(seen) > _INTERRUPT_AFTER_MS, _ANSWERED_WITHIN_S)
        await _say(wire, INTERRUPTION)
        await wire.be_silent_until(_completed, _QUIET_S)


async def pictures(sessions: Sessions) -> None:
    """Send two photos at the same moment, and then ask about them."""
    async with _set_up(sessions) as wire:
        for name in ("label", "meter"):
            await wire.send({"realtimeInput": {"video": _image(picture(name))}})
        await wire.until(lambda seen: _spoken_ms(seen) > 0, _QUIET_S)
        await _ask(wire, NAME_THEM)
        await wire.until(lambda seen: seen.find("usageMetadata"), _SETTLED_S)


def _image(data: bytes, mime_type: str = "image/jpeg") -> Json:
    return {"data": base64.b64encode(data).decode(), "mimeType": mime_type}


def resumption(*, too_early: bool) -> Script:
    """A session, and another one that resumes it. With `too_early`, the first socket is still open
    when its handle is used."""

    async def script(sessions: Sessions) -> None:
        async with AsyncExitStack() as first:
            wire = await first.enter_async_context(_set_up(sessions, sessionResumption={}))
            await _ask(wire, TEACH)
            await wire.until(_handle, _SETTLED_S)
            if not too_early:
                await first.aclose()
            if handle := _handle(wire.recording):
                async with _set_up(sessions, sessionResumption={"handle": handle}) as second:
                    await _ask(second, RECALL)

    return script


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
    "tools": [*tool(name="end_call"), {"googleSearch": {}}],
}
_ODD_VOICE: Json = {
    "responseModalities": ["AUDIO"],
    "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "NoSuchVoice"}}},
}
_MEDIUM: Json = {
    "automaticActivityDetection": {"startOfSpeechSensitivity": "START_SENSITIVITY_MEDIUM"}
}
_EMPTY_REQUIRED: Json = {"type": "OBJECT", "properties": {}, "required": []}
_UNKNOWN_CALL: Json = {"id": "no-such-call", "name": _TOOL["name"], "response": _BALANCE}
_FRIENDLY: Json = {"parts": [{"text": f"{INSTRUCTIONS} Be friendly."}]}


def _audio(data: str = "AAAA", mime_type: str = "audio/pcm;rate=16000") -> Json:
    return {"data": data, "mimeType": mime_type}


SCRIPTS: Mapping[str, Script] = {
    "short-answer": short_answer,
    "client-content": client_content,
    "spoken-question": spoken_question,
    "interruption": interruption,
    "pictures": pictures,
    "picture-broken": with_message({"realtimeInput": {"video": _image(b"no picture")}}),
    "picture-gif": with_message({"realtimeInput": {"video": _image(b"GIF89a", "image/gif")}}),
    "context-update": with_message({"contextUpdate": {"systemInstruction": _FRIENDLY}}),
    "tool": with_tool(_BALANCE),
    "tool-silent-response": with_tool(_BALANCE, scheduling="SILENT", behavior="NON_BLOCKING"),
    "tool-unknown-call": with_message(
        {"toolResponse": {"functionResponses": [_UNKNOWN_CALL]}}, tools=tool()
    ),
    "tool-oversized-response": with_tool({"output": "many words " * 9_000}),
    "tool-interrupted-blocking": with_tool(_BALANCE, interrupted=True, behavior="BLOCKING"),
    "tool-interrupted-non-blocking": with_tool(_BALANCE, interrupted=True, behavior="NON_BLOCKING"),
    "resumption": resumption(too_early=False),
    "resumption-too-early": resumption(too_early=True),
    "resumption-unknown-handle": with_setup(sessionResumption={"handle": "no-such-handle"}),
    "our-setup": with_setup(**_OUR_SETUP),
    "key-wrong": with_setup(api_key="wrong-key"),
    "key-missing": with_setup(api_key=""),
    "setup-unknown-model": with_setup(model="models/no-such-model"),
    "setup-unknown-field": with_setup(noSuchField=True),
    "setup-medium-sensitivity": with_setup(realtimeInputConfig=_MEDIUM),
    "setup-unknown-voice": with_setup(generationConfig=_ODD_VOICE),
    "setup-empty-required": with_setup(tools=tool(parameters=_EMPTY_REQUIRED)),
    "setup-proactive-audio": with_setup(proactivity={"proactiveAudio": False}),
    "audio-bad-base64": with_message({"realtimeInput": {"audio": _audio(data="no base64!")}}),
    "audio-ogg": with_message({"realtimeInput": {"audio": _audio(mime_type="audio/ogg")}}),
    "audio-media-chunks": with_message({"realtimeInput": {"mediaChunks": [_audio()]}}),
}


async def record(script: Script, endpoint: Endpoint) -> list[Recording]:
    """Run a script, and return its recorded sessions. Raises CannotConnect, and TimeoutError if the
    script doesn't end."""
    sessions = Sessions(endpoint)
    async with asyncio.timeout(_SCRIPT_WITHIN_S):
        await script(sessions)
    return sessions.recordings


async def why_out_of_reach(endpoint: Endpoint) -> str | None:
    """Say why sessions can't be opened at all, for example with a wrong key; None if they can."""
    try:
        sessions = Sessions(endpoint)
        async with _set_up(sessions) as wire:
            seen = wire.recording
    except CannotConnect as error:
        return str(error)
    if seen.find("setupComplete"):
        return None
    ends = [message.body for message in seen.messages if "ended" in message.body]
    return "; ".join(f"{end['ended']} {end['reason']}" for end in ends) or "no reply to the setup"


STAND_IN = Scenario(
    turns=(
        Turn("hello", Reply(say="Hello, this is a test."), text=SAY_HELLO),
        Turn("forty", Reply(say="One, two, three, four. " * 4), text=COUNT_TO_FORTY),
        Turn(
            "balance",
            Reply(
                calls=(PlannedCall("look_up_balance", {"account": "12"}),),
                then="It is forty dollars.",
            ),
            text=LOOK_UP,
        ),
        Turn("teach", Reply(say="Yes."), text=TEACH),
        Turn("recall", Reply(say="Pineapple."), text=RECALL, needs="teach", forgotten="No."),
        # Must be the last of the texts, because TEACH contains it.
        Turn("yes", Reply(say="Yes."), text=SAY_YES),
        Turn("question", Reply(say="Paris."), heard=(QUESTION,)),
        Turn("jar", Reply(say="A jar."), seen=("label",)),
        Turn("meter", Reply(say="A meter."), seen=("meter",)),
    ),
    decoys=(INTERRUPTION,),
    pace=Pace(speed=8),
)
"""The stand-in's side of the scripts."""
