"""The caller's last seconds, to be heard again by a session that did not hear them."""

from collections import deque
from collections.abc import Iterator

_BYTES_PER_MS = 32  # PCM16 at 16 kHz
_MOST_BYTES = 15_000 * _BYTES_PER_MS
_CHUNK_BYTES = 1_000 * _BYTES_PER_MS


class ReplayRing:
    """Frames by reference; the oldest make room for the newest."""

    def __init__(self) -> None:
        self._frames: deque[tuple[float, bytes]] = deque()
        self._bytes = 0

    def keep(self, at_ms: float, pcm: bytes) -> None:
        """Keep a frame that ended at `at_ms`."""
        self._frames.append((at_ms, pcm))
        self._bytes += len(pcm)
        while self._bytes > _MOST_BYTES:
            self._bytes -= len(self._frames.popleft()[1])

    def since(self, from_ms: float) -> Iterator[bytes]:
        """What the caller said since `from_ms`, in chunks of a second."""
        return in_chunks(b"".join(pcm for at_ms, pcm in self._frames if at_ms > from_ms))


def in_chunks(pcm: bytes) -> Iterator[bytes]:
    for start in range(0, len(pcm), _CHUNK_BYTES):
        yield pcm[start : start + _CHUNK_BYTES]
