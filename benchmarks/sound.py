"""`python -m benchmarks.sound`: measures what callers and the model hear; prints Markdown tables.

Speech goes through the deployed converters and the telephone network's stand-in, which plays as
Twilio does; no time is measured but that of the joins, so one run says all.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks import conversion
from benchmarks.tables import markdown
from devtools.processes import say
from simulators.speech import pcm as wav
from simulators.speech.pcm import Pcm, to_pcm
from simulators.speech.resampling import resample
from simulators.speech.synthesis import Voice, synthesize
from simulators.twilio.playout import PlayoutBuffer
from stream_handler.audio.fades import MULAW_PEAK, FadeIn, FadeOut, Limiter
from stream_handler.audio.telephone import (
    MODEL_INPUT_HZ,
    MODEL_OUTPUT_HZ,
    PHONE_HZ,
    Decimator,
    Downsampler,
    decode_mulaw,
    encode_mulaw,
)

Signal: TypeAlias = npt.NDArray[np.float64]
Convert: TypeAlias = Callable[[Pcm], Pcm]

PLACES = 200
_SENTENCES = (
    ("en-us", "Your account is active, and your next delivery is on Thursday."),
    ("en-us+f3", "Hello, this is the demonstration line. How can I help you today?"),
    ("de", "Guten Tag, was kann ich für Sie tun? Einen Moment bitte."),
)
_FRAME = PHONE_HZ // 50
_CHUNK = MODEL_OUTPUT_HZ // 25
_NEAR, _BESIDE, _AROUND = PHONE_HZ // 200, 4, PHONE_HZ // 10
_MOST_LAG = 60  # samples that a filter may take
_CLICK = 1.5
_SEED = 7


class Chain(NamedTuple):
    """Speech through a converter and µ-law, in chunks as they come, against the ideal."""

    name: str
    direction: str
    snr_db: float
    """In the telephone band; µ-law's own noise included."""
    level_db: float
    late_ms: float
    """Until the converter gives the first sound."""
    lost_ms: float
    """What never comes out at the end."""


class Join(NamedTuple):
    """The sharpest bend of a join, against the sharpest of the sound beside it."""

    what: str
    how: str
    median: float
    p95: float
    clicks: float
    """Share of the places where the join is 1.5 times as sharp."""


class Loudness(NamedTuple):
    """Speech pressed against full scale by so many decibels, and then filtered."""

    pressed_db: float
    over: float
    """Peak of the filtered sound, against the most that µ-law can say."""
    cut_db: float
    """Distortion if it is cut there, against the sound."""
    turned_down_db: float
    """With the limiter."""


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sound", description=__doc__)
    parser.add_argument("--wav", type=Path, help="measure this recording (WAV, 16 bit)")
    given = parser.parse_args(argv)
    try:
        speech = _speech(given.wav)
    except (OSError, ValueError) as failure:
        say(f"{failure}")
        return 1
    for title, table in measure(speech):
        say(f"## {title}\n\n{table}\n")
    say(f"Fades and limiter, for 40 ms that need neither: {_join_us():.1f} µs")
    return 0


def measure(speech: Sequence[Pcm]) -> Iterator[tuple[str, str]]:
    """Titles and tables. `speech` is at 24 kHz. Needs soxr (benchmarks/requirements.txt)."""
    converters = sorted(conversion.measure(), key=lambda c: c.direction)
    yield (
        "Sample rate conversion",
        markdown(
            ("direction", "converter", "µs per 20 ms", "delay, ms", "SNR, dB", "worst alias, dB"),
            [
                (
                    *(c.direction, c.name, f"{c.us_per_frame:.1f}", f"{c.delay_ms:.1f}"),
                    *(f"{c.snr_db:.0f}", f"{c.worst_alias_db:.0f}"),
                )
                for c in converters
            ],
        ),
    )
    yield (
        "Speech through the chain",
        markdown(
            ("direction", "converter", "SNR, dB", "level, dB", "late, ms", "end lost, ms"),
            [
                (
                    *(c.direction, c.name, f"{c.snr_db:.1f}", f"{c.level_db:+.2f}"),
                    *(f"{c.late_ms:.0f}", f"{c.lost_ms:.0f}"),
                )
                for c in (*_down_chains(speech), *_up_chains(speech))
            ],
        ),
    )
    yield (
        f"Joins, in {PLACES} vowels",
        markdown(
            ("where", "how", "median", "95th percentile", "clicks"),
            [
                (j.what, j.how, f"{j.median:.2f}", f"{j.p95:.2f}", f"{100 * j.clicks:.0f} %")
                for j in joins()
            ],
        ),
    )
    yield (
        "Loud replies",
        markdown(
            (
                "pressed by, dB",
                "peak, of the most",
                "distortion if cut, dB",
                "with the limiter, dB",
            ),
            [
                (
                    f"{x.pressed_db:.0f}",
                    f"{x.over:.2f}",
                    _distortion(x.cut_db),
                    _distortion(x.turned_down_db),
                )
                for x in (loudness(speech, pressed_db) for pressed_db in (0, 6, 12))
            ],
        ),
    )


def _distortion(db: float) -> str:
    return "none" if db < -90 else f"{db:.0f}"


def _speech(path: Path | None) -> list[Pcm]:
    """Raises OSError and ValueError, which name the file and what is wrong with it."""
    if path is not None:
        try:
            rate_hz, [recording, *_] = wav.read_wav(path)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return [resample(recording, from_hz=rate_hz, to_hz=MODEL_OUTPUT_HZ)]
    return [
        synthesize(text, rate_hz=MODEL_OUTPUT_HZ, voice=Voice(name, peak_dbfs=-6.0))
        for name, text in _SENTENCES
    ]


# Through the chain


def _down_chains(speech: Sequence[Pcm]) -> Iterator[Chain]:
    wanted = [resample(s, from_hz=MODEL_OUTPUT_HZ, to_hz=PHONE_HZ) for s in speech]
    yield chain("ringdown", "down", [_played(s) for s in speech], wanted, 0.0)
    for name, start in _others("down"):
        yield _other(name, "down", start, speech, wanted)


def _up_chains(speech: Sequence[Pcm]) -> Iterator[Chain]:
    """What the caller says has been µ-law before it reaches anybody."""
    lines = [resample(s, from_hz=MODEL_OUTPUT_HZ, to_hz=PHONE_HZ) for s in speech]
    lines = [decode_mulaw(encode_mulaw(line)) for line in lines]
    wanted = [resample(s, from_hz=MODEL_OUTPUT_HZ, to_hz=MODEL_INPUT_HZ) for s in speech]
    [ours] = (c for c in conversion.ours() if c.direction == "up")
    for name, start in (("ringdown", ours.start), *_others("up")):
        yield _other(name, "up", start, lines, wanted)


def chain(
    name: str, direction: str, heard: Sequence[Pcm], wanted: Sequence[Pcm], late_ms: float
) -> Chain:
    """`heard` begins where `wanted` does; what is missing at its end is lost."""
    rate_hz = PHONE_HZ if direction == "down" else MODEL_INPUT_HZ
    missing = [max(len(w) - len(h), 0) for h, w in zip(heard, wanted, strict=True)]
    noise = signal = level = 0.0
    for ours, ideal in zip(heard, wanted, strict=True):
        a, b = (_in_band(s, rate_hz) for s in _aligned(ours, ideal))
        noise += float(np.square(a - b).sum())
        signal += float(np.square(b).sum())
        level += float(np.square(a).sum())
    return Chain(
        name=name,
        direction=direction,
        snr_db=10 * float(np.log10(signal / max(noise, 1e-9))),
        level_db=10 * float(np.log10(level / signal)),
        late_ms=late_ms,
        lost_ms=1000 * max(missing) / rate_hz,
    )


def _other(
    name: str,
    direction: str,
    start: Callable[[], Convert],
    speech: Sequence[Pcm],
    wanted: Sequence[Pcm],
) -> Chain:
    heard, late_ms = [], 0.0
    size, chunk_ms = (_CHUNK, 40) if direction == "down" else (_FRAME, 20)
    for samples in speech:
        convert = start()
        chunks = [convert(samples[n : n + size]) for n in range(0, len(samples), size)]
        late_ms = chunk_ms * next(n for n, chunk in enumerate(chunks) if len(chunk))
        out = np.concatenate(chunks)
        heard.append(decode_mulaw(encode_mulaw(out)) if direction == "down" else out)
    return chain(name, direction, heard, wanted, late_ms)


def _others(direction: str) -> Iterator[tuple[str, Callable[[], Convert]]]:
    for converter in conversion.of_soxr():
        if converter.direction == direction and converter.name != "soxr QQ":
            yield converter.name, converter.start
    if direction == "up":
        yield "plain cut", lambda: lambda pcm: pcm.repeat(2)
        return
    yield "plain cut", lambda: lambda pcm: pcm[::3].copy()

    def forgetful() -> Convert:
        def convert(pcm: Pcm) -> Pcm:
            return resample(pcm, from_hz=MODEL_OUTPUT_HZ, to_hz=PHONE_HZ)

        return convert

    yield "filter that forgets each chunk", forgetful


def _played(samples: Pcm) -> Pcm:
    """By the deployed converter to the network, and frame by frame to the ear."""
    down, playout = Downsampler(), PlayoutBuffer()
    data = samples.astype("<i2").tobytes()
    for start in range(0, len(data), 2 * _CHUNK):
        playout.append(down.convert(data[start : start + 2 * _CHUNK]))
    playout.append(down.flush())
    frames = []
    while not playout.finished:
        frames.append(playout.tick().frame)
    return decode_mulaw(b"".join(frames))


def _aligned(heard: Pcm, wanted: Pcm) -> tuple[Pcm, Pcm]:
    """Both from the same moment to the same moment, whatever a filter has delayed it."""
    count = min(len(heard), len(wanted)) - _MOST_LAG
    ideal = wanted[:count].astype(np.float64)
    lag = max(range(_MOST_LAG), key=lambda n: float(heard[n : n + count] @ ideal))
    return heard[lag : lag + count], wanted[:count]


def _in_band(samples: Pcm, rate_hz: int) -> Signal:
    spectrum = np.fft.rfft(samples.astype(np.float64))
    hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    spectrum[(hz < 300) | (hz > 3_400)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(samples)), np.float64)


# Joins


def joins() -> Iterator[Join]:
    """Beginnings, ends and interruptions in the middle of vowels.

    Of vowels, because they bend alike all the time: in speech the next consonant hides a click.
    """
    vowels = list(_vowels())
    first, last = [v[: len(v) // 2] for v in vowels], [v[len(v) // 2 :] for v in vowels]
    lines = [_plain(v) for v in vowels]
    yield _join("a sound begins", "at once", [(_plain(v), 0) for v in last])
    yield _join("a sound begins", "risen in 5 ms (ours)", [(_faded(v), _NEAR) for v in last])
    yield _join("a sound breaks off", "at once", [(_plain(v)[::-1], 0) for v in first])
    fallen = [(_faded(v)[::-1], _NEAR) for v in first]
    yield _join("a sound breaks off", "fallen in 5 ms (ours)", fallen)
    at = 10 * _FRAME
    stopped = [(line[:at][::-1], 0) for line in lines]
    yield _join("`clear`", "nothing behind it (ours)", stopped)
    for off, words in ((0, "at the very sample"), (8, "1 ms off"), (160, "20 ms off")):
        tails = [(_with_tail(line, at, off)[::-1], _NEAR) for line in lines]
        yield _join("`clear`", f"a fade of 5 ms behind it, {words}", tails)


def _join(what: str, how: str, sounds: Sequence[tuple[Signal, int]]) -> Join:
    bends = np.array([bend(signal, length) for signal, length in sounds])
    return Join(
        what=what,
        how=how,
        median=float(np.median(bends)),
        p95=float(np.percentile(bends, 95)),
        clicks=float(np.mean(bends > _CLICK)),
    )


def bend(signal: Signal, length: int) -> float:
    """How sharply a sound that comes out of silence, in so many samples, bends meanwhile."""
    bends = np.abs(np.diff(np.concatenate((np.zeros(_NEAR), signal)), 2))
    near = bends[: _NEAR + length + _BESIDE]
    return float(near.max() / bends[len(near) : len(near) + _AROUND].max())


def _vowels() -> Iterator[Pcm]:
    """Of voices from 90 to 250 Hz, 400 ms each, that begin anywhere in a period."""
    dice = np.random.default_rng(_SEED)
    for _ in range(PLACES):
        pitch_hz, seconds = dice.uniform(90, 250), np.arange(round(0.4 * MODEL_OUTPUT_HZ))
        angle = 2 * np.pi * pitch_hz * seconds / MODEL_OUTPUT_HZ + dice.uniform(0, 2 * np.pi)
        count = int(3_400 / pitch_hz)
        waves = [np.sin(n * angle) / n**2 for n in range(1, count)]
        vowel = np.sum(waves, axis=0)
        yield to_pcm(vowel / np.abs(vowel).max() * 16_000)


def _faded(samples: Pcm) -> Signal:
    decimator = Decimator()
    whole = (decimator.convert(samples.tobytes()), decimator.flush())
    return np.concatenate(whole).astype(np.float64)


def _plain(samples: Pcm) -> Signal:
    return resample(samples, from_hz=MODEL_OUTPUT_HZ, to_hz=PHONE_HZ).astype(np.float64)


def _with_tail(line: Signal, at: int, off: int) -> Signal:
    """What was played up to `at`, and a fade of what was believed to follow."""
    fall = np.cos(np.pi / 2 * np.arange(_NEAR) / _NEAR) ** 2
    return np.concatenate((line[:at], line[at - off : at - off + _NEAR] * fall))


# Loud replies


def loudness(speech: Sequence[Pcm], pressed_db: float) -> Loudness:
    """Distortion with a limiter and without one, over all sentences."""
    over, cut, down = 0.0, 0.0, 0.0
    total = 0.0
    for samples in speech:
        gain = 10 ** (pressed_db / 20) * 32_767 / np.abs(samples.astype(np.float64)).max()
        loud = to_pcm(samples * gain)
        exact = 2 * _plain(to_pcm(loud / 2.0))
        limiter, limited = Limiter(PHONE_HZ), exact.astype(np.float32)
        for start in range(0, len(limited), 2 * _FRAME):
            limiter.apply(limited[start : start + 2 * _FRAME])
        over = max(over, float(np.abs(exact).max()) / MULAW_PEAK)
        cut += _rest(exact.clip(-MULAW_PEAK, MULAW_PEAK), exact)
        down += _rest(limited.astype(np.float64), exact)
        total += float(np.square(exact).sum())
    tiny = total * 1e-12
    return Loudness(
        pressed_db=pressed_db,
        over=over,
        cut_db=10 * float(np.log10((cut + tiny) / total)),
        turned_down_db=10 * float(np.log10((down + tiny) / total)),
    )


def _rest(heard: Signal, exact: Signal) -> float:
    """The power of what is not the exact sound, however loud each frame of 20 ms is."""
    rest = 0.0
    for start in range(0, len(exact), _FRAME):
        a, b = heard[start : start + _FRAME], exact[start : start + _FRAME]
        power = float(b @ b)
        gain = float(a @ b) / power if power else 0.0
        rest += float(np.square(a - gain * b).sum())
    return rest


def _join_us() -> float:
    """The median of many short batches."""
    dice = np.random.default_rng(_SEED)
    fade_in, fade_out, limiter = FadeIn(PHONE_HZ), FadeOut(MODEL_OUTPUT_HZ), Limiter(PHONE_HZ)
    chunk = dice.normal(0, 3_000, _CHUNK).astype("<i2").tobytes()
    output = dice.normal(0, 3_000, 2 * _FRAME).astype(np.float32)
    took_s = []
    for _ in range(200):
        begin_s = time.perf_counter()
        for _ in range(50):
            fade_out.note(chunk)
            fade_in.apply(output)
            limiter.apply(output)
        took_s.append(time.perf_counter() - begin_s)
    return float(np.median(took_s)) / 50 * 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
