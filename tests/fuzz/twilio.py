"""Whatever Twilio sends on a media stream is a message, an unknown one (None), or our error."""

import msgspec

from stream_handler.twilio import media_streams
from stream_handler.twilio.media_streams import MediaStreamError, Message

_SID = "MZ" + "0" * 32
_START = (
    '{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1","tracks":'
    '["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},'
    '"customParameters":{"token":"t"}}}'
)
SEEDS = tuple(
    text.encode()
    for text in (
        '{"event":"connected","protocol":"Call","version":"1.0.0"}',
        _START,
        media_streams.encode_media(_SID, b"\x00\xff\x7f"),
        media_streams.encode_mark(_SID, "m1"),
        f'{{"event":"dtmf","streamSid":"{_SID}","dtmf":{{"track":"inbound","digit":"1"}}}}',
        f'{{"event":"stop","streamSid":"{_SID}","stop":{{}}}}',
        '{"event":"new"}',
    )
)
WORDS = ("event", "start", "media", "mark", "dtmf", "stop", "streamSid", "payload", "digit", "null")


def run(data: bytes) -> None:
    try:
        message = media_streams.decode(data.decode("utf-8", "replace"))
    except MediaStreamError:
        return
    assert message is None or isinstance(message, Message)
    if message is not None:
        again = media_streams.decode(msgspec.json.encode(message).decode())
        assert again == message, "a message doesn't survive encoding"
