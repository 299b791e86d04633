"""Pipecat's phone bot on Gemini Live: `.venv-pipecat/bin/python benchmarks/pipecat/bot.py`.

It is wired like pipecat's own example of Gemini Live on a Twilio number (pipecat-examples,
gemini-live-starters/phone-bot/bot.py at 2b1e375); benchmarks/pipecat/README.md says what differs
and why. One process serves all calls: the webhook at `/`, streams at `/ws`, readiness at `/ready`.

Environment: PORT, GEMINI_BASE_URL, GEMINI_API_KEY; SSL_CERT_FILE for the endpoint's authority.
`VAD=off` leaves out the voice activity detection that the example runs in addition to the model's.
With TWILIO_API_URL, TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN the bot hangs up through Twilio's REST
API.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI, Response, WebSocket
from google.genai.types import HttpOptions
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import EndWorkerFrame, LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    AssistantTurnStoppedMessage,
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
    UserTurnStoppedMessage,
)
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.google.gemini_live.llm import GeminiLiveLLMService
from pipecat.services.llm_service import FunctionCallParams
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.workers.runner import WorkerRunner

_INSTRUCTIONS = (
    "You answer the telephone of a delivery service. Keep your answers short and friendly."
    " When the caller has said goodbye, say goodbye and call end_call."
)
_ACCOUNT = {"status": "active", "plan": "family plan", "next_delivery": "Tuesday"}
_GREET = {"role": "developer", "content": "Greet the caller and ask how you can help."}


@dataclass(frozen=True, slots=True)
class Settings:
    port: int
    gemini_base_url: str
    gemini_api_key: str
    with_vad: bool
    twilio_api_url: str | None
    twilio_account_sid: str | None
    twilio_auth_token: str | None


def settings_from_environ(environ: Mapping[str, str]) -> Settings:
    return Settings(
        port=int(environ["PORT"]),
        gemini_base_url=environ["GEMINI_BASE_URL"],
        gemini_api_key=environ["GEMINI_API_KEY"],
        with_vad=environ.get("VAD") != "off",
        twilio_api_url=environ.get("TWILIO_API_URL"),
        twilio_account_sid=environ.get("TWILIO_ACCOUNT_SID"),
        twilio_auth_token=environ.get("TWILIO_AUTH_TOKEN"),
    )


def application(settings: Settings) -> FastAPI:
    app = FastAPI()

    @app.get("/ready")
    async def ready() -> str:
        return "ready"

    @app.post("/")
    async def answer() -> Response:
        url = f"ws://127.0.0.1:{settings.port}/ws"
        twiml = f'<Response><Connect><Stream url="{url}"/></Connect></Response>'
        return Response(twiml, media_type="text/xml")

    @app.websocket("/ws")
    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await carry(websocket, settings)

    return app


async def carry(websocket: WebSocket, settings: Settings) -> None:
    """Carry one call, from Twilio's first message to the end of its stream."""
    _, call = await parse_telephony_websocket(websocket)
    serializer = TwilioFrameSerializer(
        stream_sid=call["stream_id"],
        call_sid=call["call_id"],
        account_sid=settings.twilio_account_sid,
        auth_token=settings.twilio_auth_token,
        base_url=settings.twilio_api_url,
        params=TwilioFrameSerializer.InputParams(auto_hang_up=settings.twilio_api_url is not None),
    )
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, serializer=serializer
        ),
    )
    context = LLMContext()
    user_aggregator, assistant_aggregator = LLMContextAggregatorPair(
        context,
        realtime_service_mode=True,
        user_params=LLMUserAggregatorParams(
            vad_analyzer=SileroVADAnalyzer() if settings.with_vad else None
        ),
    )
    stages = (
        transport.input(),
        user_aggregator,
        _model(settings),
        transport.output(),
        assistant_aggregator,
    )
    worker = PipelineWorker(
        Pipeline(list(stages)),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
    )

    @transport.event_handler("on_client_connected")
    async def greet(*_: Any) -> None:
        context.add_message(_GREET)
        await worker.queue_frames([LLMRunFrame()])

    @transport.event_handler("on_client_disconnected")
    async def end(*_: Any) -> None:
        await worker.cancel()

    _log_transcripts(user_aggregator, assistant_aggregator)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def _model(settings: Settings) -> GeminiLiveLLMService:
    return GeminiLiveLLMService(
        api_key=settings.gemini_api_key,
        settings=GeminiLiveLLMService.Settings(
            model="models/gemini-3.8-live",
            voice="Charon",
            system_instruction=_INSTRUCTIONS,
        ),
        tools=[lookup_account, end_call],
        http_options=HttpOptions(base_url=settings.gemini_base_url),
    )


async def lookup_account(params: FunctionCallParams, account_number: str) -> None:
    """Look an account up.

    Args:
        account_number: as the caller says it.
    """
    await params.result_callback(_ACCOUNT)


async def end_call(params: FunctionCallParams, reason: str = "") -> None:
    """Hang up, after you have said goodbye."""
    await params.result_callback({"status": "call_ended"})
    await params.llm.push_frame(EndWorkerFrame())


def _log_transcripts(user_aggregator: Any, assistant_aggregator: Any) -> None:
    @user_aggregator.event_handler("on_user_turn_stopped")
    async def heard(_aggregator: Any, _strategy: Any, message: UserTurnStoppedMessage) -> None:
        logger.info(f"user: {message.content}")

    @assistant_aggregator.event_handler("on_assistant_turn_stopped")
    async def said(_aggregator: Any, message: AssistantTurnStoppedMessage) -> None:
        logger.info(f"assistant: {message.content}")


def main() -> None:
    settings = settings_from_environ(os.environ)
    logger.remove()
    logger.add(sys.stderr, level="INFO")
    uvicorn.run(application(settings), host="127.0.0.1", port=settings.port)


if __name__ == "__main__":
    main()
