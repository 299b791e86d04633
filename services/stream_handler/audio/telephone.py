"""Telephone audio to model audio and back: µ-law at 8 kHz ⇄ PCM16 at 16 kHz up, 24 kHz down.

The resamplers are linear-phase polyphase FIR filters (Kaiser window, stopband from 4.6 kHz, at
least 55 dB), so that nothing outside the telephone band comes back as an alias or an image. They
keep their state from chunk to chunk: any chunking gives the same samples as the whole. One object
serves one direction of one call.

Filter delay: 1.19 ms up, 1.25 ms down.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_handler.audio.fades import FadeIn, FadeOut, Limiter
from stream_handler.call.ringing import Ring

Pcm: TypeAlias = npt.NDArray[np.int16]
Samples: TypeAlias = npt.NDArray[np.float32]

PHONE_HZ = 8_000
MODEL_INPUT_HZ = 16_000
MODEL_OUTPUT_HZ = 24_000

SILENCE_DBFS = -100.0

_RINGBACK_PEAK = 3_300  # -20 dBFS
_TONE_PEAK = 2_070  # -24 dBFS
_NOTES_HZ = (523.25, 659.26)
_NOTE_S = 0.22

_BLOCK = 32
_MOST_ROWS = 64  # a quarter of a second


class Upsampler:
    """µ-law frames from the caller to PCM16 LE at 16 kHz for the model."""

    def __init__(self) -> None:
        self._interpolator = Interpolator(mulaw=True)
        self.level_dbfs = SILENCE_DBFS
        """Of the last frame (RMS, relative to full scale), in steps of half a decibel, so that a
        record of the call holds just what the core was told."""

    def convert(self, mulaw: bytes) -> bytes:
        """Twice as many samples as `mulaw` has bytes, half the filter behind."""
        samples = self._interpolator.convert(mulaw)
        self.level_dbfs = _level_dbfs(self._interpolator.energy, len(samples))
        return samples.tobytes()


class Downsampler:
    """PCM16 LE at 24 kHz from the model to µ-law for the caller."""

    def __init__(self, volume_db: float = 0.0) -> None:
        """`volume_db` is how much louder than the model the caller is to hear it."""
        self._decimator = Decimator(volume_db)

    def reset(self) -> None:
        """Forget the signal so far: what follows is another sound (after a barge-in, a turn)."""
        self._decimator.reset()

    def convert(self, pcm: bytes) -> bytes:
        """As much µ-law as `pcm` completes: a third as many samples, half the filter behind."""
        return encode_mulaw(self._decimator.convert(pcm))

    def flush(self) -> bytes:
        """The tail that the filter still holds, so that no word end is clipped; then `reset()`."""
        return encode_mulaw(self._decimator.flush())


class Interpolator:
    """8 kHz to 16 kHz; takes PCM16 LE, or µ-law."""

    def __init__(self, *, mulaw: bool = False) -> None:
        self._filter = _Filter(_UP, _MULAW if mulaw else _PCM, silent=_UP.width - 1)
        self.energy = 0.0
        """The sum of the squares of what came last."""

    def convert(self, data: bytes) -> Pcm:
        """Twice as many samples, half the filter behind."""
        signal = self._filter.push(data)
        self.energy = float(signal.dot(signal))
        np.rint(signal, out=signal)
        if self.energy >= _LEAST_TO_CLIP:  # else no sample can pass the most: -25 dBFS, a frame
            signal.clip(_LEAST, _MOST, out=signal)
        return signal.astype(np.int16)


class Decimator:
    """24 kHz to 8 kHz; takes PCM16 LE, in chunks that may end within a sample.

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
        self._filter = _Filter(_DOWN, _PCM, silent=_DOWN.width // 2)
        self._fade_in.begin()
        self._fade_out.begin()
        self._limiter.begin()

    def convert(self, pcm: bytes) -> Pcm:
        """As many samples as `pcm` completes, half the filter behind."""
        self._fade_out.note(pcm)
        return self._finished(self._filter.push(pcm))

    def flush(self) -> Pcm:
        """The samples that the filter still holds, and 5 ms more if the sound breaks off."""
        self._filter.drop_incomplete()
        silence = _PCM.silence * (_DOWN.width // 2)
        tail = self._finished(self._filter.push(self._fade_out.tail() + silence))
        self.reset()
        return tail

    def _finished(self, signal: Samples) -> Pcm:
        if len(signal):
            self._fade_in.apply(signal)
            if self._gain != 1.0:
                signal *= self._gain
            self._limiter.apply(signal)
        return signal.astype(np.int16)  # a fraction is too little for µ-law to tell


class _Room(NamedTuple):
    """Where windows of a signal are multiplied, over and over: with a hundred calls the caches are
    always cold, and new arrays cost more than what is done in them."""

    windows: Samples
    products: Samples
    signal: Samples
    """The products, one after another."""


class _Taps:
    """A FIR filter, ready to make _BLOCK steps by one product."""

    def __init__(self, taps: Samples, *, step: int = 1) -> None:
        """`taps` has a column for each output of a step; a step goes on by `step` samples.

        The bank repeats them _BLOCK times, each `step` rows further down: long rows are copied and
        multiplied in half the time of many short ones that overlap.
        """
        self.width, self.outputs = taps.shape
        self.step = step
        self.bank = np.zeros((step * (_BLOCK - 1) + self.width, _BLOCK * self.outputs), np.float32)
        for n in range(_BLOCK):
            columns = slice(n * self.outputs, (n + 1) * self.outputs)
            self.bank[n * step : n * step + self.width, columns] = taps
        self._rooms: dict[int, _Room] = {}

    def room(self, rows: int) -> _Room:
        """For so many products of the bank, until it is asked for the next time."""
        room = self._rooms.get(rows)
        if room is None:
            windows = np.empty((rows, len(self.bank)), np.float32)
            products = np.empty((rows, self.bank.shape[1]), np.float32)
            room = _Room(windows, products, products.ravel())
            if rows <= _MOST_ROWS:
                self._rooms[rows] = room
        return room


@dataclass(frozen=True, slots=True)
class _Kind:
    """How samples are written."""

    dtype: str
    silence: bytes
    """One sample."""
    read: Callable[[npt.NDArray[Any], Samples], object]
    """Copies them, on the scale of PCM16."""


class _Filter:
    """Filters a stream; what a chunk leaves incomplete waits for the next.

    Chunks are joined, and cut into windows, as the bytes they are: a step in numpy takes 1 µs, or 3
    where the caches are cold, however short the chunk.
    """

    def __init__(self, taps: _Taps, kind: _Kind, *, silent: int) -> None:
        """As if so many silent samples had been there before."""
        self._taps = taps
        self._kind = kind
        self._held = kind.silence * silent
        self._size = len(kind.silence)
        self._step_bytes = taps.step * self._size
        self._width_bytes = taps.width * self._size
        self._row_bytes = _BLOCK * self._step_bytes
        self._span_bytes = len(taps.bank) * self._size

    def push(self, data: bytes) -> Samples:
        """What `data` completes; to be used up before any filter with these taps goes on."""
        data = self._held + data
        steps = max((len(data) - self._width_bytes) // self._step_bytes + 1, 0)
        self._held = data[steps * self._step_bytes :]
        rows = -(-steps // _BLOCK)
        if not rows:
            return np.empty(0, np.float32)
        missing = (rows - 1) * self._row_bytes + self._span_bytes - len(data)
        if missing > 0:
            data += bytes(missing)  # for steps that are not taken
        room, kind = self._taps.room(rows), self._kind
        strides = self._row_bytes, self._size
        kind.read(np.ndarray(room.windows.shape, kind.dtype, data, 0, strides), room.windows)
        np.dot(room.windows, self._taps.bank, out=room.products)
        return room.signal[: steps * self._taps.outputs]

    def drop_incomplete(self) -> None:
        """Forget the byte of half a sample."""
        self._held = self._held[: len(self._held) // self._size * self._size]


def _level_dbfs(energy: float, count: int) -> float:
    if energy <= count:  # less than 1 of 32,768: what a filter leaves of silence
        return SILENCE_DBFS
    return math.floor(20.0 * math.log10(energy / (count * 32768.0**2))) / 2


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


def encode_mulaw(pcm: Pcm) -> bytes:
    """PCM16 samples to G.711 µ-law."""
    return _ENCODED.take(pcm, mode="wrap").tobytes()  # negative ones count from the end


def decode_mulaw(mulaw: bytes) -> Pcm:
    """G.711 µ-law to PCM16 samples."""
    return _DECODED[np.frombuffer(mulaw, np.uint8)].astype(np.int16)


def _read_mulaw(codes: npt.NDArray[np.uint8], values: Samples) -> None:
    # No byte is out of the table's bounds; without "clip" numpy copies to be able to complain.
    _DECODED.take(codes, out=values, mode="clip")


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
    """The code of every PCM16 value: those from 0 up, then those from -32768 up."""
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(pcm), 32635) + 0x84
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0x00)
    return np.asarray(~(sign | (segment << 4) | step) & 0xFF, np.uint8)


_LEAST, _MOST = np.array(-32768, np.float32), np.array(32767, np.float32)
_LEAST_TO_CLIP = 32_767.0**2
_DECODED = _mulaw_decode_table()
_ENCODED = _mulaw_encode_table()
_MULAW = _Kind("u1", b"\xff", _read_mulaw)
_PCM = _Kind("<i2", b"\0\0", lambda samples, values: np.copyto(values, samples))
_UP = _Taps(_upsampling_phases())
_DOWN = _Taps(
    _lowpass(61, cutoff_hz=3_880, rate_hz=MODEL_OUTPUT_HZ, beta=5.65)[:, np.newaxis],
    step=MODEL_OUTPUT_HZ // PHONE_HZ,
)
