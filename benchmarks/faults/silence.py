"""How long the caller heard nothing, from what arrived at their ear."""

import numpy as np

from simulators.speech.pcm import Pcm

RATE_HZ = 8_000
_FRAME = RATE_HZ // 50
_FRAME_MS = 20
_SOUND_RMS = 180.0  # every sample on the line is digital: a fixed level tells sound from silence


def longest_silence_ms(heard: Pcm, from_ms: int, until_ms: int) -> int:
    """The longest time without sound between two moments of the recording; a silence that began
    earlier counts from its beginning."""
    loud = _loud_frames(heard[: until_ms * RATE_HZ // 1000])
    longest = silent = 0
    for n, is_loud in enumerate(loud):
        silent = 0 if is_loud else silent + 1
        if n >= from_ms // _FRAME_MS:
            longest = max(longest, silent)
    return longest * _FRAME_MS


def last_sound_ms(heard: Pcm, until_ms: int) -> int:
    """When the last sound before a moment of the recording ended; 0 if there was none."""
    loud = _loud_frames(heard[: until_ms * RATE_HZ // 1000])
    return max((n + 1 for n, is_loud in enumerate(loud) if is_loud), default=0) * _FRAME_MS


def _loud_frames(heard: Pcm) -> list[bool]:
    whole = heard[: len(heard) // _FRAME * _FRAME].astype(np.float32).reshape(-1, _FRAME)
    power = np.mean(whole * whole, axis=1)
    return [bool(frame > _SOUND_RMS**2) for frame in power]
