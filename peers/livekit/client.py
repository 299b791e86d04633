"""LiveKit's Google plugin, without a LiveKit server. See peers/__init__.py for what it does."""

import asyncio
import json
import sys

from google.genai.types import HttpOptions
from livekit import rtc
from livekit.agents.llm import (
    FunctionCall,
    FunctionCallOutput,
    GenerationCreatedEvent,
    RealtimeSession,
    function_tool,
)
from livekit.plugins.google.realtime import RealtimeModel

_HZ = 16_000
_FRAME_BYTES = _HZ // 50 * 2
_ACCOUNT = {"status": "active", "plan": "family plan", "next_delivery": "Tuesday"}


@function_tool
async def lookup_account(account_number: str) -> str:
    """Looks up an account."""
    return json.dumps(_ACCOUNT)


@function_tool
async def end_call(reason: str = "") -> str:
    """Hangs up."""
    return "ending"


class Conversation:
    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.interruptions = 0
        self.ended = asyncio.Event()
        self._generations: set[asyncio.Task[None]] = set()
        self._speaking = False
        session.on("generation_created", self._begin)
        session.on("input_speech_started", self._interrupt)

    def _interrupt(self, _: object) -> None:
        self.interruptions += self._speaking

    def _begin(self, generation: GenerationCreatedEvent) -> None:
        task = asyncio.create_task(self._follow(generation))
        self._generations.add(task)
        task.add_done_callback(self._generations.discard)

    async def _follow(self, generation: GenerationCreatedEvent) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(generation))
            async for call in generation.function_stream:
                await self._answer(call)

    async def _hear(self, generation: GenerationCreatedEvent) -> None:
        async for message in generation.message_stream:
            async for _ in message.audio_stream:
                self._speaking = True
            self._speaking = False

    async def _answer(self, call: FunctionCall) -> None:
        tool = self.session.tools.function_tools[call.name]
        output = await tool(**json.loads(call.arguments))
        context = self.session.chat_ctx
        context.items += [
            call,
            FunctionCallOutput(name=call.name, call_id=call.call_id, output=output, is_error=False),
        ]
        await self.session.update_chat_ctx(context)
        if call.name == "end_call":
            self.ended.set()


async def main(base_url: str, api_key: str) -> None:
    model = RealtimeModel(
        model="gemini-3.8-live",
        api_key=api_key,
        instructions="You answer the telephone of a delivery service.",
        http_options=HttpOptions(base_url=base_url),
    )
    session = model.session()
    conversation = Conversation(session)
    await session.update_tools([lookup_account, end_call])
    session.generate_reply()
    voice = asyncio.create_task(pass_on(session))
    await conversation.ended.wait()
    voice.cancel()
    await session.aclose()
    print(json.dumps({"interruptions": conversation.interruptions}))


async def pass_on(session: RealtimeSession) -> None:
    """Pass on the caller's voice from standard input."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        data = await reader.readexactly(_FRAME_BYTES)
        session.push_audio(rtc.AudioFrame(data, _HZ, 1, _FRAME_BYTES // 2))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
