"""The model's ear: cuts the caller's audio into utterances."""

from dataclasses import dataclass

import numpy as np

from simulators.gemini_live.messages import ActivitySettings, AudioInput
from simulators.speech.activity import ActivityDetector, SpeechStarted
from simulators.speech.pcm import Pcm, from_bytes

_DEFAULT_SILENCE_MS = 500
_PATIENT_SILENCE_MS = 800
_DEFAULT_ONSET_MS = 40
_KEPT_BEFORE_MS = 300
_LONGEST_UTTERANCE_S = 60


@dataclass(frozen=True, slots=True)
class CallerSpeaks:
    """Speech has begun."""


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """Everything from shortly before the speech to its end. Times are positions in the audio."""

    pcm: Pcm
    rate_hz: int
    start_ms: int
    end_ms: int


Heard = CallerSpeaks | UtteranceEnded


@dataclass(slots=True)
class Listening:
    """How well the model listens; see the faults `HearNobody` and `IgnoreShortSounds`."""

    deaf: bool = False
    ignored_below_ms: float = 0.0
    stops_for_all: bool = True


class Ear:
    """Cuts audio into utterances as it arrives, all at one rate; times start at `origin_ms`."""

    def __init__(self, settings: ActivitySettings, rate_hz: int, *, origin_ms: int = 0) -> None:
        onset_ms = settings.prefix_padding_ms or _DEFAULT_ONSET_MS
        silence_ms = _DEFAULT_SILENCE_MS if settings.sensitive_end else _PATIENT_SILENCE_MS
        self._detector = ActivityDetector(
            rate_hz,
            silence_ms=silence_ms if settings.silence_ms is None else settings.silence_ms,
            onset_ms=onset_ms,
            margin_db=8.0 if settings.sensitive_start else 14.0,
        )
        self._automatic = settings.automatic
        self._origin_ms = origin_ms
        self._kept_before_ms = onset_ms + _KEPT_BEFORE_MS
        self.rate_hz = rate_hz
        self.speaking = False
        self._start_ms = 0
        self._pieces: list[Pcm] = []
        self._kept = 0

    @property
    def speaking_for_ms(self) -> int:
        """How long the current speech has lasted, up to its latest sound."""
        last_ms = self._on_line(self._detector.last_sound_ms)
        return last_ms - self._start_ms if self.speaking else 0

    def feed(self, audio: AudioInput) -> list[Heard]:
        pcm = from_bytes(audio.data)
        self._keep(pcm)
        events = self._detector.feed(pcm)
        if not self._automatic:
            return []
        heard: list[Heard] = []
        for event in events:
            if isinstance(event, SpeechStarted):
                heard += self.begin(event.at_ms)
            else:
                heard += self.end(event.at_ms)
        return heard

    def begin(self, at_ms: int | None = None) -> list[Heard]:
        """Begin an utterance, because speech was heard or because the client says so."""
        if self.speaking:
            return []
        self.speaking = True
        self._start_ms = self._on_line(at_ms)
        return [CallerSpeaks()]

    def end(self, at_ms: int | None = None) -> list[Heard]:
        """End the utterance, if there is one."""
        if not self.speaking:
            return []
        self.speaking = False
        pcm = np.concatenate(self._pieces) if self._pieces else np.zeros(0, dtype=np.int16)
        self._pieces, self._kept = [], 0
        return [UtteranceEnded(pcm, self.rate_hz, self._start_ms, self._on_line(at_ms))]

    def _on_line(self, at_ms: int | None) -> int:
        return self._origin_ms + (self._detector.now_ms if at_ms is None else at_ms)

    def _keep(self, pcm: Pcm) -> None:
        """Keep the whole utterance, but only a little of the audio before it."""
        self._pieces.append(pcm)
        self._kept += len(pcm)
        limit_ms = _LONGEST_UTTERANCE_S * 1000 if self.speaking else self._kept_before_ms
        limit = limit_ms * self.rate_hz // 1000
        while self._pieces and self._kept - len(self._pieces[0]) >= limit:
            self._kept -= len(self._pieces.pop(0))
