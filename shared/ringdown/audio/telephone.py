"""Telephone audio to model audio and back: µ-law at 8 kHz ⇄ PCM16 at 16 kHz up, 24 kHz down.

The resamplers are linear-phase polyphase FIR filters (Kaiser window, stopband from 4.6 kHz, at
least 55 dB), so that nothing outside the telephone band returns as an alias or an image. They keep
state between chunks: any chunking gives the same samples as the whole signal. One object serves one
direction of one call.

Filter delay: 1.19 ms up, 1.25 ms down.
"""

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ringdown.audio.fades import FadeIn, FadeOut, Limiter

Pcm: TypeAlias = npt.NDArray[np.int16]
Samples: TypeAlias = npt.NDArray[np.float32]

PHONE_HZ = 8_000
MODEL_INPUT_HZ = 16_000
MODEL_OUTPUT_HZ = 24_000

SILENCE_DBFS = -100.0

_FRAME = 160  # samples: 20 ms
_STEADY_DB = 1.5
_STEADY_RATIO = 10 ** (_STEADY_DB / 10)


class Upsampler:
    """µ-law frames from the caller to PCM16 LE at 16 kHz for the model."""

    def __init__(self) -> None:
        self._interpolator = Interpolator(mulaw=True)
        self.level_dbfs = SILENCE_DBFS
        """The level of the last frame (RMS, relative to full scale), in steps of half a decibel, so
        that a record of the call holds exactly what the core received."""

    def convert(self, mulaw: bytes) -> bytes:
        """Return two samples for each byte of `mulaw`, delayed by half the filter's length."""
        samples = self._interpolator.convert(mulaw)
        self.level_dbfs = _level_dbfs(self._interpolator.energy, len(samples))
        return samples.tobytes()


class Downsampler:
    """PCM16 LE at 24 kHz from the model to µ-law for the caller."""

    def __init__(self, volume_db: float = 0.0) -> None:
        """`volume_db` is the gain relative to the model's own volume."""
        self._decimator = Decimator(volume_db)
        self._loudness = Loudness()

    @property
    def level_dbfs(self) -> float:
        """The level of the last chunk."""
        return self._loudness.level_dbfs

    @property
    def steady(self) -> bool:
        """Whether the last chunk is as loud as the one before, from beginning to end."""
        return self._loudness.steady

    def reset(self) -> None:
        """Forget the signal so far, because another sound follows (after a barge-in or a turn)."""
        self._decimator.reset()

    def convert(self, pcm: bytes) -> bytes:
        """Return the samples that `pcm` completes, a third as many, delayed by half the filter's
        length."""
        samples = self._decimator.convert(pcm)
        self._loudness.measure(samples)
        return encode_mulaw(samples)

    def flush(self) -> bytes:
        """Return the tail that the filter still holds, so that the last word isn't cut off; then
        reset."""
        return encode_mulaw(self._decimator.flush())


class Loudness:
    """The level of a sound, and whether it is steady."""

    def __init__(self) -> None:
        self.level_dbfs = SILENCE_DBFS
        self.steady = False

    def measure(self, samples: Pcm) -> None:
        """Measure the next chunk, at 8 kHz."""
        before_dbfs = self.level_dbfs
        whole = samples[: len(samples) // _FRAME * _FRAME].astype(np.float32)
        if not len(whole):
            return  # too short to tell
        frames = whole.reshape(-1, _FRAME)
        energies = np.einsum("ij,ij->i", frames, frames)
        self.level_dbfs = _level_dbfs(float(energies.mean()), _FRAME)
        quietest, loudest = float(energies.min()), float(energies.max())
        self.steady = (
            loudest <= quietest * _STEADY_RATIO and abs(self.level_dbfs - before_dbfs) <= _STEADY_DB
        )


class Interpolator:
    """Resamples PCM16 LE or µ-law from 8 kHz to 16 kHz."""

    def __init__(self, *, mulaw: bool = False) -> None:
        self._mulaw = mulaw
        self._filter = _Filter(_UP, silent=len(_UP) - 1)
        self.energy = 0.0
        """The sum of the squares of the latest samples."""

    def convert(self, data: bytes) -> Pcm:
        """Return twice as many samples, delayed by half the filter's length."""
        if self._mulaw:
            samples = _DECODED[np.frombuffer(data, np.uint8)]
        else:
            samples = np.frombuffer(data, "<i2").astype(np.float32)
        signal = self._filter.push(samples)
        self.energy = float(signal.dot(signal))
        np.rint(signal, out=signal)
        if self.energy >= 32_767.0**2:  # with less energy, no sample can clip
            signal.clip(-32_768, 32_767, out=signal)
        return signal.astype(np.int16)


class Decimator:
    """Resamples PCM16 LE from 24 kHz to 8 kHz, in chunks that may end mid-sample.

    A sound fades in, and fades out if it breaks off; one that is too loud for µ-law is turned down
    (see `fades`).
    """

    def __init__(self, volume_db: float = 0.0) -> None:
        self._gain = 10 ** (volume_db / 20)
        self._fade_in = FadeIn(PHONE_HZ)
        self._fade_out = FadeOut(MODEL_OUTPUT_HZ)
        self._limiter = Limiter(PHONE_HZ)
        self.reset()

    def reset(self) -> None:
        self._filter = _Filter(_DOWN, step=MODEL_OUTPUT_HZ // PHONE_HZ, silent=len(_DOWN) // 2)
        self._half_a_sample = b""
        self._holds_sound = False
        self._fade_in.begin()
        self._fade_out.begin()
        self._limiter.begin()

    def convert(self, pcm: bytes) -> Pcm:
        """Return the samples that `pcm` completes, delayed by half the filter's length."""
        self._holds_sound = True
        self._fade_out.note(pcm)
        return self._finished(self._filtered(pcm))

    def flush(self) -> Pcm:
        """Return the samples that the filter still holds, and 5 ms more if the sound breaks off.

        Empty if there was no sound since the last `reset`.
        """
        if not self._holds_sound:
            return np.empty(0, np.int16)
        self._half_a_sample = b""
        silence = bytes(2 * (len(_DOWN) // 2))
        tail = self._finished(self._filtered(self._fade_out.tail() + silence))
        self.reset()
        return tail

    def _filtered(self, pcm: bytes) -> Samples:
        if self._half_a_sample:
            pcm = self._half_a_sample + pcm
        count = len(pcm) // 2
        self._half_a_sample = pcm[2 * count :]
        return self._filter.push(np.frombuffer(pcm, "<i2", count).astype(np.float32))

    def _finished(self, signal: Samples) -> Pcm:
        if len(signal):
            self._fade_in.apply(signal)
            if self._gain != 1.0:
                signal *= self._gain
            self._limiter.apply(signal)
        return signal.astype(np.int16)  # µ-law is too coarse for a fraction to matter


class _Filter:
    """A FIR filter for one stream; samples that don't complete a step wait for the next chunk."""

    def __init__(self, taps: Samples, *, step: int = 1, silent: int) -> None:
        """`taps` has a column for each output of a step; a step advances by `step` samples.

        The stream begins as if `silent` samples of silence came before it.
        """
        self._taps = taps
        self._step = step
        self._held = np.zeros(silent, np.float32)

    def push(self, samples: Samples) -> Samples:
        signal = np.concatenate((self._held, samples))
        width, step, size = len(self._taps), self._step, signal.itemsize
        steps = max((len(signal) - width) // step + 1, 0)
        self._held = signal[steps * step :]
        # The same as `sliding_window_view`, in a tenth of the time.
        windows = np.ndarray((steps, width), np.float32, signal, 0, (step * size, size))
        outputs: Samples = np.dot(windows, self._taps).ravel()
        return outputs


def _level_dbfs(energy: float, count: int) -> float:
    if energy <= count:  # at most 1 of 32,768: silence after filtering
        return SILENCE_DBFS
    return math.floor(20.0 * math.log10(energy / (count * 32768.0**2))) / 2


def encode_mulaw(pcm: Pcm) -> bytes:
    """Convert PCM16 samples to G.711 µ-law."""
    return _ENCODED.take(pcm, mode="wrap").tobytes()  # negative samples index from the end


def decode_mulaw(mulaw: bytes) -> Pcm:
    """Convert G.711 µ-law to PCM16 samples."""
    return _DECODED[np.frombuffer(mulaw, np.uint8)].astype(np.int16)


def _lowpass(taps: int, *, cutoff_hz: float, rate_hz: int, beta: float) -> Samples:
    """Windowed-sinc low-pass with unit gain at 0 Hz (Oppenheim & Schafer, section 7.5)."""
    n = np.arange(taps) - (taps - 1) / 2
    ideal = np.sinc(2 * cutoff_hz / rate_hz * n) * np.kaiser(taps, beta)
    return np.asarray(ideal / ideal.sum(), np.float32)


def _upsampling_phases() -> Samples:
    """One column of taps per output phase, reversed to multiply windows of the input."""
    taps = 2 * _lowpass(39, cutoff_hz=3_890, rate_hz=MODEL_INPUT_HZ, beta=5.2)
    even, odd = taps[0::2], taps[1::2]
    return np.stack((even[::-1], np.append(odd, np.float32(0))[::-1]), axis=1)


def _mulaw_decode_table() -> Samples:
    """G.711, table 2a: sign, 3 bits of segment, 4 bits of step; inverted on the wire."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = ((((code & 0x0F) << 3) + 0x84).astype(np.int32) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float32)


def _mulaw_encode_table() -> npt.NDArray[np.uint8]:
    """The codes of all PCM16 values: 0 to 32767, then -32768 to -1."""
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(pcm), 32635) + 0x84
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0x00)
    return np.asarray(~(sign | (segment << 4) | step) & 0xFF, np.uint8)


_DECODED = _mulaw_decode_table()
_ENCODED = _mulaw_encode_table()

_UP = _upsampling_phases()
_DOWN = _lowpass(61, cutoff_hz=3_880, rate_hz=MODEL_OUTPUT_HZ, beta=5.65)
