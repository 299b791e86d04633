import numpy as np
import pytest

from ringdown.audio.telephone import decode_mulaw
from stream_handler.call.ringing import ring_of
from stream_handler.tones import ringback, waiting_tone


@pytest.mark.parametrize(
    ("called", "tones_hz", "parts_ms"),
    [
        ("+14155550100", {440, 480}, [2_000]),
        ("+442071234567", {400, 450}, [400, 200, 400]),
        ("+4930123456", {425}, [1_000]),
        ("+33123456789", {440}, [1_500]),
        ("anonymous", {425}, [1_000]),
    ],
)
def test_it_rings_as_in_the_country_that_was_called(
    called: str, tones_hz: set[int], parts_ms: list[int]
) -> None:
    ring = decode_mulaw(ringback(ring_of(called))).astype(np.float64)

    loud = np.abs(ring.reshape(-1, 40)).max(axis=1) > 100
    changes = np.flatnonzero(np.diff(loud, prepend=False, append=False))
    assert (np.diff(changes) * 5).tolist() == pytest.approx(parts_ms, abs=10)
    assert np.abs(ring).max() == pytest.approx(32_768 / 10, rel=0.1), "-20 dBFS"
    assert np.abs(ring[[0, -1]]).max() < 50, "the ring begins or ends with a click"
    tone = ring[400 : 400 + 1_600]
    spectrum = np.abs(np.fft.rfft(tone * np.blackman(1_600), 8_000))
    found = {hz for hz in range(350, 600) if spectrum[hz] == spectrum[hz - 12 : hz + 13].max()}
    strong = {hz for hz in found if spectrum[hz] > spectrum.max() / 4}
    assert all(min(abs(hz - tone_hz) for tone_hz in tones_hz) < 4 for hz in strong), strong
    assert len(strong) == len(tones_hz)


def test_the_waiting_tone_is_soft_and_begins_and_ends_in_silence() -> None:
    tone = decode_mulaw(waiting_tone())

    assert 400 <= len(tone) / 8 <= 500, "not 400 to 500 ms long"
    assert 0 < np.abs(tone).max() <= 32768 * 10 ** (-24 / 20) * 1.05, "louder than -24 dBFS"
    assert np.abs(tone[:16]).max() < 50
    assert np.abs(tone[-16:]).max() < 50
