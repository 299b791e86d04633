import base64
import contextlib
import json

import pytest
from hypothesis import given, strategies as st

from stream_handler.twilio import media_streams
from stream_handler.twilio.media_streams import (
    Connected,
    Dtmf,
    DtmfFields,
    Mark,
    MarkFields,
    Media,
    MediaFields,
    MediaFormat,
    MediaStreamError,
    Start,
    StartFields,
    Stop,
    decode,
    encode_clear,
    encode_mark,
    encode_media,
)

STREAM_SID = "MZ" + "0" * 32
CALL_SID = "CA" + "0" * 32
START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "AC" + "0" * 32,
        "streamSid": STREAM_SID,
        "callSid": CALL_SID,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": "v1.1.1.x"},
    },
    "streamSid": STREAM_SID,
}
MEDIA = {
    "event": "media",
    "sequenceNumber": "4",
    "media": {"track": "inbound", "chunk": "2", "timestamp": "5", "payload": "/38A"},
    "streamSid": STREAM_SID,
}
DTMF = {
    "event": "dtmf",
    "streamSid": STREAM_SID,
    "sequenceNumber": "5",
    "dtmf": {"track": "inbound_track", "digit": "1"},
}
MARK = {
    "event": "mark",
    "sequenceNumber": "4",
    "streamSid": STREAM_SID,
    "mark": {"name": "m12"},
}
STOP = {
    "event": "stop",
    "sequenceNumber": "5",
    "stop": {"accountSid": "AC" + "0" * 32, "callSid": CALL_SID},
    "streamSid": STREAM_SID,
}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"event": "connected", "protocol": "Call", "version": "1.0.0"}, Connected()),
        (
            START,
            Start(
                StartFields(
                    stream_sid=STREAM_SID,
                    call_sid=CALL_SID,
                    media_format=MediaFormat("audio/x-mulaw", 8000, 1),
                    custom_parameters={"token": "v1.1.1.x"},
                )
            ),
        ),
        (MEDIA, Media(STREAM_SID, MediaFields(b"\xff\x7f\x00"))),
        (DTMF, Dtmf(STREAM_SID, DtmfFields("1"))),
        (MARK, Mark(STREAM_SID, MarkFields("m12"))),
        (STOP, Stop(STREAM_SID)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_twilio_sends_is_understood(
    frame: dict[str, object], message: media_streams.Message
) -> None:
    assert decode(json.dumps(frame)) == message


@pytest.mark.parametrize("frame", [START, MEDIA, DTMF, MARK, STOP])
def test_fields_added_without_notice_do_no_harm(frame: dict[str, object]) -> None:
    assert decode(json.dumps({**frame, "newField": {"deep": [1, None]}})) == decode(
        json.dumps(frame)
    )


def test_a_start_without_parameters_has_none() -> None:
    fields = {k: v for k, v in START["start"].items() if k != "customParameters"}  # type: ignore[attr-defined]

    message = decode(json.dumps({**START, "start": fields}))

    assert isinstance(message, Start)
    assert message.start.custom_parameters == {}


@pytest.mark.parametrize("event", ["speech", "", "MEDIA", "start "])
def test_an_event_that_twilio_may_add_one_day_is_let_pass(event: str) -> None:
    assert decode(json.dumps({"event": event, "streamSid": STREAM_SID})) is None


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "{",
        "[]",
        "5",
        "null",
        '"media"',
        "{}",
        '{"event":5}',
        '{"event":null}',
        '{"event":"media"}',
        '{"event":"media","streamSid":"MZ"}',
        '{"event":"media","streamSid":"MZ","media":{}}',
        '{"event":"media","streamSid":"MZ","media":{"payload":5}}',
        '{"event":"media","streamSid":"MZ","media":{"payload":"***"}}',
        '{"event":"media","streamSid":"MZ","media":{"payload":"abc"}}',
        '{"event":"media","streamSid":5,"media":{"payload":""}}',
        '{"event":"media","streamSid":5',
        '{"event":"nope", and then',
        '{"event":"mark","streamSid":"MZ","mark":null}',
        '{"event":"start","start":{}}',
        (
            '{"event":"start","streamSid":"MZ","start":{"streamSid":"MZ","callSid":"CA",'
            '"mediaFormat":{"encoding":"x","sampleRate":"8000","channels":1}}}'
        ),
        '{"event":"stop","streamSid":"MZ","x":"\\ud800"}',
        '{"x":' + "[" * 20_000,
        '{"event":"stop","streamSid":"MZ","x":' + "[" * 20_000 + "]" * 20_000 + "}",
        b"",
        b'{"event":"connected"}',
        b"\x00\xff",
    ],
    ids=lambda frame: repr(frame[:40]),
)
def test_what_twilio_would_not_send_is_told_apart(frame: str | bytes) -> None:
    with pytest.raises(MediaStreamError):
        decode(frame)


@given(frame=st.one_of(st.text(), st.binary()))
def test_no_frame_whatever_raises_anything_else(frame: str | bytes) -> None:
    with contextlib.suppress(MediaStreamError):
        decode(frame)


@given(cut=st.integers(0, 200), which=st.sampled_from([START, MEDIA, DTMF, MARK, STOP]))
def test_a_message_cut_off_anywhere_is_malformed(cut: int, which: dict[str, object]) -> None:
    frame = json.dumps(which)

    with pytest.raises(MediaStreamError):
        decode(frame[: min(cut, len(frame) - 1)])


# What we send. Twilio refuses missing fields and extra ones.


@given(mulaw=st.binary(max_size=4_000))
def test_media_carries_its_bytes(mulaw: bytes) -> None:
    frame = encode_media(STREAM_SID, mulaw)

    sent = json.loads(frame)
    assert sent == {
        "event": "media",
        "streamSid": STREAM_SID,
        "media": {"payload": base64.b64encode(mulaw).decode()},
    }
    assert decode(frame) == Media(STREAM_SID, MediaFields(mulaw))


@given(number=st.integers(0))
def test_a_mark_comes_back_under_its_name(number: int) -> None:
    frame = encode_mark(STREAM_SID, f"m{number}")

    assert json.loads(frame) == {
        "event": "mark",
        "streamSid": STREAM_SID,
        "mark": {"name": f"m{number}"},
    }
    assert decode(frame) == Mark(STREAM_SID, MarkFields(f"m{number}"))


def test_clear_is_two_fields() -> None:
    assert json.loads(encode_clear(STREAM_SID)) == {"event": "clear", "streamSid": STREAM_SID}
