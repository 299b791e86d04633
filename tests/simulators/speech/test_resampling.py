"""Resampling is flat in the range of speech, without aliasing and without delay."""

import numpy as np
import pytest

from simulators.speech.pcm import Pcm, to_pcm
from simulators.speech.resampling import resample

RATES = [(22_050, 8_000), (22_050, 16_000), (22_050, 24_000), (24_000, 8_000), (8_000, 16_000)]


def tone(frequency_hz: float, rate_hz: int, duration_s: float = 0.5) -> Pcm:
    times = np.arange(round(rate_hz * duration_s)) / rate_hz
    return to_pcm(10_000 * np.sin(2 * np.pi * frequency_hz * times))


def level_db(pcm: Pcm) -> float:
    middle = pcm[len(pcm) // 8 : -len(pcm) // 8].astype(float)
    return float(20 * np.log10(max(middle.std(), 1e-3) / (10_000 / np.sqrt(2))))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("frequency_hz", [200, 1_000, 3_400])
def test_a_tone_stays_as_and_where_it_was(from_hz: int, to_hz: int, frequency_hz: float) -> None:
    resampled = resample(tone(frequency_hz, from_hz), from_hz=from_hz, to_hz=to_hz)
    expected = tone(frequency_hz, to_hz)
    inner = slice(to_hz // 50, -to_hz // 50)
    error = np.abs(resampled[: len(expected)].astype(float) - expected)[inner].max()
    assert len(resampled) == len(expected)
    assert error < 10, f"off by {error} of 10 000"


@pytest.mark.parametrize("frequency_hz", [4_200, 5_000, 7_000, 9_000, 11_000])
def test_leaves_no_alias(frequency_hz: float) -> None:
    assert level_db(resample(tone(frequency_hz, 24_000), from_hz=24_000, to_hz=8_000)) < -60


def test_leaves_no_image() -> None:
    spectrum = np.abs(np.fft.rfft(resample(tone(1_000, 8_000), from_hz=8_000, to_hz=16_000)))
    frequencies = np.fft.rfftfreq(2 * len(spectrum) - 2, 1 / 16_000)
    assert spectrum[frequencies > 4_500].max() < spectrum.max() / 1_000


def test_same_rate_and_nothing() -> None:
    speech = tone(500, 8_000)
    assert (resample(speech, from_hz=8_000, to_hz=8_000) == speech).all()
    assert not len(resample(speech[:0], from_hz=8_000, to_hz=16_000))
