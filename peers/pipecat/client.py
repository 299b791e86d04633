"""Pipecat's service for Gemini Live, in a pipeline without a transport. See peers/__init__.py for
what it does."""

import asyncio
import json
import sys
from typing import Any

from google.genai.types import HttpOptions
from pipecat.frames.frames import (
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMRunFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.google.gemini_live.llm import GeminiLiveLLMService
from pipecat.services.llm_service import FunctionCallParams
from pipecat.workers.runner import WorkerRunner

_HZ = 16_000
_FRAME_BYTES = _HZ // 50 * 2
_ACCOUNT = {"status": "active", "plan": "family plan", "next_delivery": "Tuesday"}


async def lookup_account(params: FunctionCallParams, account_number: str) -> None:
    """Looks up an account.

    Args:
        account_number: as the caller says it.
    """
    await params.result_callback(_ACCOUNT)


async def end_call(params: FunctionCallParams, reason: str = "") -> None:
    """Hangs up."""
    await params.result_callback({"status": "ending"})
    await params.llm.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)


class Interruptions(FrameProcessor):
    """Counts interruptions where a transport would stop playing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.count += isinstance(frame, InterruptionFrame)
        await self.push_frame(frame, direction)


async def main(base_url: str, api_key: str) -> None:
    context = LLMContext([{"role": "developer", "content": "Greet the caller."}])
    user, assistant = LLMContextAggregatorPair(context, realtime_service_mode=True)
    interruptions = Interruptions()
    service = GeminiLiveLLMService(
        api_key=api_key,
        settings=GeminiLiveLLMService.Settings(
            model="models/gemini-3.8-live",
            system_instruction="You answer the telephone of a delivery service.",
        ),
        tools=[lookup_account, end_call],
        http_options=HttpOptions(base_url=base_url),
    )
    worker = PipelineWorker(Pipeline([user, service, interruptions, assistant]))
    await worker.queue_frame(LLMRunFrame())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    voice = asyncio.create_task(pass_on(worker))
    await runner.run()
    voice.cancel()
    print(json.dumps({"interruptions": interruptions.count}))


async def pass_on(worker: Any) -> None:
    """Pass on the caller's voice from standard input."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        data = await reader.readexactly(_FRAME_BYTES)
        await worker.queue_frame(InputAudioRawFrame(data, _HZ, 1))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
