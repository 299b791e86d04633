"""Media stream messages, as Twilio's documentation shows them."""

import base64
import json

import pytest

from simulators.twilio.alerts import Alert, AlertCode
from simulators.twilio.stream_messages import (
    SILENT_FRAME,
    ClearSent,
    MarkSent,
    MediaSent,
    StreamEncoder,
    StreamIdentity,
    StreamMessage,
    decode_message,
)

SID = "MZ" + "1" * 32
IDENTITY = StreamIdentity("AC" + "2" * 32, "CA" + "3" * 32, SID, (("token", 'a"b'), ("n", "1")))


def test_a_stream_opens_with_connected_and_start() -> None:
    encoder = StreamEncoder(IDENTITY)
    assert encoder.connected() == '{"event":"connected","protocol":"Call","version":"1.0.0"}'
    assert json.loads(encoder.start()) == {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": IDENTITY.account_sid,
            "streamSid": SID,
            "callSid": IDENTITY.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": 'a"b', "n": "1"},
        },
        "streamSid": SID,
    }


def test_media_counts_sequence_chunk_and_time_as_strings() -> None:
    encoder = StreamEncoder(IDENTITY)
    encoder.start()
    frame = bytes(range(160))
    encoder.media(SILENT_FRAME)
    encoder.media(SILENT_FRAME)
    assert encoder.media(frame) == (
        '{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"3",'
        f'"timestamp":"40","payload":"{base64.b64encode(frame).decode()}"}},'
        f'"streamSid":"{SID}"}}'
    )


def test_a_lost_frame_leaves_a_gap_in_time_but_not_in_the_sequence() -> None:
    encoder = StreamEncoder(IDENTITY)
    encoder.media(SILENT_FRAME)
    encoder.skip()
    message = json.loads(encoder.media(SILENT_FRAME))
    assert (message["sequenceNumber"], message["media"]["timestamp"]) == ("2", "40")


def test_silence_is_160_bytes_of_positive_zero() -> None:
    payload = json.loads(StreamEncoder(IDENTITY).media(SILENT_FRAME))["media"]["payload"]
    assert base64.b64decode(payload) == b"\xff" * 160


def test_dtmf_mark_and_stop_look_as_documented() -> None:
    encoder = StreamEncoder(IDENTITY)
    assert json.loads(encoder.dtmf("1")) == {
        "event": "dtmf",
        "streamSid": SID,
        "sequenceNumber": "1",
        "dtmf": {"track": "inbound_track", "digit": "1"},
    }
    assert json.loads(encoder.mark("m")) == {
        "event": "mark",
        "sequenceNumber": "2",
        "streamSid": SID,
        "mark": {"name": "m"},
    }
    assert json.loads(encoder.stop()) == {
        "event": "stop",
        "sequenceNumber": "3",
        "stop": {"accountSid": IDENTITY.account_sid, "callSid": IDENTITY.call_sid},
        "streamSid": SID,
    }


@pytest.mark.parametrize(
    ("fields", "decoded"),
    [
        ({"event": "media", "media": {"payload": "AAE="}}, MediaSent(b"\x00\x01")),
        ({"event": "mark", "mark": {"name": "m"}}, MarkSent("m")),
        ({"event": "clear"}, ClearSent()),
    ],
)
def test_our_sides_messages_are_read(fields: dict[str, object], decoded: StreamMessage) -> None:
    assert decode_message(json.dumps(fields | {"streamSid": SID}), SID) == decoded


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (f'{{"streamSid":"{SID}"}}', "unknown event None"),
        (f'{{"event":"hello","streamSid":"{SID}"}}', "unknown event 'hello'"),
        (f'{{"event":["x"],"streamSid":"{SID}"}}', "unknown event"),
        ('{"event":"clear"}', "lacks streamSid"),
        (f'{{"event":"clear","streamSid":"{SID}","mark":{{}}}}', "has no field mark"),
        ('{"event":"clear","streamSid":"MZ9"}', "streamSid 'MZ9' is not"),
        (f'{{"event":"media","streamSid":"{SID}"}}', "lacks media"),
        (f'{{"event":"media","streamSid":"{SID}","media":"AAE="}}', "media is not an object"),
        (f'{{"event":"media","streamSid":"{SID}","media":{{"playload":"AAE="}}}}', "lacks payload"),
        (
            f'{{"event":"media","streamSid":"{SID}","media":{{"payload":"AAE=","track":"x"}}}}',
            '"media" has no field track',
        ),
        (f'{{"event":"media","streamSid":"{SID}","media":{{"payload":7}}}}', "not a string"),
        (f'{{"event":"media","streamSid":"{SID}","media":{{"payload":"A!E="}}}}', "not base64"),
        (f'{{"event":"mark","streamSid":"{SID}","mark":{{}}}}', "lacks name"),
    ],
)
def test_a_message_outside_the_protocol_is_31951(message: str, complaint: str) -> None:
    decoded = decode_message(message, SID)
    assert isinstance(decoded, Alert)
    assert decoded.code is AlertCode.STREAM_INVALID_MESSAGE
    assert complaint in decoded.detail


def test_a_binary_message_is_31950() -> None:
    decoded = decode_message(b"\xff" * 160, SID)
    assert isinstance(decoded, Alert)
    assert decoded.code is AlertCode.STREAM_BINARY_MESSAGE
