"""Whatever the model's side sends, the decoder and the core survive it."""

import logging

from ringdown.gemini.call_ids import CallIds
from ringdown.gemini.events import ModelEvent, ModelSpeech
from ringdown.gemini.models import Api
from ringdown.gemini.wire import InvalidToolCall, Reader, ServiceError, Unread, UnreadableMessage
from stream_handler.call.events import ModelAudio, ModelConnected, StreamStarted
from stream_handler.call.session import StreamSession
from stream_handler.observers import ObservedSession
from stream_handler.record.flight_record import FlightRecord, read_flight
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


class _Heard:
    """The core, and the number of events that have reached it."""

    def __init__(self) -> None:
        call = a_call()
        self.record = FlightRecord(call, ())
        self.core = ObservedSession(StreamSession(call, words_for("en-US"), ()), self.record)
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
    """An input has several messages, each after a zero byte."""
    reader = Reader(Api.DEVELOPER, frozenset(), CallIds(), {})
    heard = _Heard()
    for message in data.split(b"\0"):
        try:
            received = reader.read(message, 1_000.0)
        except UnreadableMessage:
            continue
        for event in received:
            if not isinstance(event, InvalidToolCall | ServiceError | Unread):
                heard.take(event)
    assert len(read_flight(heard.record.record()).happened) == heard.count
