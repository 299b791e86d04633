"""Delivers one sentence as chunks of audio and fragments of text, each at its time."""

import re
from collections import deque

from simulators.gemini_live.messages import (
    OUTPUT_HZ,
    AudioChunk,
    OutputTranscript,
    ServerMessage,
)
from simulators.gemini_live.scenario import Pace
from simulators.speech.pcm import Pcm, to_bytes

_WORDS_PER_FRAGMENT = 3
_TEXT_LEAD_MS = 300
"""Text runs a little ahead of the audio."""


class Delivery:
    """A sentence being sent from `start_ms` on; call `take` at `next_due_ms`."""

    def __init__(self, text: str, pcm: Pcm, pace: Pace, start_ms: float) -> None:
        self.pace = pace
        self.next_due_ms = start_ms
        self._steps = deque(_plan(text, pcm, pace.chunk_ms))

    @property
    def finished(self) -> bool:
        return not self._steps

    def take(self, now_ms: float) -> list[ServerMessage]:
        messages: list[ServerMessage] = []
        while self._steps and self.next_due_ms <= now_ms:
            messages += self._steps.popleft()
            self.next_due_ms += self.pace.chunk_ms / self.pace.speed
        return messages


def duration_ms(samples: int) -> float:
    """How long this many samples of the model's audio last."""
    return samples * 1000 / OUTPUT_HZ


def fragments(text: str) -> list[str]:
    """Split `text` into pieces of a few words; joined, they make `text` again."""
    words = re.findall(r"\s*\S+", text)
    return [
        "".join(words[at : at + _WORDS_PER_FRAGMENT])
        for at in range(0, len(words), _WORDS_PER_FRAGMENT)
    ]


def _plan(text: str, pcm: Pcm, chunk_ms: float) -> list[list[ServerMessage]]:
    """One step per chunk: the fragments that go before it, then the chunk."""
    size = round(OUTPUT_HZ * chunk_ms / 1000)
    chunks = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    steps: list[list[ServerMessage]] = [[] for _ in chunks]
    spoken = 0
    for fragment in fragments(text):
        at_ms = duration_ms(len(pcm)) * spoken / len(text) - _TEXT_LEAD_MS
        steps[max(int(at_ms / chunk_ms), 0)].append(OutputTranscript(fragment))
        spoken += len(fragment)
    for step, chunk in zip(steps, chunks, strict=True):
        step.append(AudioChunk(to_bytes(chunk)))
    return steps
