"""A clip is the model's speech, trimmed, without clicks, and as loud as its replies."""

import numpy as np
import pytest

from ringdown.audio.telephone import MODEL_OUTPUT_HZ, PHONE_HZ, Pcm, decode_mulaw
from ringdown.clip_making.sound import clip_sound
from simulators.speech.synthesis import synthesize

SENTENCE = "I'm an AI. This call is transcribed."


def padded(speech: Pcm, before_s: float, after_s: float, noise: int = 0) -> bytes:
    """Return `speech` with silence or soft noise before and after it."""
    random = np.random.default_rng(1)
    around = (
        random.integers(-noise, noise + 1, round(seconds * MODEL_OUTPUT_HZ)).astype("<i2")
        for seconds in (before_s, after_s)
    )
    before, after = around
    return np.concatenate((before, speech, after)).astype("<i2").tobytes()


def speech(peak_dbfs: float = -9.0) -> Pcm:
    pcm = synthesize(SENTENCE, rate_hz=MODEL_OUTPUT_HZ, edge_silence_ms=0).astype(np.float64)
    scale = 32_768 * 10 ** (peak_dbfs / 20) / np.abs(pcm).max()
    return np.asarray((pcm * scale).clip(-32_768, 32_767), np.int16)


@pytest.mark.parametrize("noise", [0, 18])
@pytest.mark.parametrize(("before_s", "after_s"), [(0.0, 0.0), (0.6, 1.4), (0.0, 2.0)])
def test_silence_around_it_is_cut(before_s: float, after_s: float, noise: int) -> None:
    said = speech()
    clip = clip_sound(padded(said, before_s, after_s, noise), 0.0)

    assert len(clip) / PHONE_HZ == pytest.approx(len(said) / MODEL_OUTPUT_HZ, abs=0.1)
    whole = decode_mulaw(clip_sound(padded(said, 0, 0), 0.0)).astype(np.float64)
    cut = decode_mulaw(clip).astype(np.float64)
    assert np.sum(cut**2) == pytest.approx(np.sum(whole**2), rel=0.01), "some speech is missing"


def test_it_begins_and_ends_without_a_click() -> None:
    loud = np.full(MODEL_OUTPUT_HZ, 20_000, np.int16).tobytes()  # begins and ends at full volume
    clip = decode_mulaw(clip_sound(loud, 0.0)).astype(int)

    assert np.abs(clip[[0, -1]]).max() < 1_000
    assert np.abs(np.diff(clip)).max() < 4_000


def test_it_is_as_loud_as_the_agents_replies() -> None:
    plain = decode_mulaw(clip_sound(speech(-20).tobytes(), 0.0)).astype(np.float64)
    louder = decode_mulaw(clip_sound(speech(-20).tobytes(), 6.0)).astype(np.float64)

    gain_db = 10 * np.log10(np.sum(louder**2) / np.sum(plain**2))
    assert gain_db == pytest.approx(6.0, abs=0.2)


def test_what_would_be_too_loud_is_turned_down() -> None:
    said = speech(-1.0)
    clip = decode_mulaw(clip_sound(said.tobytes(), 12.0)).astype(int)

    assert (np.abs(clip) >= 32_124).mean() < 0.01, "it was clipped instead of turned down"


@pytest.mark.parametrize(
    "pcm", [b"", b"\0", bytes(48_000), padded(speech()[:0], 1, 1, noise=18)], ids=range(4)
)
def test_what_is_no_speech_is_no_clip(pcm: bytes) -> None:
    assert clip_sound(pcm, 12.0) == b""
