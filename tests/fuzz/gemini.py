"""What the model's side may send: whatever it is, the session and the core live with it."""

import asyncio
import logging
from typing import Any

from google import genai
from google.genai import live
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from ringdown.gemini.models import Api
from stream_handler.call.events import ModelAudio, ModelConnected, StreamStarted
from stream_handler.call.session import StreamSession
from stream_handler.gemini_live import ModelError, ModelEvent, ModelSession, ModelSpeech
from stream_handler.record.flight_format import read_flight
from stream_handler.record.flight_recorder import FlightRecorder
from stream_handler.twilio.prompt_connection import PromptClient
from stream_handler.words import words_for
from tests.ringdown.samples import a_call

_SOUND = b'{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"AAAA"}}'
_TWO_CALLS = (
    b'{"id":"f2","name":"end_call"},{"id":"f3","name":"collect_digits","args":{"length":4}}'
)
_TOKENS = b'{"totalTokenCount":7,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":3}]}'
SEEDS = (
    b'{"serverContent":{"modelTurn":{"parts":[%b]},"outputTranscription":{"text":"Hi"}}}' % _SOUND,
    b'{"serverContent":{"inputTranscription":{"text":"hello"}}}',
    b'{"serverContent":{"interrupted":true}}\0{"serverContent":{"turnComplete":true}}',
    b'{"serverContent":{"generationComplete":true,"interactionStatus":"IDLE"}}',
    b'{"toolCall":{"functionCalls":[{"id":"f1","name":"lookup_account","args":{"a":[1,{}]}}]}}',
    b'{"toolCall":{"functionCalls":[%b}]}}' % _TWO_CALLS,
    b'{"toolCallCancellation":{"ids":["f1"]}}',
    b'{"sessionResumptionUpdate":{"newHandle":"h","resumable":true}}',
    b'{"goAway":{"timeLeft":"50s"}}',
    b'{"usageMetadata":%b}' % _TOKENS,
    b'{"setupComplete":{"sessionId":"s"}}',
    b'{"error":{"code":13,"message":"internal"}}',
)
WORDS = [
    "serverContent",
    "modelTurn",
    "parts",
    "inlineData",
    "data",
    "text",
    "interrupted",
    "true",
    "toolCall",
    "functionCalls",
    "toolCallCancellation",
    "ids",
    "goAway",
    "timeLeft",
    "null",
    "turnComplete",
    "usageMetadata",
    "sessionResumptionUpdate",
    "newHandle",
    "resumable",
]

logging.disable(logging.CRITICAL)
_client = genai.Client(api_key="key-0123456789")
_URI = parse_uri("wss://model.example/")
_loop = asyncio.new_event_loop()


class _Nowhere(asyncio.Transport):
    """Whatever is sent there is gone."""

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class _Heard:
    """The core, and how many events have reached it."""

    def __init__(self) -> None:
        call = a_call()
        self.core = FlightRecorder(StreamSession(call, words_for("en-US"), ()), call, ())
        self.core.handle(StreamStarted(0.0))
        self.core.handle(ModelConnected(1.0))
        self.count = 2

    def take(self, event: ModelEvent) -> None:
        self.count += 1
        if isinstance(event, ModelSpeech):
            self.core.handle(ModelAudio(1_000.0, event.pcm[::6]))
        else:
            self.core.handle(event)


def run(data: bytes) -> None:
    """Several messages are in one input, each after a zero byte."""
    _loop.run_until_complete(_hear(data.split(b"\0")))


async def _hear(messages: list[bytes]) -> None:
    protocol = ClientProtocol(_URI, state=State.OPEN, max_size=None)
    socket = PromptClient(protocol, ping_interval=None)
    socket.response = Response(101, "Switching Protocols", Headers())
    socket.connection_made(_Nowhere())
    sdk = live.AsyncSession(_client._api_client, socket)
    session = ModelSession(sdk, lambda: 1_000.0, Api.DEVELOPER, frozenset())
    heard = _Heard()
    async with asyncio.TaskGroup() as group:
        group.create_task(_carry(session, heard))
        await asyncio.sleep(0)
        for message in messages:
            socket.data_received(Frame(Opcode.BINARY, message).serialize(mask=False))
            await asyncio.sleep(0)
        socket.connection_lost(None)
    assert len(read_flight(heard.core.record()).happened) == heard.count


async def _carry(session: ModelSession, heard: _Heard) -> None:
    try:
        async for event in session.receive(heard.take):
            heard.take(event)
    except ModelError:
        pass
