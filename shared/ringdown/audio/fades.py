"""Joins sounds without clicks, and turns down what is too loud without clipping.

The model's audio begins and ends where its messages do, even in the middle of a word (when a
session drops, or a reply continues). Joins are made at 8 or 24 kHz on the PCM16 scale.

After a `clear` nothing can be joined: Twilio has stopped somewhere in the last frame, and a fade
that doesn't continue from that exact sample is a second click. docs/sound.md has the figures.
"""

import numpy as np
import numpy.typing as npt

FADE_S = 0.005
MULAW_PEAK = 32_124.0
"""The loudest sample that µ-law can encode."""

_QUIET = 100.0  # -50 dBFS: a sound that ends below this needs no fade
_END_S = 0.001
_RECOVERY_S = 0.5
_ATTACK_S = 0.005


class FadeIn:
    """Fades each sound in from silence over FADE_S."""

    def __init__(self, rate_hz: int) -> None:
        self._rise = _rise(rate_hz)
        self._at = 0

    def begin(self) -> None:
        self._at = 0

    def apply(self, signal: npt.NDArray[np.float32]) -> None:
        """Fade the next samples of the sound, in place."""
        if self._at < len(self._rise):
            left = self._rise[self._at : self._at + len(signal)]
            signal[: len(left)] *= left
            self._at += len(left)


class FadeOut:
    """Finishes a sound that breaks off: repeats its last samples in reverse, fading to silence.

    They are mirrored around the last sample, so that value and slope continue.
    """

    def __init__(self, rate_hz: int) -> None:
        self._fall = _rise(rate_hz)[::-1]
        self._end = round(_END_S * rate_hz)
        self.begin()

    def begin(self) -> None:
        self._last = b""
        self._odd = 0

    def note(self, pcm: bytes) -> None:
        """Remember the next bytes of the sound, PCM16 LE; they may end mid-sample."""
        needed = 2 * len(self._fall) + 3
        self._last = pcm if len(pcm) >= needed else (self._last + pcm)[-needed:]
        self._odd ^= len(pcm) & 1

    def tail(self) -> bytes:
        """Return what to play after the sound, PCM16 LE; empty if it ended in silence."""
        whole = (len(self._last) - self._odd) // 2
        at = len(self._last) - self._odd - 2 * whole
        last = np.frombuffer(self._last, "<i2", whole, at).astype(np.float32)
        end = last[-self._end :]
        if not len(end) or np.abs(end).max() < _QUIET:
            return b""
        backwards = last[-2 : -len(self._fall) - 2 : -1]
        turned = (2 * last[-1] - backwards) * self._fall[: len(backwards)]
        most = min(np.abs(last[-len(self._fall) :]).max(), 32_767)
        return np.asarray(turned.clip(-most, most), "<i2").tobytes()


class Limiter:
    """Turns a sound down where it would exceed MULAW_PEAK, and up again within half a second.

    The model sends audio ahead of time, so a whole chunk is available to find the peak in. A peak
    in the first 5 ms of a chunk may still be clipped.
    """

    def __init__(self, rate_hz: int) -> None:
        self._attack = round(_ATTACK_S * rate_hz)
        self._recovery = 1 / (_RECOVERY_S * rate_hz)
        self._gain = 1.0

    def begin(self) -> None:
        self._gain = 1.0

    def apply(self, signal: npt.NDArray[np.float32]) -> None:
        """Limit `signal` in place. Sound that fits is unchanged; the result always fits."""
        # `signal.max()` has twice the overhead.
        peak = max(float(np.maximum.reduce(signal)), -float(np.minimum.reduce(signal)))
        if peak > MULAW_PEAK or self._gain < 1.0:
            signal *= self._gains(len(signal), min(1.0, MULAW_PEAK / max(peak, 1.0)))
            signal.clip(-MULAW_PEAK, MULAW_PEAK, out=signal)

    def _gains(self, count: int, bearable: float) -> npt.NDArray[np.float32]:
        before = self._gain
        self._gain = min(bearable, before + self._recovery * count)
        if self._gain > before:
            return np.linspace(before, self._gain, count, dtype=np.float32)
        gains = np.full(count, self._gain, np.float32)
        ramp = min(self._attack, count)
        gains[:ramp] = np.linspace(before, self._gain, ramp, dtype=np.float32)
        return gains


def _rise(rate_hz: int) -> npt.NDArray[np.float32]:
    count = round(FADE_S * rate_hz)
    return np.asarray(np.sin(np.pi / 2 * (np.arange(count) + 0.5) / count) ** 2, np.float32)
