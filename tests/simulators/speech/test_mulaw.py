"""µ-law against ITU-T G.711, table 2a (values there are on a 14 bit scale: a quarter of ours)."""

import numpy as np
import pytest

from simulators.speech import mulaw

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)


@pytest.mark.parametrize(
    ("code", "value_14_bit"),
    [
        (0x80, 8031),
        (0x81, 7775),
        (0x8F, 4191),
        (0x90, 3999),
        (0x9F, 2079),
        (0xAF, 1023),
        (0xBF, 495),
        (0xCF, 231),
        (0xDF, 99),
        (0xEF, 33),
        (0xFE, 2),
        (0xFF, 0),
        (0x7F, 0),
        (0x7E, -2),
        (0x00, -8031),
    ],
)
def test_decodes_the_values_of_the_table(code: int, value_14_bit: int) -> None:
    assert mulaw.decode(bytes([code]))[0] == 4 * value_14_bit


def test_every_code_but_negative_zero_survives() -> None:
    again = mulaw.encode(mulaw.decode(EVERY_CODE))
    assert [a for a, b in zip(EVERY_CODE, again, strict=True) if a != b] == [0x7F]


def test_every_sample_goes_to_a_neighbour_and_order_is_kept() -> None:
    decoded = mulaw.decode(mulaw.encode(EVERY_SAMPLE)).astype(np.int32)
    assert (np.diff(decoded) >= 0).all()
    # Half of the widest step is 512; anything louder than 32 124 is clipped.
    assert np.abs(decoded - EVERY_SAMPLE).max() <= 32_768 - 32_124
    assert np.abs(decoded - EVERY_SAMPLE)[np.abs(EVERY_SAMPLE.astype(int)) < 32_124].max() <= 512


def test_is_symmetric() -> None:
    positive = np.arange(1, 32_768, dtype=np.int16)
    assert (mulaw.decode(mulaw.encode(-positive)) == -mulaw.decode(mulaw.encode(positive))).all()


def test_silence_is_silent() -> None:
    assert mulaw.encode(np.zeros(3, dtype=np.int16)) == mulaw.SILENCE * 3
