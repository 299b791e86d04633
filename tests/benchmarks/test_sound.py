"""What measures the sound must hear what is wrong with it."""

import numpy as np
import pytest

from benchmarks.sound import bend, chain, loudness
from simulators.speech.pcm import Pcm
from simulators.speech.synthesis import Voice, synthesize

SPEECH = synthesize("Your account is active.", rate_hz=8_000, voice=Voice(peak_dbfs=-6.0))


def snr_db(heard: Pcm) -> float:
    return chain("it", "down", [heard], [SPEECH], 0.0).snr_db


def test_an_aligned_copy_is_as_good_as_it_gets_however_late_it_is() -> None:
    late = np.concatenate((np.zeros(19, np.int16), SPEECH))

    assert snr_db(late) > 60


@pytest.mark.parametrize("damage", ["a lost sample", "an alias", "a cut frame"])
def test_damage_is_heard(damage: str) -> None:
    heard = SPEECH.astype(np.float64)
    match damage:
        case "a lost sample":
            heard = np.delete(heard, len(heard) // 2)
        case "an alias":
            heard += 300 * np.sin(2 * np.pi * 3_000 / 8_000 * np.arange(len(heard)))
        case _:
            heard[len(heard) // 2 :][:160] = 0

    assert snr_db(heard.astype(np.int16)) < 30


def test_what_is_lost_at_the_end_is_told() -> None:
    assert chain("it", "down", [SPEECH[:-800]], [SPEECH], 0.0).lost_ms == 100


def test_a_cut_bends_more_than_a_fade() -> None:
    wave = 10_000 * np.cos(2 * np.pi * 200 / 8_000 * np.arange(2_000))
    faded = wave.copy()
    faded[:40] *= np.linspace(0, 1, 40) ** 2

    assert bend(wave, 0) > 5 * bend(faded, 40)


def test_speech_that_fits_is_not_distorted_and_pressed_speech_less_than_by_a_cut() -> None:
    speech = [synthesize("Your account is active.", rate_hz=24_000)]

    fits, pressed = loudness(speech, -6), loudness(speech, 12)

    assert fits.cut_db == fits.turned_down_db == pytest.approx(-120)
    assert pressed.turned_down_db < pressed.cut_db - 5
