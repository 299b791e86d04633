import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from ringdown.audio.telephone import (
    MODEL_INPUT_HZ,
    MODEL_OUTPUT_HZ,
    PHONE_HZ,
    SILENCE_DBFS,
    Decimator,
    Downsampler,
    Interpolator,
    Samples,
    Upsampler,
    decode_mulaw,
    encode_mulaw,
)

Pcm = npt.NDArray[np.int16]
Resample = Callable[[bytes], Pcm]

PASSBAND_HZ = (200, 300, 700, 1_000, 1_500, 2_000, 2_600, 3_000, 3_300, 3_400)
MAX_DELAY_S = 1.3e-3


def up(samples: Samples) -> Pcm:
    return Interpolator().convert(as_pcm(samples))


def down(samples: Samples) -> Pcm:
    decimator = Decimator()
    return np.concatenate((decimator.convert(as_pcm(samples)), decimator.flush()))


def as_pcm(samples: Samples) -> bytes:
    return np.rint(samples).astype("<i2").tobytes()


def tone(frequency_hz: float, rate_hz: int, *, amplitude: float = 20_000) -> Samples:
    """A tone of one second."""
    return np.asarray(
        amplitude * np.sin(2 * np.pi * frequency_hz / rate_hz * np.arange(rate_hz)), np.float32
    )


def level_db(signal: Pcm, frequency_hz: float, rate_hz: int, *, amplitude: float = 20_000) -> float:
    """How loud `frequency_hz` is in the middle of `signal`, relative to the input tone."""
    middle = signal[len(signal) // 8 : -len(signal) // 8].astype(np.float64)
    window = np.blackman(len(middle))
    phase = np.exp(-2j * np.pi * frequency_hz / rate_hz * np.arange(len(middle)))
    found = 2 * abs((middle * window * phase).sum()) / window.sum()
    return 20 * math.log10(max(found, 1e-9) / amplitude)


def speech_like(length: int, seed: int = 0) -> Pcm:
    rng = np.random.default_rng(seed)
    envelope = 1 + np.sin(np.arange(length) / 900)
    return (
        np.asarray(rng.normal(0, 4_000, length) * envelope, np.float64)
        .clip(-32768, 32767)
        .astype(np.int16)
    )


# Filters


@pytest.mark.parametrize("frequency_hz", PASSBAND_HZ)
def test_the_telephone_band_passes_unchanged_upwards(frequency_hz: int) -> None:
    heard_db = level_db(up(tone(frequency_hz, PHONE_HZ)), frequency_hz, MODEL_INPUT_HZ)

    assert abs(heard_db) <= 0.5, f"{frequency_hz} Hz comes out at {heard_db:+.2f} dB"


@pytest.mark.parametrize("frequency_hz", PASSBAND_HZ)
def test_the_telephone_band_passes_unchanged_downwards(frequency_hz: int) -> None:
    heard_db = level_db(down(tone(frequency_hz, MODEL_OUTPUT_HZ)), frequency_hz, PHONE_HZ)

    assert abs(heard_db) <= 0.5, f"{frequency_hz} Hz comes out at {heard_db:+.2f} dB"


@pytest.mark.parametrize("frequency_hz", PASSBAND_HZ)
def test_upsampling_adds_no_image(frequency_hz: int) -> None:
    image_hz = PHONE_HZ - frequency_hz

    image_db = level_db(up(tone(frequency_hz, PHONE_HZ)), image_hz, MODEL_INPUT_HZ)

    assert image_db <= -55, f"{frequency_hz} Hz has an image at {image_hz} Hz: {image_db:.1f} dB"


@pytest.mark.parametrize("frequency_hz", [4_600, 4_700, 5_000, 5_700, 6_500, 7_900, 9_100, 11_500])
def test_downsampling_folds_nothing_back_into_the_band(frequency_hz: int) -> None:
    alias_hz = abs(frequency_hz - PHONE_HZ * round(frequency_hz / PHONE_HZ))

    alias_db = level_db(down(tone(frequency_hz, MODEL_OUTPUT_HZ)), alias_hz, PHONE_HZ)

    assert alias_db <= -55, f"{frequency_hz} Hz is heard at {alias_hz} Hz: {alias_db:.1f} dB"


@pytest.mark.parametrize(
    ("convert", "rate_hz"),
    [(Interpolator().convert, PHONE_HZ), (Decimator().convert, MODEL_OUTPUT_HZ)],
    ids=["up", "down"],
)
def test_the_filter_holds_sound_back_for_1_3_ms_at_most(convert: Resample, rate_hz: int) -> None:
    """Feed a click sample by sample, and measure how long its peak takes to come out."""
    clicked_at, loudest, delay_s = rate_hz // 50, 0, 0.0
    for index in range(2 * clicked_at):
        sample = 30_000 if index == clicked_at else 0
        for value in convert(as_pcm(np.array([sample], np.float32))).tolist():
            if value > loudest:
                loudest, delay_s = value, (index - clicked_at) / rate_hz

    assert loudest > 5_000
    assert 0 < delay_s <= MAX_DELAY_S, f"the click is {delay_s * 1e3:.2f} ms late"


def test_an_overshoot_at_full_scale_does_not_change_its_sign() -> None:
    square = np.where(tone(500, MODEL_OUTPUT_HZ) >= 0, 32_767, -32_768).astype(np.float32)

    plateau = down(square)[:8_000].reshape(-1, 16)[10:-10, 2:7]  # of positive half-waves

    assert plateau.min() > 20_000


# Chunks


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut `data` into chunks of these sizes, repeated as needed."""
    chunks, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        chunks.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return chunks


@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=8))
def test_any_chunking_upwards_equals_the_whole(sizes: list[int]) -> None:
    mulaw = encode_mulaw(speech_like(1_600))
    whole = np.frombuffer(Upsampler().convert(mulaw), "<i2").astype(np.int32)

    upsampler = Upsampler()
    parts = b"".join(upsampler.convert(chunk) for chunk in cut(mulaw, sizes))

    pieces = np.frombuffer(parts, "<i2").astype(np.int32)
    assert len(pieces) == len(whole) == 2 * len(mulaw)
    assert np.abs(pieces - whole).max() <= 1


@given(sizes=st.lists(st.integers(1, 2_000), min_size=1, max_size=8))
def test_any_chunking_downwards_equals_the_whole_odd_bytes_included(sizes: list[int]) -> None:
    pcm = speech_like(4_800).tobytes()
    one = Downsampler()
    whole = one.convert(pcm) + one.flush()

    downsampler = Downsampler()
    parts = b"".join(downsampler.convert(chunk) for chunk in cut(pcm, sizes))
    parts += downsampler.flush()

    assert len(parts) == len(whole) == 1_640, "expected 1,600 samples and a fade of 5 ms"
    assert max(_steps_apart(parts, whole)) <= 1


@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_any_chunking_before_mu_law_equals_the_whole(sizes: list[int]) -> None:
    pcm = speech_like(4_800).tobytes()
    one = Decimator()
    whole = np.concatenate((one.convert(pcm), one.flush())).astype(np.int32)

    decimator = Decimator()
    parts = [decimator.convert(chunk) for chunk in cut(pcm, sizes)]
    pieces = np.concatenate((*parts, decimator.flush()))

    assert len(pieces) == len(whole)
    assert np.abs(pieces - whole).max() <= 1


@pytest.mark.parametrize("convert", [Upsampler().convert, Downsampler().convert])
def test_an_empty_chunk_is_an_empty_chunk(convert: Callable[[bytes], bytes]) -> None:
    assert convert(b"") == b""


def test_one_byte_is_no_sample_yet() -> None:
    downsampler = Downsampler()

    assert downsampler.convert(b"\x01") == b""
    assert len(downsampler.convert(b"\x00" * (2 * 2_400 - 1)) + downsampler.flush()) == 800


def test_an_upsampled_frame_is_40_ms_worth_of_bytes_for_20_ms() -> None:
    assert len(Upsampler().convert(bytes(160))) == 640


# The end of a sound


def test_a_flush_brings_the_end_of_the_word() -> None:
    """Convert a tone that lasts to the very last sample; its end must come out, too."""
    word = tone(1_000, MODEL_OUTPUT_HZ)[: 24 * 100]
    downsampler = Downsampler()
    sound = decode_mulaw(downsampler.convert(word.astype("<i2").tobytes()) + downsampler.flush())

    last = sound[776:800].astype(np.float64)  # three periods
    loud_db = 20 * math.log10(np.abs(last[:16]).max() / 20_000)
    assert loud_db > -1.5, f"the last 3 ms come out at {loud_db:.1f} dB"


def test_a_flush_forgets() -> None:
    used, fresh = Downsampler(), Downsampler()
    used.convert(speech_like(999).tobytes() + b"\x07")
    used.flush()

    more = speech_like(2_400, seed=1).tobytes()
    assert used.convert(more) == fresh.convert(more)
    assert Downsampler().flush() == b"", "nothing was converted, so there is nothing to flush"


def test_a_second_flush_brings_nothing() -> None:
    downsampler = Downsampler()
    downsampler.convert(speech_like(2_400).tobytes())
    downsampler.flush()

    assert downsampler.flush() == b""


def test_a_reset_leaves_no_trace_of_the_sound_before() -> None:
    used, fresh = Downsampler(), Downsampler()
    used.convert(speech_like(1_234).tobytes() + b"\x55")
    used.reset()

    more = speech_like(2_400, seed=1).tobytes()
    assert used.convert(more) + used.flush() == fresh.convert(more) + fresh.flush()


# G.711


def reference_decode(code: int) -> int:
    """ITU-T G.711, table 2a, scaled from 14 to 16 bits."""
    inverted = ~code & 0xFF
    segment, step = (inverted >> 4) & 7, inverted & 15
    magnitude = ((2 * step + 33) << segment) - 33
    return -4 * magnitude if inverted & 0x80 else 4 * magnitude


def reference_encode(sample: int) -> int:
    """ITU-T G.711 by its decision values. Counts up to find the segment."""
    magnitude = min(min(abs(sample), 32_767) // 4 + 33, 8_191)
    segment = 0
    while magnitude >= 64 << segment:
        segment += 1
    step = (magnitude >> (segment + 1)) & 15
    return ~((0x80 if sample < 0 else 0) | segment << 4 | step) & 0xFF


def test_every_code_is_decoded_as_g_711_says() -> None:
    expected = [reference_decode(code) for code in range(256)]

    assert decode_mulaw(bytes(range(256))).tolist() == expected


def test_every_sample_is_encoded_as_g_711_says() -> None:
    samples = np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)
    expected = bytes(reference_encode(int(sample)) for sample in samples)

    wrong = [
        int(sample)
        for sample, ours, right in zip(samples, encode_mulaw(samples), expected, strict=True)
        if ours != right
    ]
    assert not wrong, f"{len(wrong)} samples, first {wrong[:5]}"


def test_decoding_and_encoding_again_changes_nothing() -> None:
    codes = bytes(range(256))

    again = encode_mulaw(decode_mulaw(codes))

    # Both zeros, 0xFF and 0x7F, decode to 0.
    assert [c for c, d in zip(codes, again, strict=True) if c != d] == [0x7F]


def _steps_apart(a: bytes, b: bytes) -> list[int]:
    """Return how many codes apart each pair of bytes is."""
    order = sorted(range(256), key=lambda code: (reference_decode(code), code))
    rank = {code: index for index, code in enumerate(order)}
    return [abs(rank[x] - rank[y]) for x, y in zip(a, b, strict=True)]


# Levels


def level_dbfs(frame: bytes) -> float:
    upsampler = Upsampler()
    upsampler.convert(frame)
    return upsampler.level_dbfs


@pytest.mark.parametrize("expected_dbfs", [-6.0, -20.0, -40.0, -60.0])
def test_the_level_of_a_tone_is_its_rms_against_full_scale(expected_dbfs: float) -> None:
    amplitude = 32_768 * 10 ** (expected_dbfs / 20) * math.sqrt(2)
    frame = encode_mulaw(tone(500, PHONE_HZ, amplitude=min(amplitude, 32_000)).astype(np.int16))

    assert level_dbfs(frame) == pytest.approx(expected_dbfs, abs=1.0)


@pytest.mark.parametrize("frame", [b"", b"\xff" * 160, b"\x7f" * 160])
def test_silence_has_a_level_too(frame: bytes) -> None:
    assert level_dbfs(frame) == SILENCE_DBFS


def test_a_louder_frame_has_a_higher_level() -> None:
    levels = [
        level_dbfs(encode_mulaw(np.full(160, amplitude, np.int16)))
        for amplitude in (8, 80, 800, 8_000, 32_000)
    ]

    assert levels == sorted(levels)
    assert levels[-1] < 0
