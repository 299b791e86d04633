"""`<Dial>`: who answers, what they hear and press first, and what Twilio reports."""

import pytest

from simulators.twilio import (
    AlertCode,
    Answers,
    Call,
    CannotBeReached,
    DialledParty,
    DoesNotAnswer,
    EndReason,
    IsBusy,
    Mailbox,
    TwilioNetwork,
)
from simulators.twilio.events import CallAnswered, DialledPartyEnded, PersonHeard
from tests.simulators.twilio.peers import (
    FROM,
    TO,
    Reply,
    Request,
    WebhookServer,
    twiml,
    webhook_server,
)

OTHER = "+15550199"
ASK = (
    '<Gather numDigits="1" timeout="8" action="/accept?n=1"><Say>A call for you. Press one.</Say>'
    "</Gather>"
)
CONNECT, HANG_UP = twiml(), twiml("<Hangup/>")


def person(**does: str | float) -> Answers:
    return Answers("Hello, this is Kim.", **does)  # type: ignore[arg-type]


async def dialled(
    server: WebhookServer,
    party: DialledParty,
    *,
    first: str = "",
    noun: str = f'<Number url="/whisper">{OTHER}</Number>',
    answer: str = ' answerOnBridge="true"',
    to: str = OTHER,
) -> Call:
    """Run a call whose document has `first`, then dials `to`, and then hangs up."""
    server.on("/dialled", twiml("<Hangup/>"))
    dial = f'{first}<Dial action="/dialled" timeout="20"{answer}>{noun}</Dial>'
    network = TwilioNetwork(auth_token="token", dialled={to: party})
    url = server.on("/voice", twiml(dial))
    async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
        await call.ended(120)
    return call


def told(server: WebhookServer) -> tuple[str | None, ...]:
    (request,) = server.seen("/dialled")
    names = ("DialCallStatus", "DialBridged", "DialCallDuration")
    return tuple(request.param(name) for name in names)


def keys_of(requests: list[Request]) -> list[str | None]:
    return [request.param("Digits") for request in requests]


def heard(call: Call) -> list[str]:
    return [event.text for event in call.events if isinstance(event, PersonHeard)]


async def test_anyone_who_presses_the_key_is_connected() -> None:
    async with webhook_server() as server:
        server.on("/whisper", twiml(ASK, "<Hangup/>"))
        server.on("/accept", CONNECT)
        call = await dialled(server, person(presses="1", presses_after_s=3.0, stays_s=2.0))
        (whisper,) = server.seen("/whisper")
        (accept,) = server.seen("/accept")
        status, bridged, duration = told(server)
    assert (status, bridged) == ("completed", "true")
    assert int(duration or 0) >= 5
    assert accept.target == "/accept?n=1"
    assert (accept.param("Digits"), accept.param("CallSid")) == ("1", whisper.param("CallSid"))
    assert heard(call) == ["A call for you. Press one."]
    assert call.alerts == ()


async def test_the_person_who_is_dialled_has_a_separate_call() -> None:
    async with webhook_server() as server:
        server.on("/whisper", HANG_UP)
        call = await dialled(server, person())
        (request,) = server.seen("/whisper")
        (after,) = server.seen("/dialled")
    assert request.param("ParentCallSid") == call.identity.call_sid
    assert request.param("CallSid") == after.param("DialCallSid") != call.identity.call_sid
    assert (request.param("From"), request.param("To")) == (FROM, OTHER)
    assert request.param("Direction") == "outbound-dial"
    assert request.param("CallStatus") == "in-progress"


@pytest.mark.parametrize(
    ("party", "keys"),
    [
        (person(presses="2", presses_after_s=2.0), ["2"]),
        (person(), []),
        (person(presses="1", presses_after_s=60.0), []),
        (Mailbox("You have reached Kim. Please leave a message."), []),
    ],
    ids=["another key", "no key", "too late", "mailbox"],
)
async def test_anyone_who_does_not_is_hung_up_on(party: DialledParty, keys: list[str]) -> None:
    async with webhook_server() as server:
        server.on("/whisper", twiml(ASK, "<Hangup/>"))
        server.on("/accept", HANG_UP)
        call = await dialled(server, party)
        assert keys_of(server.seen("/accept")) == keys
        assert told(server)[:2] == ("completed", "false")
    (ended,) = (event for event in call.events if isinstance(event, DialledPartyEnded))
    assert not ended.bridged
    assert call.end_reason is EndReason.AGENT_HUNG_UP


async def test_at_the_end_of_what_they_hear_they_are_connected() -> None:
    """That is why a `<Hangup>` must follow a `<Gather>`."""
    async with webhook_server() as server:
        server.on("/whisper", twiml(ASK))
        await dialled(server, Mailbox("You have reached Kim."))
        assert told(server)[:2] == ("completed", "true")


async def test_a_key_before_anybody_asks_is_lost() -> None:
    async with webhook_server() as server:
        server.on("/whisper", twiml("<Say>A call for you.</Say>", ASK, "<Hangup/>"))
        server.on("/accept", CONNECT)
        await dialled(server, person(presses="1", presses_after_s=0.2))
        assert server.seen("/accept") == []
        assert told(server)[:2] == ("completed", "false")


@pytest.mark.parametrize(
    ("asked", "pressed", "digits"),
    [
        ('numDigits="3"', "1234", ["123"]),
        ("", "12#4", ["12"]),
        ('finishOnKey="*"', "1#*", ["1#"]),
        ('finishOnKey=""', "1#", ["1#"]),
        ('actionOnEmptyResult="true"', "", [""]),
        ('actionOnEmptyResult="true"', "#", [""]),
    ],
)
async def test_keys_are_gathered_as_asked(asked: str, pressed: str, digits: list[str]) -> None:
    async with webhook_server() as server:
        gather = f'<Gather action="/accept" {asked}><Say>Your number, please.</Say></Gather>'
        server.on("/whisper", twiml(gather, "<Hangup/>"))
        server.on("/accept", CONNECT)
        await dialled(server, person(presses=pressed))
        assert keys_of(server.seen("/accept")) == digits


@pytest.mark.parametrize(
    "reply", [Reply(status=500), Reply(b"<Response>"), twiml(f"<Dial>{OTHER}</Dial>")]
)
async def test_a_document_that_cannot_be_run_connects_no_one(reply: Reply) -> None:
    async with webhook_server() as server:
        server.on("/whisper", reply)
        call = await dialled(server, person())
        assert told(server)[:2] == ("completed", "false")
    assert len(call.alerts) == 1
    assert call.alerts[0].code in (11200, 12100, 13201)


@pytest.mark.parametrize(
    ("party", "status"),
    [
        (IsBusy(), "busy"),
        (DoesNotAnswer(), "no-answer"),
        (Answers("Too late.", after_s=21), "no-answer"),
        (CannotBeReached(), "failed"),
    ],
)
async def test_a_person_who_does_not_answer_hears_nothing(party: DialledParty, status: str) -> None:
    async with webhook_server() as server:
        call = await dialled(server, party)
        assert server.seen("/whisper") == []
        assert told(server) == (status, "false", None)
    assert heard(call) == []


@pytest.mark.parametrize(
    ("noun", "to"),
    [
        ('<Sip url="/whisper">sip:desk@example.com</Sip>', "sip:desk@example.com"),
        ('<Client url="/whisper">alex</Client>', "client:alex"),
    ],
)
async def test_addresses_are_dialled_like_numbers(noun: str, to: str) -> None:
    async with webhook_server() as server:
        server.on("/whisper", CONNECT)
        await dialled(server, person(), noun=noun, to=to)
        (request,) = server.seen("/whisper")
        assert told(server)[:2] == ("completed", "true")
    assert request.param("To") == to


@pytest.mark.parametrize(("answer", "rings"), [(' answerOnBridge="true"', True), ("", False)])
async def test_the_caller_hears_it_ring_until_they_are_connected(
    answer: str, *, rings: bool
) -> None:
    """With answerOnBridge; otherwise the line is silent while the other person hears something."""
    async with webhook_server() as server:
        server.on("/whisper", twiml('<Pause length="8"/>', "<Hangup/>"))
        call = await dialled(
            server, person(after_s=1.0), first="<Say>One moment.</Say>", answer=answer
        )
    assert bool(call.recording.agent[-7 * 8000 :].any()) is rings


async def test_a_call_that_dials_first_is_answered_when_the_two_are_connected() -> None:
    for party, expected in ((person(after_s=3.0), True), (IsBusy(), False)):
        async with webhook_server() as server:
            call = await dialled(server, party, noun=f"<Number>{OTHER}</Number>")
            (request,) = server.seen("/dialled")
        answered = [event.when.at_ms for event in call.events if isinstance(event, CallAnswered)]
        assert (request.param("CallStatus") == "in-progress") is expected
        assert all(at_ms >= 3_000 for at_ms in answered) is expected


async def test_a_mailbox_greets_beeps_and_records() -> None:
    async with webhook_server() as server:
        call = await dialled(
            server,
            Mailbox("Please leave a message.", records_s=4.0),
            noun=f"<Number>{OTHER}</Number>",
        )
        status, bridged, duration = told(server)
    assert (status, bridged) == ("completed", "true")
    assert int(duration or 0) >= 5
    assert not call.recording.agent[-3 * 8000 :].any()


async def test_a_gather_for_the_caller_is_not_simulated() -> None:
    async with webhook_server() as server:
        url = server.on("/voice", twiml(ASK, "<Hangup/>"))
        network = TwilioNetwork(auth_token="token")
        async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
            await call.ended()
    assert [alert.code for alert in call.alerts] == [AlertCode.SCHEMA_WARNING]
    assert call.end_reason is EndReason.AGENT_HUNG_UP
