"""What a bad line does to the caller's voice: noise, an echo of the agent, lost frames."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from simulators.speech import mulaw
from simulators.speech.pcm import to_pcm

from .stream_messages import FRAME_BYTES, SILENT_FRAME

_FULL_SCALE = 32_768.0
_ECHO_FRAMES = 4
"""A telephone's echo comes back after 80 ms."""


@dataclass(frozen=True, slots=True)
class Impairments:
    """What a bad line does to the caller's voice.

    noise_dbfs       level of the noise; None for no noise
    echo_db          level of the echo relative to the agent, such as -24; None for no echo
    lost_share       share of the caller's frames that never arrive
    seed             the same seed gives the same noise and loses the same frames
    """

    noise_dbfs: float | None = None
    echo_db: float | None = None
    lost_share: float = 0.0
    seed: int = 0


class ImpairedLine:
    """Degrades the caller's frames, using the agent's for the echo."""

    def __init__(self, impairments: Impairments) -> None:
        self._impairments = impairments
        self._random = np.random.default_rng(impairments.seed)
        self._heard: deque[bytes] = deque([SILENT_FRAME] * _ECHO_FRAMES, _ECHO_FRAMES)

    def said(self, frame: bytes | None) -> bytes | None:
        """Return what arrives of a frame from the caller; None if nothing does."""
        it = self._impairments
        echo = self._heard[0] if it.echo_db is not None else SILENT_FRAME
        if it.noise_dbfs is not None or echo is not SILENT_FRAME:
            frame = self._mixed(SILENT_FRAME if frame is None else frame, echo)
        if it.lost_share and self._random.random() < it.lost_share:
            return None
        return frame

    def heard(self, frame: bytes) -> None:
        """Note a frame from the agent, which the caller hears now and which will echo."""
        self._heard.append(frame)

    def _mixed(self, frame: bytes, echo: bytes) -> bytes:
        it = self._impairments
        sound = mulaw.decode(frame).astype(np.float64)
        if it.noise_dbfs is not None:
            sound += self._random.normal(0.0, _FULL_SCALE * 10 ** (it.noise_dbfs / 20), FRAME_BYTES)
        if it.echo_db is not None and echo is not SILENT_FRAME:
            sound += mulaw.decode(echo) * 10 ** (it.echo_db / 20)
        return mulaw.encode(to_pcm(sound))
