"""What is sent to Twilio: bounded, in order, and what still waits is dropped by a `clear`."""

from stream_handler.twilio import media_streams
from stream_handler.twilio.outlet import Outlet

# The model sends faster than real time and Twilio buffers, so messages only wait when Twilio has
# stopped reading: 3,000 chunks of 40 ms are two minutes of speech.
WAITING_LIMIT = 3_000


class Outbox:
    """Encodes for one stream. `put_…` never waits; False means that the peer does not read."""

    def __init__(self, stream_sid: str, outlet: Outlet) -> None:
        self._stream_sid = stream_sid
        self._outlet = outlet

    def put_media(self, mulaw: bytes) -> bool:
        return self._outlet.send(media_streams.encode_media(self._stream_sid, mulaw))

    def put_mark(self, name: str) -> bool:
        return self._outlet.send(media_streams.encode_mark(self._stream_sid, name))

    def clear(self) -> None:
        """Drop media and marks that still wait, and send `clear` next."""
        self._outlet.drop_waiting()
        self._outlet.send(media_streams.encode_clear(self._stream_sid))
