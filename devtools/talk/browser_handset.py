"""The browser's handset, which buffers frames: the browser's come a little early or late, but the
line needs one every 20 ms."""

from collections import deque
from collections.abc import Callable

import numpy as np

from simulators.speech import mulaw

FRAME_SAMPLES = 160
FRAME_BYTES = 2 * FRAME_SAMPLES
_PREFILL = 3
_MOST = 15
"""300 ms, so that a browser that sends too much doesn't delay the caller permanently."""


class BrowserHandset:
    """See `simulators.twilio.Handset`. `send` gets what the caller hears, as PCM16."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._frames: deque[bytes] = deque()
        self._filling = True

    def take(self, pcm: bytes) -> bool:
        """Accept 20 ms from the page's microphone; False if `pcm` is anything else."""
        if len(pcm) != FRAME_BYTES:
            return False
        if len(self._frames) == _MOST:  # not read during a synthetic sentence, or sent too fast
            while len(self._frames) >= _PREFILL:
                self._frames.popleft()
        self._frames.append(mulaw.encode(np.frombuffer(pcm, dtype="<i2")))
        if len(self._frames) >= _PREFILL:
            self._filling = False
        return True

    def next_frame(self) -> bytes | None:
        if self._filling or not self._frames:
            self._filling = True  # refill an empty queue, or every frame would be late
            return None
        return self._frames.popleft()

    def play(self, frame: bytes) -> None:
        self._send(mulaw.decode(frame).astype("<i2").tobytes())
