"""The sounds that fill silence: the ringing tone, and two notes while callers wait. µ-law."""

import functools

import numpy as np

from ringdown.audio.telephone import PHONE_HZ, encode_mulaw
from stream_handler.call.ringing import Ring

_RINGBACK_PEAK = 3_300  # -20 dBFS
_TONE_PEAK = 2_070  # -24 dBFS
_NOTES_HZ = (523.25, 659.26)
_NOTE_S = 0.22


@functools.cache
def ringback(ring: Ring) -> bytes:
    """One ring, as µ-law."""
    seconds = np.arange(round(ring.tone_s * PHONE_HZ)) / PHONE_HZ
    waves = [np.sin(2 * np.pi * hz * seconds) for hz in ring.tones_hz]
    fade = np.minimum(1.0, np.minimum(seconds, seconds[::-1]) / 0.01)  # no click at either end
    tone = np.mean(waves, axis=0) * fade * _RINGBACK_PEAK
    gap = np.zeros(round(ring.gap_s * PHONE_HZ))
    return encode_mulaw(np.concatenate((tone, *(gap, tone) * (ring.times - 1))).astype(np.int16))


@functools.cache
def waiting_tone() -> bytes:
    """Two soft notes in sequence for a waiting caller; 0.44 s of µ-law."""
    seconds = np.arange(round(_NOTE_S * PHONE_HZ)) / PHONE_HZ
    swell = np.sin(np.pi * seconds / _NOTE_S) ** 2  # begins and ends in silence
    notes = [np.sin(2 * np.pi * pitch_hz * seconds) * swell for pitch_hz in _NOTES_HZ]
    return encode_mulaw((np.concatenate(notes) * _TONE_PEAK).astype(np.int16))
