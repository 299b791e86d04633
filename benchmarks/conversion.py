"""Sample rate conversion: what a frame of 20 ms costs, and what becomes of the sound.

PCM16 in and PCM16 out for all, without µ-law: its noise would hide what the filters do. Delay is
told by the marks that the load is measured with: from a sample's place in the stream to the time
at which it leaves, so that what a converter holds back counts as well as what its filter takes.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.rig.accounting import BurstLog, delays_ms
from benchmarks.rig.marks import PHONE_HZ, BurstDetector, marked_pieces
from simulators.speech.pcm import Pcm
from stream_handler.audio.telephone import (
    MODEL_INPUT_HZ,
    MODEL_OUTPUT_HZ,
    Decimator,
    Interpolator,
)

FRAME_MS = 20

Convert: TypeAlias = Callable[[Pcm], Pcm]
"""Takes the next samples of a stream, gives those that they complete."""

_BATCHES, _BATCH = 60, 50
_WARM_UP = 100
_SEED = 3
_CREST = 12_000
_TONE_S = 1.0
_SETTLED_S = 0.2
_BAND_HZ = tuple(range(300, 3401, 100))
_ABOVE_BAND_HZ = tuple(range(4_600, 12_000, 200))


@dataclass(frozen=True, slots=True)
class Converter:
    """One way to convert in one direction; `start` begins a new stream."""

    name: str
    direction: Literal["up", "down"]
    start: Callable[[], Convert]

    @property
    def input_hz(self) -> int:
        return PHONE_HZ if self.direction == "up" else MODEL_OUTPUT_HZ

    @property
    def output_hz(self) -> int:
        return MODEL_INPUT_HZ if self.direction == "up" else PHONE_HZ


@dataclass(frozen=True, slots=True)
class Conversion:
    """A sample rate converter: what 20 ms cost it, and what it does to the sound."""

    name: str
    direction: Literal["up", "down"]
    us_per_frame: float
    delay_ms: float
    snr_db: float
    worst_alias_db: float


def measure() -> list[Conversion]:
    """Ours beside soxr's; takes some seconds. Needs soxr (benchmarks/requirements.txt)."""
    return [measure_one(converter) for converter in (*ours(), *of_soxr())]


def measure_one(converter: Converter) -> Conversion:
    """`snr_db` and `worst_alias_db` are the worst of all tones tried."""
    return Conversion(
        name=converter.name,
        direction=converter.direction,
        us_per_frame=us_per_frame(converter),
        delay_ms=delay_ms(converter),
        snr_db=min(snr_db(converter, hz) for hz in _BAND_HZ),
        worst_alias_db=max(unwanted_db(converter)),
    )


def ours() -> tuple[Converter, Converter]:
    def up() -> Convert:
        interpolator = Interpolator()
        return lambda pcm: interpolator.convert(pcm.tobytes())

    def down() -> Convert:
        decimator = Decimator()
        return lambda pcm: decimator.convert(pcm.tobytes())

    return Converter("ringdown", "up", up), Converter("ringdown", "down", down)


def us_per_frame(converter: Converter) -> float:
    """The median of many short batches, each timed as a whole."""
    dice = np.random.default_rng(_SEED)
    size = converter.input_hz * FRAME_MS // 1000
    frame = dice.normal(0, _CREST / 4, size).clip(-_CREST, _CREST).astype(np.int16)
    convert = converter.start()
    for _ in range(_WARM_UP):
        convert(frame)
    return float(np.median([_batch_s(convert, frame) for _ in range(_BATCHES)]) / _BATCH * 1e6)


def delay_ms(converter: Converter) -> float:
    """The median over all marks of two rounds."""
    convert = converter.start()
    detector = BurstDetector(converter.output_hz)
    log = BurstLog()
    pieces = marked_pieces(converter.input_hz, FRAME_MS, _SEED)
    for number, piece in enumerate(pieces * 2):
        at_s = number * FRAME_MS / 1000
        if piece.mark is not None:
            offset_s = piece.mark.offset / converter.input_hz
            log.sent(piece.mark.tone, at_s + offset_s, 1000 * (at_s + offset_s))
        for heard in detector.take(convert(piece.pcm), at_s):
            log.heard(heard, converter.output_hz)
    return float(np.median(delays_ms(log.bursts)))


def snr_db(converter: Converter, tone_hz: int) -> float:
    """The tone against what came with it in the band; its image is judged apart."""
    output = _converted(converter, tone_hz)
    wanted, rest = _split(output, [tone_hz], converter.output_hz)
    if converter.direction == "up":
        rest = _split(rest, [PHONE_HZ - tone_hz], converter.output_hz)[1]
    return _db(wanted) - _db(rest)


def unwanted_db(converter: Converter) -> Iterator[float]:
    """Up: each tone's image, against the tone. Down: what is left of tones above the band."""
    if converter.direction == "up":
        for tone_hz in _BAND_HZ:
            output = _converted(converter, tone_hz)
            wanted, rest = _split(output, [tone_hz], converter.output_hz)
            image, _ = _split(rest, [PHONE_HZ - tone_hz], converter.output_hz)
            yield _db(image) - _db(wanted)
    else:
        full = _db(_tone(1_000, converter.input_hz))
        for tone_hz in _ABOVE_BAND_HZ:
            yield _db(_converted(converter, tone_hz)) - full


def of_soxr() -> list[Converter]:
    import soxr

    def stream(quality: str, input_hz: int, output_hz: int) -> Callable[[], Convert]:
        def start() -> Convert:
            resampler = soxr.ResampleStream(input_hz, output_hz, 1, dtype="int16", quality=quality)
            return lambda pcm: np.asarray(resampler.resample_chunk(pcm), np.int16)

        return start

    qualities = ("QQ", "HQ", "VHQ")
    up = (Converter(f"soxr {q}", "up", stream(q, PHONE_HZ, MODEL_INPUT_HZ)) for q in qualities)
    down = (Converter(f"soxr {q}", "down", stream(q, MODEL_OUTPUT_HZ, PHONE_HZ)) for q in qualities)
    return [*up, *down]


def _batch_s(convert: Convert, frame: Pcm) -> float:
    begin_s = time.perf_counter()
    for _ in range(_BATCH):
        convert(frame)
    return time.perf_counter() - begin_s


def _tone(hz: int, rate_hz: int) -> Pcm:
    seconds = np.arange(int(_TONE_S * rate_hz)) / rate_hz
    tone: Pcm = np.rint(_CREST * np.sin(2 * np.pi * hz * seconds)).astype(np.int16)
    return tone


def _converted(converter: Converter, tone_hz: int) -> npt.NDArray[np.float64]:
    """A tone, frame by frame, without the beginning: there the filter fills up."""
    convert = converter.start()
    tone = _tone(tone_hz, converter.input_hz)
    size = converter.input_hz * FRAME_MS // 1000
    parts = [convert(tone[start : start + size]) for start in range(0, len(tone), size)]
    output = np.concatenate(parts).astype(np.float64)
    return output[int(_SETTLED_S * converter.output_hz) :]


def _split(
    signal: npt.NDArray[np.float64], tones_hz: Sequence[int], rate_hz: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What of a signal is these tones, by least squares, and the rest."""
    angles = 2 * np.pi * np.outer(np.arange(len(signal)) / rate_hz, tones_hz)
    basis = np.hstack((np.sin(angles), np.cos(angles)))
    fitted = basis @ np.linalg.lstsq(basis, signal, rcond=None)[0]
    return fitted, signal - fitted


def _db(signal: npt.NDArray[np.float64] | Pcm) -> float:
    """Power, on no particular scale; silence is far below everything."""
    power = float(np.mean(np.square(signal.astype(np.float64))))
    return 10 * float(np.log10(max(power, 1e-9)))
