"""What is said to a Gemini Live endpoint: short sessions, each wait with its deadline.

A script judges nothing; `observing` does, from what was recorded.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from devtools.conformance.recording import Json, Recording
from devtools.conformance.wire import Recorder, Wire
from simulators.speech.synthesis import synthesize

Script = Callable[[Recorder], Awaitable[None]]

INSTRUCTIONS = (
    "You take part in a test. Speak English. Do exactly what is asked, in as few words as possible."
    " When you call a tool, say nothing before its result is there."
)
SAY_HELLO = "Say exactly: Hello, this is a test."
SAY_YES = "Say yes."
COUNT_TO_TEN = "Count aloud from one to ten."
COUNT_TO_FORTY = "Count aloud from one to forty."
LOOK_UP = "Call the tool look_up_balance for account 12 and tell me the balance."
TEACH = "My code word is pineapple. Say yes."
RECALL = "What is my code word?"
QUESTION = "what is the capital of france"
INTERRUPTION = "stop please that is enough"
BALANCE = "forty dollars"
WIDEBAND_HZ, NARROWBAND_HZ = 16_000, 8_000

_SET_UP_WITHIN_S = 10.0
_ANSWERED_WITHIN_S = 20.0
_SETTLED_WITHIN_S = 2.0
_SILENT_FOR_S = 4.0
_INTERRUPT_AFTER_MS = 1000
_OVERSIZED_BYTES = 100_000

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
        await wire.until(lambda seen: seen.set_up, _SET_UP_WITHIN_S)
        yield wire


async def _ask(wire: Wire, text: str) -> None:
    await wire.send({"realtimeInput": {"text": text}})
    await _turn_completed(wire)


async def _turn_completed(wire: Wire) -> bool:
    """Wait until the turn that answers our last message is over."""

    def over(seen: Recording) -> bool:
        answer = seen.since(seen.last_sent)
        spoken = answer.audio
        return any(spoken and end.index >= spoken[0].index for end in answer.turn_completes)

    return await wire.until(over, _ANSWERED_WITHIN_S)


async def short_answer(recorder: Recorder) -> None:
    async with _opened(recorder, sessionResumption={}) as wire:
        await _ask(wire, SAY_HELLO)
        await wire.until(
            lambda seen: bool(seen.find("usageMetadata") and seen.handle), _SETTLED_WITHIN_S
        )


async def long_answer(recorder: Recorder) -> None:
    async with _opened(recorder) as wire:
        await _ask(wire, COUNT_TO_TEN)


async def client_content(recorder: Recorder) -> None:
    async with _opened(recorder) as wire:
        turn = {"role": "user", "parts": [{"text": SAY_HELLO}]}
        await wire.send({"clientContent": {"turns": [turn], "turnComplete": True}})
        await _turn_completed(wire)


def spoken_question(rate_hz: int) -> Script:
    async def script(recorder: Recorder) -> None:
        async with _opened(recorder) as wire:
            await wire.play(await _speech(QUESTION, rate_hz), rate_hz)
            await wire.be_silent_until(
                lambda seen: bool(seen.turn_completes), rate_hz, _ANSWERED_WITHIN_S
            )

    return script


async def interruption(recorder: Recorder) -> None:
    async with _opened(recorder) as wire:
        await wire.send({"realtimeInput": {"text": COUNT_TO_FORTY}})
        await wire.until(lambda seen: seen.audio_ms > _INTERRUPT_AFTER_MS, _ANSWERED_WITHIN_S)
        await _interrupt(wire, lambda seen: bool(seen.turn_completes))


async def tool_round_trip(recorder: Recorder) -> None:
    async with _opened(recorder, tools=tools()) as wire:
        if await _called(wire):
            await _respond(wire, {"output": {"status": "ok", "balance": BALANCE}})
            await _turn_completed(wire)


async def silent_response(recorder: Recorder) -> None:
    async with _opened(recorder, tools=tools(behavior="NON_BLOCKING")) as wire:
        if await _called(wire):
            await _respond(wire, {"output": {"balance": BALANCE}}, scheduling="SILENT")
            await wire.until(lambda seen: bool(seen.since(seen.last_sent).audio), _SILENT_FOR_S)


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
            await wire.until(lambda seen: seen.set_up, _SET_UP_WITHIN_S)

    return script


async def _called(wire: Wire) -> bool:
    await wire.send({"realtimeInput": {"text": LOOK_UP}})
    return await wire.until(lambda seen: bool(seen.tool_call_ids), _ANSWERED_WITHIN_S)


async def _respond(wire: Wire, response: Json, *, call_id: str | None = None, **more: str) -> None:
    ids = [call_id] if call_id else wire.recording.tool_call_ids
    responses = [{"id": each, "name": _TOOL["name"], "response": response, **more} for each in ids]
    await wire.send({"toolResponse": {"functionResponses": responses}})


async def _interrupt(wire: Wire, condition: Callable[[Recording], bool]) -> None:
    await wire.play(await _speech(INTERRUPTION, WIDEBAND_HZ), WIDEBAND_HZ)
    await wire.be_silent_until(condition, WIDEBAND_HZ, _SILENT_FOR_S)


async def _taught(wire: Wire) -> str | None:
    await _ask(wire, TEACH)
    await wire.until(lambda seen: seen.handle is not None, _SETTLED_WITHIN_S)
    return wire.recording.handle


async def _speech(text: str, rate_hz: int) -> Any:
    return await asyncio.to_thread(synthesize, text, rate_hz=rate_hz)
