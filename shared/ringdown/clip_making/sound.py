"""Turns a model's speech into a clip's sound, without the silence around it."""

import numpy as np

from ringdown.audio.telephone import MODEL_OUTPUT_HZ, Downsampler, Pcm

_SPEECH_PEAK = 328  # -40 dBFS: sound that never exceeds it isn't speech
_AUDIBLE = 0.005  # of the peak: -46 dB, softer than the softest consonant
_BEFORE = round(0.03 * MODEL_OUTPUT_HZ)
_AFTER = round(0.06 * MODEL_OUTPUT_HZ)
_CHUNK_BYTES = round(0.04 * MODEL_OUTPUT_HZ) * 2  # as the model sends them


def clip_sound(pcm: bytes, volume_db: float) -> bytes:
    """Convert PCM16 LE at 24 kHz to µ-law at 8 kHz, trimmed and faded.

    It is as loud as the replies of an agent with that volume. Empty if `pcm` has no speech.
    """
    speech = _trimmed(np.frombuffer(pcm, "<i2", len(pcm) // 2)).tobytes()
    down = Downsampler(volume_db)
    chunks = (speech[at : at + _CHUNK_BYTES] for at in range(0, len(speech), _CHUNK_BYTES))
    return b"".join([down.convert(chunk) for chunk in chunks]) + down.flush()


def _trimmed(samples: Pcm) -> Pcm:
    levels = np.abs(samples.astype(np.int32))
    peak = int(levels.max(initial=0))
    if peak < _SPEECH_PEAK:
        return samples[:0]
    audible = np.flatnonzero(levels > peak * _AUDIBLE)
    return samples[max(int(audible[0]) - _BEFORE, 0) : int(audible[-1]) + _AFTER]
