"""A recording of both sides of a call, from the time it is answered to its end."""

from pathlib import Path

from simulators.speech import mulaw
from simulators.speech.pcm import Pcm, write_wav

from .playout import BYTES_PER_MS

RATE_HZ = 8000


class Recording:
    """Two tracks of equal length, recorded frame by frame as µ-law and read as 16-bit PCM."""

    def __init__(self) -> None:
        self._caller = bytearray()
        self._agent = bytearray()

    def append(self, said: bytes, heard: bytes) -> None:
        """Add one frame of what the caller said and one of what they heard at the same time."""
        self._caller += said
        self._agent += heard

    @property
    def duration_ms(self) -> int:
        return len(self._agent) // BYTES_PER_MS

    @property
    def caller(self) -> Pcm:
        """What the caller said, at 8 kHz."""
        return mulaw.decode(bytes(self._caller))

    @property
    def agent(self) -> Pcm:
        """What the caller heard, at 8 kHz."""
        return mulaw.decode(bytes(self._agent))

    def write_wav(self, path: Path) -> None:
        """Write both sides as 8 kHz stereo: the caller on the left, the agent on the right."""
        write_wav(path, RATE_HZ, self.caller, self.agent)
