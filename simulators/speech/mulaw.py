"""G.711 µ-law: converts 16-bit samples to bytes and back, using tables."""

import numpy as np
import numpy.typing as npt

from simulators.speech.pcm import Pcm

_BIAS = 132  # 33 on the 14-bit scale of G.711, table 2a
_CLIP = 32_635

SILENCE = b"\xff"
"""The byte for positive zero."""


def encode(pcm: Pcm) -> bytes:
    """Encode each sample as one byte."""
    return _ENCODE[pcm.view(np.uint16)].tobytes()


def decode(data: bytes) -> Pcm:
    """Decode each byte to one sample."""
    return _DECODE[np.frombuffer(data, dtype=np.uint8)]


def _decoding_table() -> Pcm:
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4) & 7, (code & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + _BIAS) << exponent) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoding_table() -> npt.NDArray[np.uint8]:
    """Indexed by the sample's bit pattern, so that `encode` needs no arithmetic."""
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    biased = np.minimum(np.abs(sample), _CLIP) + _BIAS
    exponent = np.frexp(biased.astype(np.float64))[1].astype(np.int32) - 8
    mantissa = (biased >> (exponent + 3)) & 15
    sign = np.where(sample < 0, 0x80, 0)
    code = sign | exponent << 4 | mantissa
    table: npt.NDArray[np.uint8] = np.bitwise_and(~code, 0xFF).astype(np.uint8)
    return table


_DECODE = _decoding_table()
_ENCODE = _encoding_table()
