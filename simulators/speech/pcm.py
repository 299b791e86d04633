"""Samples in memory and in WAV files: 16-bit, as mono arrays of numpy int16."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_SAMPLE = "<i2"

Pcm = npt.NDArray[np.int16]
"""Mono samples, one dimension."""

Signal = npt.NDArray[np.floating[Any]]
"""Mono samples on the same scale as `Pcm`, unrounded."""


def to_pcm(signal: Signal) -> Pcm:
    """Round to 16 bits; anything louder than full scale is clipped."""
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


def from_bytes(data: bytes) -> Pcm:
    """Decode little-endian 16-bit samples. Raises ValueError for an odd number of bytes."""
    return np.frombuffer(data, dtype=_SAMPLE).astype(np.int16)


def to_bytes(pcm: Pcm) -> bytes:
    """Encode as little-endian 16-bit samples."""
    return pcm.astype(_SAMPLE).tobytes()


def silence(duration_ms: float, rate_hz: int) -> Pcm:
    return np.zeros(round(duration_ms * rate_hz / 1000), dtype=np.int16)


def duration_ms(pcm: Pcm, rate_hz: int) -> float:
    return len(pcm) * 1000 / rate_hz


def write_wav(path: Path, rate_hz: int, *channels: Pcm) -> None:
    """Write one file with all channels; shorter ones are padded with silence."""
    longest = max(len(channel) for channel in channels)
    frames = np.zeros((longest, len(channels)), dtype=_SAMPLE)
    for index, channel in enumerate(channels):
        frames[: len(channel), index] = channel
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(frames.tobytes())


def read_wav(path: Path) -> tuple[int, tuple[Pcm, ...]]:
    """Return the rate in Hz and one array per channel. Accepts only 16-bit files."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path} has {8 * file.getsampwidth()}-bit samples, not 16-bit")
        channels = file.getnchannels()
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype=_SAMPLE)
        rate_hz = file.getframerate()
    return rate_hz, tuple(frames[index::channels].astype(np.int16) for index in range(channels))
