from urllib.parse import urlencode

import pytest
from hypothesis import given, strategies as st

from tests.ringdown.samples import CALL_SID
from voice_webhook.twilio_request import (
    CallUpdate,
    MalformedRequest,
    StreamUpdate,
    parse_form,
    status_update,
)

names = st.sampled_from(["From", "To", "CallStatus", "CallDuration", "StreamEvent", "StreamError"])


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_form_or_malformed(body: bytes) -> None:
    try:
        form = parse_form(body)
    except MalformedRequest:
        return
    with pytest.raises(MalformedRequest):
        status_update(form)


@given(st.lists(st.tuples(names, st.text(st.characters(codec="utf-8"))), max_size=8))
def test_any_fields_give_short_printable_text(fields: list[tuple[str, str]]) -> None:
    form = parse_form(urlencode([("CallSid", CALL_SID), *fields]).encode())
    match status_update(form):
        case CallUpdate() as update:
            texts = [update.caller, update.called, update.status]
            assert update.duration_s is None or update.duration_s >= 0
        case StreamUpdate() as update:
            texts = [update.stream_sid, update.event]
    assert all(0 < len(text) <= 256 and text.isprintable() for text in texts)


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(max_size=5)), max_size=9))
def test_a_form_keeps_every_pair(pairs: list[tuple[str, str]]) -> None:
    assert parse_form(urlencode(pairs).encode()).multi_items() == pairs
