"""Encodes audio on the model's socket: like Gemini Live, or as the relay sends it."""

import binascii
import re
from typing import Protocol

import numpy as np

from benchmarks.rig.marks import PHONE_HZ
from simulators.speech import mulaw
from simulators.speech.pcm import Pcm

MODEL_HZ = 24_000
RELAY_UP = 4
"""How many times the relay repeats a payload on its way up, so that it carries as many bytes as
PCM16 at 16 kHz."""
RELAY_DOWN = MODEL_HZ // PHONE_HZ * 2
"""The relay forwards only the first of this many bytes of the model's audio."""

_DEFAULT_INPUT_HZ = 16_000
_RATE = re.compile(rb"audio/pcm;\s*rate=(\d+)")
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")


class Wire(Protocol):
    """One way to encode audio."""

    def input_hz(self, message: bytes) -> int:
        """Read the rate of the caller's audio from its first message."""

    def samples(self, data: bytes) -> Pcm:
        """Decode the caller's audio."""

    def chunk(self, pcm: Pcm) -> bytes:
        """Encode the model's audio, from samples at 24 kHz."""


class GeminiWire:
    """PCM16 little-endian both ways."""

    def input_hz(self, message: bytes) -> int:
        found = _RATE.search(message)
        return int(found[1]) if found else _DEFAULT_INPUT_HZ

    def samples(self, data: bytes) -> Pcm:
        return np.frombuffer(data, np.int16)

    def chunk(self, pcm: Pcm) -> bytes:
        return pcm.tobytes()


class RelayWire:
    """µ-law both ways, padded to the number of bytes that PCM16 would have."""

    def input_hz(self, message: bytes) -> int:
        return PHONE_HZ

    def samples(self, data: bytes) -> Pcm:
        return mulaw.decode(data[: len(data) // RELAY_UP])

    def chunk(self, pcm: Pcm) -> bytes:
        codes = np.frombuffer(mulaw.encode(pcm[:: MODEL_HZ // PHONE_HZ].copy()), np.uint8)
        return codes.repeat(RELAY_DOWN).tobytes()


def quoted_after(message: bytes, key: bytes) -> bytes:
    """Find the string after `key` in a JSON text; a search is faster than parsing.

    Only for strings without escapes, such as base64. Empty if there is none.
    """
    found = message.find(key)
    if found < 0:
        return b""
    start = message.find(b'"', found + len(key)) + 1
    return message[start : message.find(b'"', start)]


def from_base64(text: bytes) -> bytes:
    """Decode either Base64 alphabet; google-genai sends the URL-safe one."""
    return binascii.a2b_base64(text.translate(_STANDARD_ALPHABET))
