"""Detects when speech begins and ends."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from simulators.speech import mulaw
from simulators.speech.activity import ActivityDetector, ActivityEvent, SpeechStarted, SpeechStopped
from simulators.speech.pcm import Pcm, silence, to_pcm
from simulators.speech.synthesis import synthesize

RATE_HZ = 8_000
SENTENCE = mulaw.decode(mulaw.encode(synthesize("Where is my parcel?", rate_hz=RATE_HZ)))


def listen(pcm: Pcm, **settings: float) -> list[ActivityEvent]:
    return ActivityDetector(RATE_HZ, **settings).feed(pcm)  # type: ignore[arg-type]


def noise(duration_s: float, rms: float) -> Pcm:
    generator = np.random.default_rng(7)
    return to_pcm(generator.normal(scale=rms, size=round(duration_s * RATE_HZ)))


def test_finds_a_sentence() -> None:
    events = listen(np.concatenate((silence(500, RATE_HZ), SENTENCE, silence(800, RATE_HZ))))
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped]
    assert events[0].at_ms == pytest.approx(520, abs=40)
    assert events[1].at_ms == pytest.approx(480 + len(SENTENCE) / 8, abs=120)


def test_reports_the_end_only_after_the_silence() -> None:
    detector = ActivityDetector(RATE_HZ, silence_ms=500)
    detector.feed(SENTENCE)
    assert not detector.feed(silence(300, RATE_HZ))
    assert detector.speaking
    (stopped,) = detector.feed(silence(300, RATE_HZ))
    assert isinstance(stopped, SpeechStopped)
    assert stopped.at_ms <= len(SENTENCE) / 8


@pytest.mark.parametrize(("silence_ms", "sentences"), [(300, 2), (900, 1)])
def test_a_pause_is_an_end_if_it_is_long_enough(silence_ms: int, sentences: int) -> None:
    pieces = (SENTENCE, silence(500, RATE_HZ), SENTENCE, silence(1_000, RATE_HZ))
    events = listen(np.concatenate(pieces), silence_ms=silence_ms)
    assert sum(isinstance(event, SpeechStarted) for event in events) == sentences


@pytest.mark.parametrize("rms", [0.0, 3.0, 30.0, 100.0])
def test_background_is_not_speech(rms: float) -> None:
    assert not listen(noise(5, rms))


def test_loud_steady_noise_stops_counting_as_speech() -> None:
    events = listen(np.concatenate((silence(1_000, RATE_HZ), noise(6, 500))))
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped]


def test_speech_above_noise_is_heard() -> None:
    quiet = noise(3, 60)
    mixed = quiet.copy()
    mixed[RATE_HZ : RATE_HZ + len(SENTENCE)] += SENTENCE
    assert [type(event) for event in listen(mixed)] == [SpeechStarted, SpeechStopped]


def test_a_click_is_not_speech() -> None:
    click = silence(1_000, RATE_HZ)
    click[4_000:4_050] = 20_000
    assert not listen(click)


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=40))
def test_the_size_of_the_pieces_does_not_matter(sizes: list[int]) -> None:
    pcm = np.concatenate((SENTENCE, silence(700, RATE_HZ)))
    detector = ActivityDetector(RATE_HZ)
    events: list[ActivityEvent] = []
    for size in sizes:
        events += detector.feed(pcm[:size])
        pcm = pcm[size:]
    events += detector.feed(pcm)
    assert events == listen(np.concatenate((SENTENCE, silence(700, RATE_HZ))))
