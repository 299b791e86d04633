import numpy as np
import pytest

from benchmarks.conversion import (
    Convert,
    Converter,
    delay_ms,
    measure_one,
    ours,
    snr_db,
    unwanted_db,
)
from simulators.speech.pcm import Pcm

HELD_FRAMES = 4


def repeat(pcm: Pcm) -> Pcm:
    """The worst interpolator: it leaves the whole image."""
    return pcm.repeat(2)


def holding() -> Convert:
    """Gives nothing for three frames, then all four."""
    held: list[Pcm] = []

    def convert(pcm: Pcm) -> Pcm:
        held.append(repeat(pcm))
        if len(held) < HELD_FRAMES:
            return np.empty(0, np.int16)
        whole = np.concatenate(held)
        held.clear()
        return whole

    return convert


def test_ours_keeps_what_it_promises() -> None:
    for converter in ours():
        measured = measure_one(converter)

        assert measured.delay_ms == pytest.approx(1.2, abs=0.2), converter.direction
        assert measured.snr_db > 70
        assert measured.worst_alias_db < -55
        assert measured.us_per_frame > 0


def test_a_converter_without_delay_has_none() -> None:
    assert delay_ms(Converter("repeat", "up", lambda: repeat)) == pytest.approx(0.0, abs=0.2)


def test_what_is_held_back_is_delay() -> None:
    assert delay_ms(Converter("holding", "up", holding)) == pytest.approx(60.0, abs=0.2)


def test_images_aliases_and_noise_are_seen() -> None:
    assert max(unwanted_db(Converter("repeat", "up", lambda: repeat))) > -6
    every_third = Converter("every third", "down", lambda: lambda pcm: pcm[::3])
    assert max(unwanted_db(every_third)) == pytest.approx(0.0, abs=0.1)
    coarse = Converter("coarse", "down", lambda: lambda pcm: pcm[::3] // 1024 * 1024)
    assert 10 < snr_db(coarse, 1_000) < 40
