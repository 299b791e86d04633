"""The receiver in the browser: its frames come a little early or late, the line's never."""

from collections import deque
from collections.abc import Callable

import numpy as np

from simulators.speech import mulaw

FRAME_SAMPLES = 160
FRAME_BYTES = 2 * FRAME_SAMPLES
_PREFILL = 3
_MOST = 15
"""300 ms; a browser that sends more than it should must not make the caller late for ever."""


class BrowserHandset:
    """See `simulators.twilio.Handset`. `send` is given what the caller hears, as PCM16."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._frames: deque[bytes] = deque()
        self._filling = True

    def take(self, pcm: bytes) -> bool:
        """20 ms from the page's microphone; False if it is not that."""
        if len(pcm) != FRAME_BYTES:
            return False
        if (
            len(self._frames) == _MOST
        ):  # nobody listened while a sentence was said, or too much came
            while len(self._frames) >= _PREFILL:
                self._frames.popleft()
        self._frames.append(mulaw.encode(np.frombuffer(pcm, dtype="<i2")))
        if len(self._frames) >= _PREFILL:
            self._filling = False
        return True

    def next_frame(self) -> bytes | None:
        if self._filling or not self._frames:
            self._filling = True  # an empty queue fills again, so that not every frame is late
            return None
        return self._frames.popleft()

    def play(self, frame: bytes) -> None:
        self._send(mulaw.decode(frame).astype("<i2").tobytes())
