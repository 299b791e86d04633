"""Samples in files."""

from pathlib import Path

import numpy as np
import pytest

from simulators.speech.pcm import from_bytes, read_wav, to_bytes, to_pcm, write_wav


def test_wav_round_trip(tmp_path: Path) -> None:
    left, right = np.arange(5, dtype=np.int16), np.array([-32_768, 32_767], dtype=np.int16)
    write_wav(tmp_path / "two.wav", 8_000, left, right)
    rate_hz, channels = read_wav(tmp_path / "two.wav")
    assert rate_hz == 8_000
    assert channels[0].tolist() == left.tolist()
    assert channels[1].tolist() == [-32_768, 32_767, 0, 0, 0]


def test_bytes() -> None:
    assert to_bytes(np.array([1, -2], dtype=np.int16)) == b"\x01\x00\xfe\xff"
    assert from_bytes(b"\x01\x00\xfe\xff").tolist() == [1, -2]
    with pytest.raises(ValueError, match="multiple"):
        from_bytes(b"\x01")


def test_rounding_clips() -> None:
    assert to_pcm(np.array([1.5, -40_000, 40_000])).tolist() == [2, -32_768, 32_767]
