"""Speech has the requested rate, a telephone's level, and the same samples every time."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import numpy as np
import pytest

from simulators.speech.pcm import Pcm, to_bytes
from simulators.speech.synthesis import SpeechError, Voice, synthesize

PRINT_DIGEST = """
import hashlib
from simulators.speech.synthesis import synthesize
synthesize("Something else came first.", rate_hz=16000)
print(hashlib.sha256(synthesize("The same again.", rate_hz=16000).tobytes()).hexdigest())
"""


def peak_dbfs(pcm: Pcm) -> float:
    return float(20 * np.log10(np.abs(pcm.astype(int)).max() / 32_768))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
def test_level_and_edges(rate_hz: int) -> None:
    pcm = synthesize("Hello there.", rate_hz=rate_hz, edge_silence_ms=30)
    assert peak_dbfs(pcm) == pytest.approx(-9, abs=0.1)
    edge = rate_hz * 30 // 1000
    assert not pcm[:edge].any()
    assert not pcm[-edge:].any()
    assert np.abs(pcm[edge : 3 * edge]).max() > 50, "speech must begin right after the silent edge"
    assert 0.4 < len(pcm) / rate_hz < 1.5


def test_is_the_same_in_another_process_and_after_other_sentences() -> None:
    synthesize("A sentence before.", rate_hz=8_000)
    here = sha256(to_bytes(synthesize("The same again.", rate_hz=16_000))).hexdigest()
    other = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST], capture_output=True, text=True, check=True, timeout=30
    )
    assert other.stdout.strip() == here


def test_threads_do_not_disturb_each_other() -> None:
    texts = [f"Sentence {word}." for word in ("one", "two", "three", "four", "five", "six")]

    def speak(text: str) -> bytes:
        return to_bytes(synthesize(text, rate_hz=8_000, voice=Voice(pitch=40)))

    with ThreadPoolExecutor(6) as threads:
        together = list(threads.map(speak, texts))
    synthesize.cache_clear()
    assert together == [speak(text) for text in texts]


def test_voices_differ() -> None:
    slow = synthesize("Good morning.", rate_hz=8_000, voice=Voice(words_per_minute=100))
    fast = synthesize("Good morning.", rate_hz=8_000, voice=Voice(words_per_minute=250))
    german = synthesize("Guten Morgen.", rate_hz=8_000, voice=Voice("de"))
    assert len(slow) > 1.5 * len(fast)
    assert len(german)


def test_says_what_it_cannot_say() -> None:
    with pytest.raises(SpeechError, match="no voice 'xx-nowhere'"):
        synthesize("Hello.", rate_hz=8_000, voice=Voice("xx-nowhere"))
    with pytest.raises(SpeechError, match="nothing to say in ' '"):
        synthesize(" ", rate_hz=8_000)


def test_the_cache_cannot_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        synthesize("Hello.", rate_hz=8_000)[0] = 1
