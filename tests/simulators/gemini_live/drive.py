"""Plays the shell for a conversation: a clock that jumps, speech of known length, no sockets."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulators.gemini_live.actions import (
    Abort,
    Action,
    Disconnect,
    Note,
    Recognise,
    Remember,
    Send,
    StopReading,
    Synthesise,
)
from simulators.gemini_live.conversation import Conversation
from simulators.gemini_live.faults import Fault, FaultPlan
from simulators.gemini_live.memory import Memory
from simulators.gemini_live.messages import (
    OUTPUT_HZ,
    AudioChunk,
    AudioInput,
    Behavior,
    ClientMessage,
    ServerMessage,
    Setup,
    ToolCall,
    ToolDeclaration,
    ToolResponse,
    ToolResponses,
)
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.setup_rules import LIVE
from simulators.speech.pcm import silence, to_bytes
from simulators.speech.synthesis import synthesize

INPUT_HZ = 16_000
MS_PER_CHARACTER = 50
CALLER = synthesize("Somebody says something.", rate_hz=INPUT_HZ)


def setup(*tools: str, **fields: Any) -> Setup:
    """A setup that declares `tools` (NON_BLOCKING) and asks for everything that can be sent."""
    wanted: dict[str, Any] = {
        "model": LIVE,
        "tools": tuple(ToolDeclaration(name, Behavior.NON_BLOCKING) for name in tools),
        "input_transcription": True,
        "output_transcription": True,
        "resumption": True,
    }
    return Setup(**(wanted | fields))


class Drive:
    """A conversation whose sentences last 50 ms per character; `sent` has messages with times."""

    def __init__(
        self,
        scenario: Scenario,
        setup: Setup,
        *,
        memory: Memory | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        self.now_ms = 0.0
        self.sent: list[tuple[float, ServerMessage]] = []
        self.notes: list[Note] = []
        self.remembered: dict[str, Memory] = {}
        self.lost: list[str] = []
        self.ended: Disconnect | Abort | None = None
        self.stopped_reading = False
        self._to_recognise: list[int] = []
        self.conversation = Conversation(
            scenario, setup, session_id="s1", memory=memory, faults=FaultPlan(faults, 1)
        )
        self._perform(self.conversation.start(0))

    def send(self, message: ClientMessage) -> None:
        self._perform(self.conversation.receive(message, self.now_ms))

    def run(self, until_ms: float) -> None:
        """Let time pass until `until_ms`; everything happens when it is due."""
        while self.ended is None:
            due_ms = self.conversation.next_due_ms
            if due_ms is None or due_ms > until_ms:
                break
            self.now_ms = max(self.now_ms, due_ms)
            self._perform(self.conversation.advance(self.now_ms))
        self.now_ms = max(self.now_ms, until_ms)

    def caller_starts(self) -> None:
        self.send(AudioInput(to_bytes(CALLER[:8_000]), INPUT_HZ))

    def caller_says(self, phrase: str | None) -> None:
        """Send speech and the silence that ends it; `phrase` is what the model understands."""
        self.send(AudioInput(to_bytes(CALLER), INPUT_HZ))
        self.caller_is_quiet(1_000)
        self.understand(phrase)

    def caller_is_quiet(self, duration_ms: float) -> None:
        self.send(AudioInput(to_bytes(silence(duration_ms, INPUT_HZ)), INPUT_HZ))

    def understand(self, phrase: str | None) -> None:
        utterance_id = self._to_recognise.pop(0)
        self._perform(self.conversation.recognised(utterance_id, phrase, self.now_ms))

    def tool_answers(self, response: Mapping[str, Any], **fields: Any) -> None:
        """Answer every call of the last ToolCall."""
        last = [message for _, message in self.sent if isinstance(message, ToolCall)][-1]
        answers = [ToolResponse(c.call_id, c.name, response, **fields) for c in last.calls]
        self.send(ToolResponses(tuple(answers)))

    @property
    def story(self) -> list[ServerMessage]:
        """The messages sent, except audio."""
        return [message for _, message in self.sent if not isinstance(message, AudioChunk)]

    @property
    def kinds(self) -> list[str]:
        """The names of the messages sent; a run of audio and transcripts is one "speech"."""
        kinds: list[str] = []
        for _, message in self.sent:
            name = type(message).__name__
            kind = "speech" if name in ("AudioChunk", "OutputTranscript") else name
            if kind != "speech" or kinds[-1:] != ["speech"]:
                kinds.append(kind)
        return kinds

    def times_of(self, kind: type[ServerMessage]) -> list[float]:
        return [at_ms for at_ms, message in self.sent if isinstance(message, kind)]

    @property
    def audio_ms(self) -> float:
        data = b"".join(m.data for _, m in self.sent if isinstance(m, AudioChunk))
        return len(data) / 2 * 1000 / OUTPUT_HZ

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(message):
                    self.sent.append((self.now_ms, message))
                case Recognise(utterance_id, _, _):
                    self._to_recognise.append(utterance_id)
                case Synthesise(turn_id, text):
                    samples = len(text) * MS_PER_CHARACTER * OUTPUT_HZ // 1000
                    pcm = np.ones(samples, dtype=np.int16)
                    self._perform(self.conversation.synthesised(turn_id, pcm, self.now_ms))
                case Remember(handle, memory, lost):
                    self.remembered[handle] = memory
                    self.lost += [handle] if lost else []
                case Disconnect() | Abort():
                    self.ended = action
                case StopReading():
                    self.stopped_reading = True
                case _:
                    self.notes.append(action)
