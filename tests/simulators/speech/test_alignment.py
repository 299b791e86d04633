"""Harmless changes must count as intact, planted damage must not."""

import numpy as np
import pytest

from simulators.speech import mulaw
from simulators.speech.alignment import Alignment, align, cut, find_in_order
from simulators.speech.pcm import Pcm, silence, to_pcm
from simulators.speech.resampling import resample
from simulators.speech.synthesis import Voice, synthesize

MODEL_HZ, LINE_HZ = 24_000, 8_000
FRAME = 160
SENTENCE = "The balance is forty two dollars, and the last payment arrived on Monday."
SOURCE = synthesize(SENTENCE, rate_hz=MODEL_HZ, voice=Voice("en-us+f3"))
OTHER = synthesize("Something else was said.", rate_hz=LINE_HZ, voice=Voice("en-us+f3"))


def over_the_line(pcm: Pcm) -> Pcm:
    return mulaw.decode(mulaw.encode(resample(pcm, from_hz=MODEL_HZ, to_hz=LINE_HZ)))


RECEIVED = over_the_line(SOURCE)


def judge(received: Pcm) -> Alignment:
    return align(SOURCE, received, rate_hz=MODEL_HZ, received_hz=LINE_HZ)


def frames_where(*, voiced: bool) -> list[int]:
    """Places for damage: frames of clear speech, or of a pause inside the sentence."""
    count = len(RECEIVED) // FRAME
    levels = np.abs(RECEIVED[: count * FRAME].reshape(count, FRAME).astype(int)).mean(axis=1)
    loud = levels > levels.max() / 10
    first, last = np.flatnonzero(loud)[[0, -1]]
    if voiced:
        return [i for i in range(first + 2, last - 2) if loud[i]]
    return [i for i in range(first, last) if levels[i] < levels.max() / 50]


SPOTS = [*frames_where(voiced=True)[::9], *frames_where(voiced=False)[::2]]


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_gain_passes(gain: float) -> None:
    result = judge(mulaw.decode(mulaw.encode(to_pcm(RECEIVED * gain))))
    assert result.intact, result.why
    assert result.why == "intact"
    assert result.lag_drift_samples == 0
    assert result.worst_window > 0.99
    assert result.intact_ms == pytest.approx(len(SOURCE) / 24)


@pytest.mark.parametrize("late_by", [0, 1, 2, 7])
def test_a_fraction_of_a_sample_passes(late_by: int) -> None:
    late = np.concatenate((np.zeros(late_by, dtype=np.int16), SOURCE))
    result = judge(over_the_line(late))
    assert result.intact, result.why
    assert result.offset_ms == pytest.approx(late_by / 24, abs=0.02)


def test_a_softer_band_edge_passes() -> None:
    spectrum = np.fft.rfft(SOURCE)
    frequencies = np.fft.rfftfreq(len(SOURCE), 1 / MODEL_HZ)
    ripple_db = 0.5 * np.sin(frequencies / 200)
    edge = np.clip((4_000 - frequencies) / 600, 0, 1)
    filtered = to_pcm(np.fft.irfft(spectrum * edge * 10 ** (ripple_db / 20), len(SOURCE)))
    result = judge(over_the_line(filtered))
    assert result.intact, result.why


def test_finds_it_in_a_long_recording() -> None:
    recording = np.concatenate((OTHER, silence(7_000, LINE_HZ), OTHER, RECEIVED, OTHER, OTHER))
    result = judge(recording)
    assert result.intact, result.why
    expected_ms = (2 * len(OTHER)) / 8 + 7_000
    assert result.offset_ms == pytest.approx(expected_ms, abs=0.02)
    found = cut(recording, result, received_hz=LINE_HZ, duration_ms=len(SOURCE) / 24)
    assert np.corrcoef(found, RECEIVED[: len(found)])[0, 1] > 0.999


@pytest.mark.parametrize("spot", SPOTS)
def test_a_lost_frame_fails(spot: int) -> None:
    at = spot * FRAME
    result = judge(np.concatenate((RECEIVED[:at], RECEIVED[at + FRAME :])))
    assert not result.intact
    assert result.lag_drift_samples == pytest.approx(FRAME, abs=2)
    assert "20.0 ms too" in result.why


@pytest.mark.parametrize("spot", SPOTS)
def test_an_added_frame_of_silence_fails(spot: int) -> None:
    at = spot * FRAME
    result = judge(np.concatenate((RECEIVED[:at], silence(20, LINE_HZ), RECEIVED[at:])))
    assert not result.intact
    assert result.lag_drift_samples == pytest.approx(FRAME, abs=2)


@pytest.mark.parametrize("spot", frames_where(voiced=True)[::9])
def test_a_silenced_frame_fails(spot: int) -> None:
    damaged = RECEIVED.copy()
    damaged[spot * FRAME : (spot + 1) * FRAME] = 0
    assert not judge(damaged).intact


@pytest.mark.parametrize("chunk_ms", [20, 40, 100])
@pytest.mark.parametrize("spot", frames_where(voiced=True)[::17])
def test_swapped_chunks_fail(chunk_ms: int, spot: int) -> None:
    at, size = spot * FRAME, chunk_ms * 8
    first, second = RECEIVED[at : at + size], RECEIVED[at + size : at + 2 * size]
    damaged = np.concatenate((RECEIVED[:at], second, first, RECEIVED[at + 2 * size :]))
    assert not judge(damaged).intact


def test_a_sample_lost_in_every_frame_fails() -> None:
    count = len(RECEIVED) // FRAME
    pieces = [RECEIVED[i * FRAME : (i + 1) * FRAME - 1] for i in range(count)]
    assert not judge(np.concatenate(pieces)).intact


def test_aliases_fail() -> None:
    result = judge(mulaw.decode(mulaw.encode(SOURCE[::3])))
    assert not result.intact


def test_clipped_ends_fail() -> None:
    word = 250 * 8
    assert not judge(np.concatenate((OTHER, RECEIVED[word:]))).intact
    assert not judge(np.concatenate((OTHER, RECEIVED[:-word]))).intact
    assert not judge(RECEIVED[word:]).intact
    assert not judge(RECEIVED[:-word]).intact


def test_sound_in_a_pause_fails() -> None:
    spot = frames_where(voiced=False)[2]
    damaged = RECEIVED.copy()
    damaged[spot * FRAME : (spot + 2) * FRAME] += OTHER[2_000 : 2_000 + 2 * FRAME]
    result = judge(damaged)
    assert not result.intact
    assert "damaged" in result.why


def test_another_sentence_is_not_found() -> None:
    result = judge(np.concatenate((OTHER, silence(5_000, LINE_HZ))))
    assert not result.intact
    assert result.why.startswith("not found")


def test_nothing_received() -> None:
    assert not judge(silence(0, LINE_HZ)).intact
    assert not judge(silence(3_000, LINE_HZ)).intact


@pytest.mark.parametrize("arrived_ms", [500, 1_000, 2_000, 3_500])
def test_how_much_of_a_cut_sentence_arrived(arrived_ms: int) -> None:
    start = RECEIVED[: arrived_ms * 8]
    recording = np.concatenate((OTHER, start, silence(2_000, LINE_HZ), OTHER))
    result = align(SOURCE, recording, rate_hz=MODEL_HZ, received_hz=LINE_HZ)
    assert not result.intact
    # A pause at the cut looks the same with and without the frames that were lost.
    assert result.intact_ms == pytest.approx(arrived_ms, abs=110)
    assert result.offset_ms == pytest.approx(len(OTHER) / 8, abs=0.1)


def test_a_whole_call() -> None:
    texts = [
        SENTENCE,
        "How can I help you?",
        "The plan has three parts.",
        "Goodbye, and thank you.",
    ]
    sources = [synthesize(text, rate_hz=MODEL_HZ, voice=Voice("en-us+f3")) for text in texts]
    lines = [over_the_line(source) for source in sources]
    pieces = [silence(3_000, LINE_HZ), lines[0], silence(900, LINE_HZ), lines[1], OTHER]
    pieces += [lines[2][:8_000], silence(700, LINE_HZ), lines[3], silence(2_000, LINE_HZ)]
    results = find_in_order(sources, np.concatenate(pieces), rate_hz=MODEL_HZ, received_hz=LINE_HZ)
    assert [result.intact for result in results] == [True, True, False, True]
    assert results[2].intact_ms == pytest.approx(1_000, abs=60)
    offsets = [result.offset_ms for result in results]
    assert offsets == sorted(offsets)


def test_a_repeated_sentence_is_found_twice() -> None:
    recording = np.concatenate((silence(500, LINE_HZ), RECEIVED, silence(500, LINE_HZ), RECEIVED))
    first, second = find_in_order(
        [SOURCE, SOURCE], recording, rate_hz=MODEL_HZ, received_hz=LINE_HZ
    )
    assert first.intact
    assert second.intact
    assert second.offset_ms - first.offset_ms == pytest.approx(500 + len(RECEIVED) / 8, abs=0.1)
