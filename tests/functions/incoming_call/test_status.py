import httpx2
import pytest

from ringdown.calls import CallStatus, EndReason
from ringdown.tools import Json
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import store_locked, stored_call, stream_began
from tests.functions.incoming_call.stand_ins import Form, Twilio, a_form
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALL_SID, a_call


def acknowledged(response: httpx2.Response) -> None:
    assert (response.status_code, response.content) == (204, b"")


def said(webhook: LoadedFunction, message: str) -> dict[str, Json]:
    (line,) = [line for line in webhook.log() if line["message"] == message]
    return line


def test_a_final_status_completes_the_record(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    acknowledged(twilio.post("/status", a_form(CallStatus="completed", CallDuration="61")))
    call = stored_call(store_url)
    assert call is not None
    assert (call.status, call.end_reason) == (CallStatus.ENDED, EndReason.STREAM_LOST)
    assert (call.twilio_status, call.twilio_duration_s) == ("completed", 61)


def test_an_earlier_status_ends_nothing(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    acknowledged(twilio.post("/status", a_form(CallStatus="in-progress")))
    call = stored_call(store_url)
    assert call is not None
    assert (call.status, call.twilio_status) == (CallStatus.IN_PROGRESS, "in-progress")


@pytest.mark.parametrize("duration", ["", "-1", "1.5", "many", "٣", "9" * 30])
def test_an_absurd_duration_is_left_out(twilio: Twilio, store_url: str, duration: str) -> None:
    stream_began(store_url, a_call())
    acknowledged(twilio.post("/status", a_form(CallStatus="completed", CallDuration=duration)))
    call = stored_call(store_url)
    assert call is not None
    assert (call.twilio_status, call.twilio_duration_s) == ("completed", None)


def test_the_status_of_an_unknown_call_is_only_logged(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    acknowledged(twilio.post("/status", a_form(CallStatus="completed")))
    assert said(webhook, "status of an unknown call")["call_sid"] == CALL_SID
    assert stored_call(store_url) is None


@pytest.mark.parametrize(
    ("form", "message", "fields"),
    [
        (
            {"StreamEvent": "stream-started", "StreamSid": "MZ1"},
            "stream status",
            {"event": "stream-started", "stream_sid": "MZ1", "severity": "INFO"},
        ),
        (
            {"StreamEvent": "stream-error", "StreamSid": "MZ1", "StreamError": "no\x00 TLS"},
            "stream error",
            {"stream_error": "no TLS", "severity": "ERROR"},
        ),
    ],
)
def test_a_stream_status_is_logged(
    twilio: Twilio,
    webhook: LoadedFunction,
    form: Form,
    message: str,
    fields: dict[str, Json],
) -> None:
    acknowledged(twilio.post("/status", a_form(**form)))
    line = said(webhook, message)
    assert line | fields | {"call_sid": CALL_SID} == line


def test_a_stream_error_is_kept_with_the_call(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    form = a_form(StreamEvent="stream-error", StreamSid="MZ1", StreamError="31902: refused")
    acknowledged(twilio.post("/status", form))
    call = stored_call(store_url)
    assert call is not None
    assert call.stream_error == "31902: refused"


def test_a_locked_store_is_logged(twilio: Twilio, store_url: str, webhook: LoadedFunction) -> None:
    stream_began(store_url, a_call())
    with store_locked(store_url):
        acknowledged(twilio.post("/status", a_form(CallStatus="completed")))
    assert "status could not be noted" in webhook.messages()


def test_a_store_that_cannot_be_opened_is_logged(environ: Environ, load: Load) -> None:
    with load(environ | {"STORE_URL": "sqlite:/dev/null/ringdown.db"}) as webhook:
        acknowledged(Twilio(webhook.client).post("/status", a_form(CallStatus="completed")))
        assert "status could not be noted" in webhook.messages()
