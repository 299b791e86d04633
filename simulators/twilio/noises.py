"""What a telephone hears other than the caller's words, as 8 kHz samples."""

from functools import cache
from typing import Literal, assert_never

import numpy as np

from simulators.speech.pcm import Pcm, Signal, silence, to_pcm
from simulators.speech.synthesis import Voice, synthesize

from .recording import RATE_HZ

Noise = Literal["cough", "door"]
Background = Literal["silence", "no_frames", "comfort_noise", "television", "hold_music"]
"""What the line carries while the caller is silent. With `no_frames` the carrier sends nothing
then (discontinuous transmission); audible kinds continue under the caller's words."""

_ROOM_RMS = 12.0  # -69 dB below full scale: a quiet room
_TELEVISION_PEAK_DBFS = -22.0  # its speech is then about -37 dB below full scale
_MUSIC_LEVEL = 700.0
_NEWS = (
    ("en-us+m3", "Good evening."),
    ("en-us+f2", "The harbour bridge stays closed."),
    ("en-us+m3", "Farmers expect a good year."),
    ("en-us+f2", "And now the weather."),
    ("en-us+m3", "Rain in the north."),
)
_CHORDS_HZ = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))


@cache
def noise(kind: Noise) -> Pcm:
    """Return a sound to play once."""
    match kind:
        case "cough":
            return to_pcm(np.concatenate((_burst(120, 0.02), np.zeros(320), _burst(140, 0.03))))
        case "door":
            return to_pcm(_muffled(_burst(500, 0.15)))
        case _:
            assert_never(kind)


@cache
def background_sound(kind: Background) -> Pcm | None:
    """Return a sound to play in a loop, or None for a silent background."""
    match kind:
        case "silence" | "no_frames":
            return None
        case "comfort_noise":
            return np.random.default_rng(8000).normal(0.0, _ROOM_RMS, RATE_HZ).astype(np.int16)
        case "television":
            return _television()
        case "hold_music":
            return to_pcm(np.concatenate([_chord(tones_hz) for tones_hz in _CHORDS_HZ]))
        case _:
            assert_never(kind)


def _burst(length_ms: int, decay_s: float) -> Signal:
    """Make noise that dies away."""
    count = length_ms * RATE_HZ // 1000
    loudness = 9_000.0 * np.exp(-np.arange(count) / RATE_HZ / decay_s)
    return np.random.default_rng(length_ms).normal(0.0, 1.0, count) * loudness


def _muffled(sound: Signal) -> Signal:
    return np.convolve(sound, np.ones(12) / 6.0, mode="same")


def _television() -> Pcm:
    pieces = []
    for name, sentence in _NEWS:
        voice = Voice(name, words_per_minute=180, peak_dbfs=_TELEVISION_PEAK_DBFS)
        pieces += [synthesize(sentence, rate_hz=RATE_HZ, voice=voice), silence(1_000, RATE_HZ)]
    return np.concatenate(pieces)


def _chord(tones_hz: tuple[int, ...]) -> Signal:
    """Make a bar of music: the chord's tones, one after another."""
    at_s = np.arange(2 * RATE_HZ) / RATE_HZ
    bar = np.zeros(len(at_s))
    for beat in range(8):
        since_s = np.maximum(at_s - beat * 0.25, 0.0)
        hz = tones_hz[beat % len(tones_hz)]
        bar += np.sin(2 * np.pi * hz * since_s) * np.exp(-since_s / 0.4)
    return _MUSIC_LEVEL * bar
