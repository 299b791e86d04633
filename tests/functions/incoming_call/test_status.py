import httpx2
import msgspec
import pytest

from ringdown.calls import CallStatus, EndReason
from ringdown.calls.limits import LineLimits
from ringdown.calls.uploads import Reception
from ringdown.stores import Store
from ringdown.tools import Json
from tests.functions.asking import in_store
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import store_locked, stored_call, stream_began
from tests.functions.incoming_call.stand_ins import Form, Twilio, a_form, twiml, verbs
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALL_SID, a_call, a_picture, an_agent


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


def test_the_status_of_an_unknown_call_makes_no_record(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    acknowledged(twilio.post("/status", a_form(CallStatus="completed")))
    assert said(webhook, "status of an unknown call")["call_sid"] == CALL_SID
    assert stored_call(store_url) is None


# Calls that end before they begin: Twilio's callback beats a cold start


@pytest.mark.parametrize("before", [["canceled"], ["in-progress", "canceled", "canceled"]])
def test_a_call_whose_end_comes_first_is_over(
    twilio: Twilio, store_url: str, before: list[str]
) -> None:
    for status in before:
        acknowledged(twilio.post("/status", a_form(CallStatus=status)))
    assert verbs(twiml(twilio.post("/", a_form()))) == ["Hangup"]
    acknowledged(twilio.post("/status", a_form(CallStatus="in-progress")))
    call = stored_call(store_url)
    assert call is not None
    assert (call.status, call.twilio_status) == (CallStatus.ENDED, "canceled")


def test_a_call_of_which_another_status_comes_first_is_answered(
    twilio: Twilio, store_url: str
) -> None:
    acknowledged(twilio.post("/status", a_form(CallStatus="in-progress")))
    assert "Connect" in verbs(twiml(twilio.post("/", a_form())))
    call = stored_call(store_url)
    assert call is not None
    assert call.status is CallStatus.RINGING


def test_calls_whose_end_came_first_do_not_fill_the_line(twilio: Twilio) -> None:
    most = LineLimits().calls_at_once
    assert most is not None
    for n in range(most):
        form = {"CallSid": f"CA{n:032x}", "From": f"+1415555{2_000 + n}"}
        twilio.post("/status", a_form(**form, CallStatus="canceled"))
        twilio.post("/", a_form(**form))

    answer = twiml(twilio.post("/", a_form(CallSid=f"CA{999:032x}", From="+14155559999")))
    assert answer.find("Connect/Stream") is not None


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
    assert "status could not be recorded" in webhook.messages()


def test_a_store_that_cannot_be_opened_is_logged(environ: Environ, load: Load) -> None:
    with load(environ | {"STORE_URL": "sqlite:/dev/null/ringdown.db"}) as webhook:
        acknowledged(Twilio(webhook.client).post("/status", a_form(CallStatus="completed")))
        assert "status could not be recorded" in webhook.messages()


# What the caller sent during the call


@pytest.mark.parametrize("keeps", [False, True])
def test_with_the_call_goes_what_was_sent_unless_the_agent_keeps_it(
    twilio: Twilio, store_url: str, keeps: bool
) -> None:
    agent = msgspec.structs.replace(an_agent(), photos=True, keep_photos=keeps)
    stream_began(store_url, a_call(agent=agent))
    in_store(store_url, sends_a_picture)
    acknowledged(twilio.post("/status", a_form(CallStatus="in-progress")))
    assert uploads_left(store_url) == 1
    acknowledged(twilio.post("/status", a_form(CallStatus="completed")))
    assert uploads_left(store_url) == (1 if keeps else 0)


async def sends_a_picture(store: Store) -> None:
    assert await store.add_upload(CALL_SID, a_picture()) is Reception.TAKEN


def uploads_left(store_url: str) -> int:
    left: list[int] = []

    async def look(store: Store) -> None:
        left.append(len((await store.later_uploads({CALL_SID: 0})).get(CALL_SID, ())))

    in_store(store_url, look)
    return left[0]
