"""Telephone audio to model audio and back: µ-law at 8 kHz ⇄ PCM16 at 16 kHz up, 24 kHz down.

The resamplers are linear-phase polyphase FIR filters (Kaiser window, stopband from 4.6 kHz, at
least 55 dB), so that nothing outside the telephone band comes back as an alias or an image. They
keep their state from chunk to chunk: any chunking gives the same samples as the whole. One object
serves one direction of one call.

Filter delay: 1.19 ms up, 1.25 ms down.
"""

import functools
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stream_handler.core.ringing import Ring
from stream_handler.joins import FadeIn, FadeOut, Limiter

Samples: TypeAlias = npt.NDArray[np.float32]

PHONE_HZ = 8_000
MODEL_INPUT_HZ = 16_000
MODEL_OUTPUT_HZ = 24_000

SILENCE_DBFS = -100.0

_RINGBACK_PEAK = 3_300  # -20 dBFS
_TONE_PEAK = 2_070  # -24 dBFS
_NOTES_HZ = (523.25, 659.26)
_NOTE_S = 0.22

_DOWN_FACTOR = MODEL_OUTPUT_HZ // PHONE_HZ
_BLOCK = 32


class Upsampler:
    """µ-law frames from the caller to PCM16 LE at 16 kHz for the model."""

    def __init__(self) -> None:
        self._interpolator = Interpolator()
        self.level_dbfs = SILENCE_DBFS
        """Of the last frame (RMS, relative to full scale), in steps of half a decibel, so that a
        record of the call holds just what the core was told."""

    def convert(self, mulaw: bytes) -> bytes:
        """Twice as many samples as `mulaw` has bytes, half the filter behind."""
        samples = _decoded(mulaw)
        self.level_dbfs = _level_dbfs(samples)
        return self._interpolator.convert(samples).tobytes()


class Downsampler:
    """PCM16 LE at 24 kHz from the model to µ-law for the caller."""

    def __init__(self, volume_db: float = 0.0) -> None:
        """`volume_db` is how much louder than the model the caller is to hear it."""
        self._decimator = Decimator(volume_db)
        self._odd_byte = b""

    def reset(self) -> None:
        """Forget the signal so far: what follows is another sound (after a barge-in, a turn)."""
        self._odd_byte = b""
        self._decimator.reset()

    def convert(self, pcm: bytes) -> bytes:
        """As much µ-law as `pcm` completes: a third as many samples, half the filter behind."""
        data = self._odd_byte + pcm if self._odd_byte else pcm
        whole = len(data) & ~1
        self._odd_byte = data[whole:]
        samples = np.frombuffer(data, "<i2", count=whole // 2)
        return encode_mulaw(self._decimator.convert(samples.astype(np.float32)))

    def flush(self) -> bytes:
        """The tail that the filter still holds, so that no word end is clipped; then `reset()`."""
        self._odd_byte = b""
        return encode_mulaw(self._decimator.flush())


class Interpolator:
    """8 kHz to 16 kHz. Samples are on the scale of PCM16."""

    def __init__(self) -> None:
        self._history = np.zeros(_UP_PHASES.shape[0] - 1, np.float32)

    def convert(self, samples: Samples) -> npt.NDArray[np.int16]:
        """Twice as many samples, half the filter behind."""
        if not len(samples):
            return np.empty(0, np.int16)
        signal = np.concatenate((self._history, samples))
        self._history = signal[len(signal) - len(self._history) :]
        return _to_pcm(_filtered(signal, _UP_BANK, len(samples))[: 2 * len(samples)])


class Decimator:
    """24 kHz to 8 kHz. Samples are on the scale of PCM16.

    A sound rises from silence, and falls to it if it breaks off; one that is too loud for µ-law is
    turned down (see `joins`).
    """

    def __init__(self, volume_db: float = 0.0) -> None:
        self._gain = 10 ** (volume_db / 20)
        self._fade_in = FadeIn(PHONE_HZ)
        self._fade_out = FadeOut(MODEL_OUTPUT_HZ)
        self._limiter = Limiter(PHONE_HZ)
        self.reset()

    def reset(self) -> None:
        self._signal = np.zeros(len(_DOWN_TAPS) // 2, np.float32)
        self._fade_in.begin()
        self._fade_out.begin()
        self._limiter.begin()

    def convert(self, samples: Samples) -> npt.NDArray[np.int16]:
        """As many samples as `samples` completes, half the filter behind."""
        self._fade_out.note(samples)
        return self._filtered(samples)

    def flush(self) -> npt.NDArray[np.int16]:
        """The samples that the filter still holds, and 5 ms more if the sound breaks off."""
        rest = np.zeros(len(_DOWN_TAPS) // 2, np.float32)
        tail = self._filtered(np.concatenate((self._fade_out.tail(), rest)))
        self.reset()
        return tail

    def _filtered(self, samples: Samples) -> npt.NDArray[np.int16]:
        signal = np.concatenate((self._signal, samples))
        count = max((len(signal) - len(_DOWN_TAPS)) // _DOWN_FACTOR + 1, 0)
        self._signal = signal[count * _DOWN_FACTOR :]
        if count == 0:
            return np.empty(0, np.int16)
        output = _filtered(signal, _DOWN_BANK, count, step=_DOWN_FACTOR)[:count]
        self._fade_in.apply(output)
        if self._gain != 1.0:
            output *= self._gain
        self._limiter.apply(output)
        np.rint(output, out=output)
        return output.astype(np.int16)


def _level_dbfs(samples: Samples) -> float:
    energy = float(samples.dot(samples))
    if not energy:
        return SILENCE_DBFS
    return math.floor(20.0 * math.log10(energy / (len(samples) * 32768.0**2))) / 2


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
    """Two soft notes, one after the other, for a caller who waits; 0.44 s of µ-law."""
    seconds = np.arange(round(_NOTE_S * PHONE_HZ)) / PHONE_HZ
    swell = np.sin(np.pi * seconds / _NOTE_S) ** 2  # begins and ends in silence
    notes = [np.sin(2 * np.pi * pitch_hz * seconds) * swell for pitch_hz in _NOTES_HZ]
    return encode_mulaw((np.concatenate(notes) * _TONE_PEAK).astype(np.int16))


def encode_mulaw(pcm: npt.NDArray[np.int16]) -> bytes:
    """PCM16 samples to G.711 µ-law."""
    return _ENCODED[pcm.view(np.uint16)].tobytes()


def decode_mulaw(mulaw: bytes) -> npt.NDArray[np.int16]:
    """G.711 µ-law to PCM16 samples."""
    return _DECODED[np.frombuffer(mulaw, np.uint8)].astype(np.int16)


def _decoded(mulaw: bytes) -> Samples:
    # No byte is out of the table's bounds; without "clip" numpy copies to be able to complain.
    return _DECODED.take(np.frombuffer(mulaw, np.uint8), mode="clip")


def _filtered(signal: Samples, bank: Samples, count: int, *, step: int = 1) -> Samples:
    """What comes of `count` steps or a few more: one product for _BLOCK steps (see `_bank`)."""
    rows, span = -(-count // _BLOCK), len(bank)
    missing = (rows - 1) * _BLOCK * step + span - len(signal)
    if missing > 0:
        signal = np.concatenate((signal, np.zeros(missing, np.float32)))
    size = signal.itemsize
    runs = np.ndarray((rows, span), np.float32, signal, 0, (_BLOCK * step * size, size))
    return (runs.copy() @ bank).ravel()


def _bank(taps: Samples, *, step: int = 1) -> Samples:
    """`taps` (a column for each output of a step) for _BLOCK steps, each `step` rows further down.

    Long rows are copied and multiplied in half the time of many short ones that overlap.
    """
    width, outputs = taps.shape
    bank = np.zeros((step * (_BLOCK - 1) + width, _BLOCK * outputs), np.float32)
    for n in range(_BLOCK):
        bank[n * step : n * step + width, n * outputs : (n + 1) * outputs] = taps
    return bank


def _to_pcm(signal: Samples) -> npt.NDArray[np.int16]:
    np.rint(signal, out=signal)
    return signal.clip(_LEAST, _MOST, out=signal).astype(np.int16)


def _lowpass(taps: int, *, cutoff_hz: float, rate_hz: int, beta: float) -> Samples:
    """Windowed-sinc low-pass with unit gain at 0 Hz (Oppenheim & Schafer, section 7.5)."""
    n = np.arange(taps) - (taps - 1) / 2
    ideal = np.sinc(2 * cutoff_hz / rate_hz * n) * np.kaiser(taps, beta)
    return np.asarray(ideal / ideal.sum(), np.float32)


def _upsampling_phases() -> Samples:
    """One column of taps per output phase, reversed to multiply windows of the input."""
    taps = 2 * _lowpass(39, cutoff_hz=3_890, rate_hz=MODEL_INPUT_HZ, beta=5.2)
    even, odd = taps[0::2], taps[1::2]
    return np.stack((even[::-1], np.concatenate((odd, [np.float32(0)]))[::-1]), axis=1)


def _mulaw_decode_table() -> Samples:
    """G.711, table 2a: sign, 3 bits of segment, 4 bits of step; inverted on the wire."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = ((((code & 0x0F) << 3) + 0x84).astype(np.int32) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float32)


def _mulaw_encode_table() -> npt.NDArray[np.uint8]:
    """The code of every PCM16 value, indexed by its unsigned bits."""
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(pcm), 32635) + 0x84
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0x00)
    return np.asarray(~(sign | (segment << 4) | step) & 0xFF, np.uint8)


_LEAST, _MOST = np.array(-32768, np.float32), np.array(32767, np.float32)
_DECODED = _mulaw_decode_table()
_ENCODED = _mulaw_encode_table()
_UP_PHASES = _upsampling_phases()
_UP_BANK = _bank(_UP_PHASES)
_DOWN_TAPS = _lowpass(61, cutoff_hz=3_880, rate_hz=MODEL_OUTPUT_HZ, beta=5.65)
_DOWN_BANK = _bank(_DOWN_TAPS[:, np.newaxis], step=_DOWN_FACTOR)
