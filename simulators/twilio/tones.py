"""Sounds made by the network itself: ringing and keypad tones, as µ-law."""

import numpy as np

from simulators.speech import mulaw

from .recording import RATE_HZ

_LEVEL = 3000.0
_ROWS = {"1": 697, "2": 697, "3": 697, "4": 770, "5": 770, "6": 770, "7": 852, "8": 852, "9": 852}
_ROWS |= {"*": 941, "0": 941, "#": 941}
_COLUMNS = {"1": 1209, "4": 1209, "7": 1209, "*": 1209, "2": 1336, "5": 1336, "8": 1336, "0": 1336}
_COLUMNS |= {"3": 1477, "6": 1477, "9": 1477, "#": 1477}
TONE_MS = 100
GAP_MS = 100
WAIT_MS = 500


def ringback() -> bytes:
    """One North American cadence: 440 and 480 Hz for 2 s, then 4 s of silence."""
    return _pair(440, 480, 2000) + mulaw.SILENCE * (4 * RATE_HZ)


def beep() -> bytes:
    """A mailbox's beep: 1,000 Hz for half a second."""
    return _pair(1000, 1000, 500)


def keypad(digits: str) -> bytes:
    """The DTMF tones of `digits` (0-9, *, #; `w` is half a second of silence)."""
    gap = mulaw.SILENCE * (GAP_MS * RATE_HZ // 1000)
    wait = mulaw.SILENCE * (WAIT_MS * RATE_HZ // 1000)
    return b"".join(
        wait if digit == "w" else _pair(_ROWS[digit], _COLUMNS[digit], TONE_MS) + gap
        for digit in digits
    )


def _pair(low_hz: int, high_hz: int, length_ms: int) -> bytes:
    t = np.arange(length_ms * RATE_HZ // 1000) / RATE_HZ
    wave = _LEVEL * (np.sin(2 * np.pi * low_hz * t) + np.sin(2 * np.pi * high_hz * t))
    return mulaw.encode(wave.astype(np.int16))
