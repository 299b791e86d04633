import math
import random

import numpy as np
import pytest

from ringdown.audio.telephone import Upsampler
from simulators.speech import mulaw
from simulators.speech.synthesis import Voice, synthesize
from stream_handler.call.speech import (
    SpeechChange,
    SpeechDetector,
    SpeechStarted,
    SpeechStopped,
)

FRAME_MS = 20.0


def hear(
    detector: SpeechDetector, levels: list[float], *, from_ms: float = 0.0
) -> list[SpeechChange]:
    """Feed frames with these levels to the detector, and return what it reports."""
    changes = []
    for index, level_dbfs in enumerate(levels, start=1):
        change = detector.frame(from_ms + index * FRAME_MS, level_dbfs, FRAME_MS)
        if change is not None:
            changes.append(change)
    return changes


def test_an_utterance_is_timed_by_its_first_and_last_voiced_frame() -> None:
    quiet, voice = [-70.0] * 50, [-20.0] * 50

    changes = hear(SpeechDetector(), quiet + voice + quiet)

    assert changes == [SpeechStarted(1_000), SpeechStopped(1_000, 2_000, sounds_spoken=False)]


def test_a_click_is_no_speech() -> None:
    assert hear(SpeechDetector(), [-70.0] * 20 + [-10.0] * 2 + [-70.0] * 40) == []


def test_the_shortest_word_is_speech() -> None:
    changes = hear(SpeechDetector(), [-70.0] * 20 + [-25.0] * 4 + [-70.0] * 40)

    assert changes == [SpeechStarted(400), SpeechStopped(400, 480, sounds_spoken=False)]


def test_a_broken_onset_counts_from_its_first_voiced_frame() -> None:
    changes = hear(SpeechDetector(), [-70.0] * 10 + [-25.0, -70.0, -25.0, -70.0, -25.0])

    assert changes == [SpeechStarted(onset_ms=200)]


def test_a_pause_between_words_does_not_end_the_utterance() -> None:
    voice, pause = [-20.0] * 20, [-70.0] * 15

    changes = hear(SpeechDetector(), voice + pause + voice)

    assert changes == [SpeechStarted(onset_ms=0)]


def test_the_end_is_told_400_ms_after_the_last_voiced_frame_and_not_before() -> None:
    detector = SpeechDetector()
    hear(detector, [-20.0] * 20)

    assert hear(detector, [-70.0] * 19, from_ms=400) == []
    assert detector.speaking
    assert hear(detector, [-70.0], from_ms=780) == [SpeechStopped(0, 400, sounds_spoken=False)]


@pytest.mark.parametrize("noise_dbfs", [-65.0, -55.0, -45.0])
def test_a_steady_background_is_learned_and_speech_above_it_still_found(noise_dbfs: float) -> None:
    rng = random.Random(1)  # noqa: S311
    noise = [noise_dbfs + rng.uniform(-2, 2) for _ in range(600)]
    detector = SpeechDetector()
    hear(detector, noise)  # 12 s to learn the background

    assert not detector.speaking, f"a background of {noise_dbfs} dBFS is taken for speech"
    changes = hear(detector, [-22.0] * 30, from_ms=12_000)

    assert changes == [SpeechStarted(onset_ms=12_000)]


def test_a_background_that_grows_louder_is_believed_after_some_seconds() -> None:
    detector = SpeechDetector()
    hear(detector, [-65.0] * 100)

    changes = hear(detector, [-45.0] * 500, from_ms=2_000)

    assert isinstance(changes[-1], SpeechStopped), "the new background counts as speech forever"


def test_digital_silence_and_full_scale_are_levels_too() -> None:
    detector = SpeechDetector()

    hear(detector, [-100.0] * 100)
    changes = hear(detector, [0.0] * 10, from_ms=2_000)

    assert changes == [SpeechStarted(onset_ms=2_000)]


def test_the_latest_onset_and_voiced_frame_can_be_asked_for() -> None:
    detector = SpeechDetector()
    assert (detector.onset_ms, detector.last_voiced_ms) == (None, None)

    hear(detector, [-70.0] * 10 + [-20.0] * 10 + [-70.0] * 10)

    assert detector.onset_ms is not None
    assert math.isclose(detector.onset_ms, 200)
    assert detector.last_voiced_ms == 400


@pytest.mark.parametrize(
    ("levels", "sounds_spoken"),
    [
        ([-24.0, -21.0, -18.0, -20.0, -25.0, -33.0, -28.0, -22.0] * 5, True),
        ([-20.0] * 40, False),
        ([-20.0, -20.5] * 20, False),
        ([-20.0, -20.5, -19.5, -20.0] * 100, False),
    ],
    ids=["speech", "a hum", "a fan", "a hair dryer"],
)
def test_what_rises_and_falls_sounds_spoken(levels: list[float], sounds_spoken: bool) -> None:
    detector = SpeechDetector()
    hear(detector, [-100.0] * 5)
    *_, stopped = hear(detector, [*levels, *[-100.0] * 30], from_ms=100)

    assert isinstance(stopped, SpeechStopped)
    assert stopped.sounds_spoken is sounds_spoken


@pytest.mark.parametrize("noise_dbfs", [-90, -50, -40])
@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "fr"])
def test_voices_sound_spoken_within_300_ms_and_noise_never(voice: str, noise_dbfs: float) -> None:
    words = synthesize("Um, I have a question.", rate_hz=8_000, voice=Voice(voice)) * 0.3
    quiet = np.zeros(16_000)
    line = np.concatenate([quiet, words, quiet])
    line += np.random.default_rng(1).normal(0, 32_768 * 10 ** (noise_dbfs / 20), len(line))
    sound, up, detector = mulaw.encode(line.astype(np.int16)), Upsampler(), SpeechDetector()

    began_ms, long_ms, spoken_ms = len(quiet) / 8, [], []
    for at in range(160, len(sound) + 1, 160):
        up.convert(sound[at - 160 : at])
        detector.frame(at / 8, up.level_dbfs, FRAME_MS)
        onset_ms = max(detector.onset_ms or 0.0, began_ms)
        if detector.speaking and (detector.last_voiced_ms or 0.0) - onset_ms >= 300:
            long_ms.append(at / 8)
        if detector.spoken_ms >= 300:
            spoken_ms.append(at / 8)

    assert began_ms < spoken_ms[0] <= long_ms[0] + 40
