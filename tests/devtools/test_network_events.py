import datetime

from msgspec.structs import replace

from devtools.network_events import moments, recording_began_ms
from ringdown.call_page import Moment, MomentKind
from simulators.twilio.alerts import Alert, AlertCode
from simulators.twilio.call_flow import DialStatus
from simulators.twilio.events import (
    AlertRaised,
    CallAnswered,
    CallEvent,
    DialledPartyEnded,
    DigitPressed,
    MarkReached,
    PersonHeard,
    PlaybackCleared,
    StreamStarted,
    VerbStarted,
    WebhookAnswered,
    When,
)
from simulators.twilio.twiml import Play, Say
from tests.ringdown.samples import NOW, a_call


def at(line_ms: int | None) -> When:
    return When(at_ms=(line_ms or 0) + 80, line_ms=line_ms)


def test_record_and_recording_meet_where_the_first_stream_started() -> None:
    events: list[CallEvent] = [
        CallAnswered(at(0)),
        StreamStarted(at(3_980), "MZ1", "wss://stream.example"),
        StreamStarted(at(9_000), "MZ2", "wss://stream.example"),
    ]

    call = replace(a_call(), started_at=NOW + datetime.timedelta(milliseconds=4_100))
    assert recording_began_ms(call, events) == 120
    assert recording_began_ms(a_call(), events[:1]) == 80, (
        "without a stream, the phone's clock counts"
    )


def test_moments_lie_where_they_are_in_the_recording() -> None:
    events: list[CallEvent] = [
        WebhookAnswered(at(None), "https://webhook.example/", 200, 79, "<Response/>"),
        VerbStarted(at(0), Say("This call is transcribed.", voice="man", language="en-US", loop=1)),
        VerbStarted(at(100), Play("https://webhook.example/clips/default/0")),
        MarkReached(at(4_200), "m1"),
        PlaybackCleared(at(6_000), 9_400, ("m2", "m3")),
    ]

    assert moments(events, 100) == [
        Moment(MomentKind.PHONE, 80, "webhook / answered in 79 ms"),
        Moment(MomentKind.NOTICE, 100, "This call is transcribed."),
        Moment(MomentKind.NOTICE, 200, "(in the agent's own voice)"),
        Moment(MomentKind.MARK, 4_300, "m1"),
        Moment(MomentKind.CLEAR, 6_100, "interrupted: 9.4 s of speech discarded"),
    ]


def test_a_key_that_was_pressed_is_not_told() -> None:
    (pressed,) = moments([DigitPressed(at(5_000), "7")], 0)

    assert "7" not in pressed.text


def test_a_person_who_was_dialled_need_not_have_been_connected() -> None:
    events: list[CallEvent] = [
        PersonHeard(at(1_000), "+15550199", "A call for you."),
        DialledPartyEnded(at(9_000), "+15550199", DialStatus.COMPLETED, 8, bridged=False),
        DialledPartyEnded(at(9_500), "+15550199", DialStatus.COMPLETED, 8, bridged=True),
    ]

    assert [moment.text for moment in moments(events, 0)] == [
        "other number hears: A call for you.",
        "other number: answered, but wasn't connected",
        "other number: completed",
    ]


def test_of_alerts_only_faults_are_shown() -> None:
    usual = Alert(AlertCode.STREAM_CLOSED_BY_SERVER, "close code 1000")
    fault = Alert(AlertCode.STREAM_HANDSHAKE_FAILED, "status 500")

    (shown,) = moments([AlertRaised(at(1_000), usual), AlertRaised(at(2_000), fault)], 0)

    assert (shown.kind, shown.at_ms) == (MomentKind.FAULT, 2_000)
    assert "31920" in shown.text
