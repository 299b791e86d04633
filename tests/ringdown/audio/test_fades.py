"""Sounds that begin or end abruptly, or are too loud, as a telephone plays them."""

import numpy as np
import numpy.typing as npt
import pytest

from ringdown.audio.fades import MULAW_PEAK, FadeIn, FadeOut, Limiter
from ringdown.audio.telephone import MODEL_OUTPUT_HZ, Downsampler, decode_mulaw

Signal = npt.NDArray[np.float64]

_SILENCE = b"\xff" * 160
_CHUNK_BYTES = 2 * MODEL_OUTPUT_HZ // 25


def voice(amplitude: float, seconds: float, *, at: float = 0.25) -> bytes:
    """A vowel's harmonics. They begin at the fraction `at` of a period, so not in silence."""
    moments = np.arange(int(seconds * MODEL_OUTPUT_HZ)) / MODEL_OUTPUT_HZ + at / 150
    signal = sum(np.sin(2 * np.pi * 150 * n * moments) / n**2 for n in range(1, 20))
    return np.asarray(amplitude * signal / np.abs(signal).max(), "<i2").tobytes()


def played(*sounds: bytes, volume_db: float = 0.0) -> Signal:
    """Return what is played: silence, each sound in full, and silence again."""
    down, mulaw = Downsampler(volume_db), _SILENCE
    for sound in sounds:
        for start in range(0, len(sound), _CHUNK_BYTES):
            mulaw += down.convert(sound[start : start + _CHUNK_BYTES])
        mulaw += down.flush()
    return decode_mulaw(mulaw + _SILENCE).astype(np.float64)


def click(signal: Signal, at: int) -> float:
    """The sharpest bend within 5 ms of a position, relative to the sharpest of the sound itself."""
    bends = np.abs(np.diff(signal, 2))
    return float(bends[at - 40 : at + 40].max() / bends[at + 200 : at + 600].max())


def test_a_sound_that_begins_in_the_middle_of_a_word_does_not_click() -> None:
    heard = click(played(voice(20_000, 0.3)), len(_SILENCE))

    assert heard <= 1.0, f"its beginning bends {heard:.2f} times as sharply as the voice"


def test_a_sound_that_breaks_off_does_not_click() -> None:
    whole = played(voice(20_000, 0.3))

    heard = click(whole[::-1], len(_SILENCE))

    assert heard <= 1.0, f"its end bends {heard:.2f} times as sharply as the voice"


def test_a_cut_clicks() -> None:
    """Without fades, the two tests above would find a click like this one."""
    cut = played(voice(20_000, 0.3))
    cut[:1_000] = 0

    assert click(cut, 1_000) > 1.5


def test_one_sound_after_another_is_joined_in_silence() -> None:
    both = played(voice(20_000, 0.3), voice(20_000, 0.3, at=0.6))
    join = len(_SILENCE) + 2_400 + 40

    assert np.abs(both[join - 1 : join + 1]).max() < 500
    assert click(both, join) <= 1.0


def test_a_word_that_ends_in_silence_is_not_made_longer() -> None:
    word = voice(20_000, 0.3) + bytes(2 * 240)

    assert len(played(word)) == len(_SILENCE) * 2 + 2_400 + 80


def test_a_fade_out_needs_no_more_than_it_has() -> None:
    fade = FadeOut(MODEL_OUTPUT_HZ)
    assert not fade.tail()

    fade.note(np.array([20_000], "<i2").tobytes())
    fade.note(np.array([20_100, 20_200, 0], "<i2").tobytes()[:-1])

    tail = np.frombuffer(fade.tail(), "<i2").tolist()
    assert tail == pytest.approx([20_200, 20_200], rel=1e-3), "the tail is louder than the sound"


def test_a_fade_in_goes_on_from_chunk_to_chunk() -> None:
    whole, pieces = np.ones(100, np.float32), np.ones(100, np.float32)
    FadeIn(8_000).apply(whole)
    fade = FadeIn(8_000)
    for start in range(0, 100, 7):
        fade.apply(pieces[start : start + 7])

    assert pieces.tolist() == whole.tolist()
    assert whole[0] < 0.01
    assert (whole[40:] == 1).all()


# Loudness


def unlike_db(signal: Signal, wanted: Signal) -> float:
    """How much of `signal` (dB) isn't the wanted signal, regardless of loudness."""
    rest = signal - wanted * (signal @ wanted) / (wanted @ wanted)
    return float(10 * np.log10((rest @ rest) / (signal @ signal)))


def pressed(level: float) -> bytes:
    """A second of a clipped voice, scaled by `level`. Filtering makes it exceed full scale."""
    loud = np.frombuffer(voice(32_767, 1.0), "<i2").astype(np.float64) * 4
    return (loud.clip(-32_768, 32_767) * level).astype("<i2").tobytes()


def test_a_pressed_voice_is_turned_down_and_not_cut() -> None:
    heard, wanted = played(pressed(1.0))[800:], played(pressed(0.5))[800:]

    assert unlike_db(heard, wanted) < -40, f"distorted at {unlike_db(heard, wanted):.0f} dB"
    assert unlike_db((2 * wanted).clip(-MULAW_PEAK, MULAW_PEAK), wanted) > -37, (
        "clipping goes unnoticed"
    )
    assert np.abs(heard).max() > 0.9 * MULAW_PEAK, "much softer than it could be"


@pytest.mark.parametrize("volume_db", [-12.0, 6.0])
def test_a_voice_is_as_loud_as_is_wanted(volume_db: float) -> None:
    usual, heard = played(voice(8_000, 0.3)), played(voice(8_000, 0.3), volume_db=volume_db)

    assert 10 * np.log10((heard @ heard) / (usual @ usual)) == pytest.approx(volume_db, abs=0.1)


def test_a_voice_that_is_made_too_loud_is_turned_down_and_not_cut() -> None:
    usual, heard = played(voice(20_000, 0.3)), played(voice(20_000, 0.3), volume_db=12)

    assert unlike_db(heard[800:], usual[800:]) < -30, "clipped"
    assert np.abs(heard).max() > 0.9 * MULAW_PEAK, "much softer than it could be"


def test_what_fits_is_left_as_it_is() -> None:
    signal = np.linspace(-MULAW_PEAK, MULAW_PEAK, 160, dtype=np.float32)
    before = signal.copy()
    Limiter(8_000).apply(signal)

    assert signal.tolist() == before.tolist()


def test_after_a_peak_the_sound_comes_back_within_half_a_second_and_without_a_step() -> None:
    limiter, levels = Limiter(8_000), []
    loud = np.full(160, 2 * MULAW_PEAK, np.float32)
    limiter.apply(loud)
    for _ in range(30):
        chunk = np.full(160, 10_000, np.float32)
        limiter.apply(chunk)
        levels.extend(chunk.tolist())

    steps = np.diff(levels)
    assert levels[0] == pytest.approx(5_000, rel=0.01), "the gain jumped"
    assert (steps >= 0).all()
    assert steps.max() < 10
    assert levels[4_000] == pytest.approx(10_000)
