import asyncio
import datetime
import time
from typing import NoReturn

import pytest

from after_stream import after_stream
from ringdown.calls import (
    Call,
    CallChanges,
    CallRecord,
    CallStatus,
    Claim,
    EndReason,
    NextAction,
    TwilioStatus,
)
from ringdown.phrases import phrases_for
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import (
    damage,
    handler_saved,
    store_locked,
    stored_call,
    stream_began,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import PUBLIC_URL, Twilio, a_form, twiml, verbs
from tests.functions.loading import LoadedFunction
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, NOW, a_call, an_agent
from twilio_request import CallUpdate

BILLING = "+14155550166"
IN_PROGRESS = a_form(CallStatus="in-progress")
PERSON = "+14155550177"


def test_a_decided_hang_up_ends_the_call(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    handler_saved(store_url, CallChanges(next=NextAction.HANG_UP))
    assert verbs(twiml(twilio.post("/after-stream", IN_PROGRESS))) == ["Hangup"]


def test_a_decided_fall_back_apologises_and_dials_the_agents_number(
    twilio: Twilio, store_url: str
) -> None:
    agent = an_agent(language="de-AT")
    stream_began(store_url, a_call(agent=agent, fallback_number=PERSON))
    handler_saved(
        store_url,
        CallChanges(next=NextAction.FALL_BACK, end_reason=EndReason.MODEL_UNAVAILABLE),
    )
    document = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    say, dial, _ = document
    assert say.attrib == {"language": "de-DE"}
    assert "verbinde Sie" in (say.text or "")
    assert dial.text == PERSON
    call = stored_call(store_url)
    assert call is not None
    assert call.end_reason is EndReason.MODEL_UNAVAILABLE, "what the handler said must stay"


def test_without_any_number_the_apology_ends_the_call(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call(agent=an_agent(language="fi-FI")))
    handler_saved(store_url, CallChanges(next=NextAction.FALL_BACK))
    document = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Hangup"]
    assert document[0].attrib == {"language": "en-US"}, "there are no Finnish sentences"
    assert "call again" in (document[0].text or "")


def test_a_caller_who_wants_a_person_is_connected(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call(agent=an_agent(language="de-DE"), fallback_number=PERSON))
    handler_saved(store_url, CallChanges(next=NextAction.CONNECT_PERSON))
    say, dial, hangup = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert (say.text, dial.text, hangup.tag) == (
        phrases_for("de").connecting,
        PERSON,
        "Hangup",
    )


@pytest.mark.parametrize("next_action", [NextAction.IDLE_GOODBYE, NextAction.TIME_GOODBYE])
@pytest.mark.parametrize("language", ["en-US", "fr-FR"])
def test_a_call_that_has_to_end_ends_with_a_goodbye(
    twilio: Twilio, store_url: str, next_action: NextAction, language: str
) -> None:
    stream_began(store_url, a_call(agent=an_agent(language=language)))
    handler_saved(store_url, CallChanges(next=next_action))
    document = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Hangup"]
    assert document[0].text == getattr(phrases_for(language), next_action)
    assert document[0].attrib == {"language": language}


def test_a_transfer_dials_the_agents_choice_and_asks_what_comes_then(
    twilio: Twilio, store_url: str
) -> None:
    _transferred(store_url)
    [dial] = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert (dial.tag, dial.text) == ("Dial", BILLING)
    assert dial.attrib["action"] == f"{PUBLIC_URL}/after-dial"


def test_a_transfer_to_a_number_that_is_gone_falls_back(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call(fallback_number=PERSON))
    handler_saved(store_url, CallChanges(next=NextAction.TRANSFER, transfer_to="billing"))
    assert verbs(twiml(twilio.post("/after-stream", IN_PROGRESS))) == ["Say", "Dial", "Hangup"]


@pytest.mark.parametrize("status", ["completed", "answered"])
def test_a_transfer_that_was_answered_ends_the_call(
    twilio: Twilio, store_url: str, status: str
) -> None:
    _transferred(store_url)
    document = twiml(twilio.post("/after-dial", a_form(DialCallStatus=status)))
    assert verbs(document) == ["Hangup"]


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled", ""])
def test_a_transfer_that_nobody_answered_goes_back_to_the_agent(
    twilio: Twilio, store_url: str, status: str
) -> None:
    _transferred(store_url)
    form = a_form(CallStatus="in-progress", DialCallStatus=status)
    document = twiml(twilio.post("/after-dial", form))
    assert verbs(document) == ["Connect", "Redirect"], "no notice is spoken a second time"
    call = stored_call(store_url)
    assert call is not None
    assert (call.attempt, call.failed_transfers) == (2, ("billing",))
    assert verbs(twiml(twilio.post("/after-dial", form))) == ["Connect", "Redirect"]
    assert stored_call(store_url) == call, "a repeated delivery opens no further attempt"


def test_a_caller_who_hung_up_while_it_rang_is_not_called_back(
    twilio: Twilio, store_url: str
) -> None:
    _transferred(store_url)
    form = a_form(CallStatus="completed", DialCallStatus="no-answer")
    assert verbs(twiml(twilio.post("/after-dial", form))) == ["Hangup"]
    call = stored_call(store_url)
    assert call is not None
    assert call.attempt == 1


def test_after_a_dial_without_a_transfer_a_person_is_tried(
    twilio: Twilio, store_url: str, environ: Environ
) -> None:
    stream_began(store_url, a_call())
    form = a_form(CallStatus="in-progress", DialCallStatus="busy")
    document = twiml(twilio.post("/after-dial", form))
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    assert document[1].text == environ["FALLBACK_NUMBER"]


def test_a_stream_lost_without_a_decision_falls_back_and_is_recorded(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    stream_began(store_url, a_call(fallback_number=PERSON))
    began = datetime.datetime.now(datetime.UTC)
    assert verbs(twiml(twilio.post("/after-stream", IN_PROGRESS))) == ["Say", "Dial", "Hangup"]
    call = stored_call(store_url)
    assert call is not None
    assert (call.status, call.end_reason, call.next) == (
        CallStatus.ENDED,
        EndReason.STREAM_LOST,
        NextAction.FALL_BACK,
    )
    assert call.ended_at is not None
    assert call.ended_at >= began
    assert "stream ended without a decision" in webhook.messages()


def test_a_stream_that_no_handler_took_is_recorded_as_such(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent(notice="Notice."))
    twilio.post("/", a_form())
    twilio.post("/after-stream", IN_PROGRESS)
    call = stored_call(store_url)
    assert call is not None
    assert call.end_reason is EndReason.NEVER_STREAMED


def test_a_reason_given_without_a_decision_stays(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    ended_at = datetime.datetime(2026, 11, 2, 9, 45, tzinfo=datetime.UTC)
    handler_saved(store_url, CallChanges(end_reason=EndReason.HANDLER_STOPPED, ended_at=ended_at))
    twilio.post("/after-stream", IN_PROGRESS)
    call = stored_call(store_url)
    assert call is not None
    assert (call.end_reason, call.ended_at) == (EndReason.HANDLER_STOPPED, ended_at)


def test_a_repeated_delivery_gets_the_same_answer(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    first = twilio.post("/after-stream", IN_PROGRESS)
    recorded = stored_call(store_url)
    assert twilio.post("/after-stream", IN_PROGRESS).text == first.text
    assert stored_call(store_url) == recorded


@pytest.mark.parametrize("status", ["completed", "busy", "failed", "no-answer", "canceled"])
def test_a_call_that_is_over_gets_no_verbs(twilio: Twilio, store_url: str, status: str) -> None:
    stream_began(store_url, a_call())
    assert verbs(twiml(twilio.post("/after-stream", a_form(CallStatus=status)))) == []
    call = stored_call(store_url)
    assert call is not None
    assert call.end_reason is None, "the status callback says how the call ended"


def test_an_unknown_call_falls_back(
    twilio: Twilio, environ: Environ, webhook: LoadedFunction
) -> None:
    document = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    assert document[1].text == environ["FALLBACK_NUMBER"]
    assert "call is unknown" in webhook.messages()


def test_a_damaged_record_falls_back(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    damage(store_url, f"calls/{CALL_SID}", "[]")
    assert verbs(twiml(twilio.post("/after-stream", IN_PROGRESS))) == ["Say", "Dial", "Hangup"]


def test_a_locked_store_falls_back_in_time(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    stream_began(store_url, a_call(fallback_number=PERSON))
    started_s = time.monotonic()
    with store_locked(store_url):
        document = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert time.monotonic() - started_s < 1.9
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    assert "call could not be saved" in webhook.messages()


def test_a_store_that_cannot_be_opened_falls_back(environ: Environ, load: Load) -> None:
    with load(environ | {"STORE_URL": "sqlite:/dev/null/ringdown.db"}) as webhook:
        document = twiml(Twilio(webhook.client).post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Dial", "Hangup"]


class HangingStore:
    """A call store that never answers."""

    async def open_call(self, call: Call) -> Call:
        return await self._hang()

    async def read_call(self, call_sid: str) -> Call | None:
        return await self._hang()

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        return await self._hang()

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        await self._hang()

    async def note_twilio_status(
        self, call_sid: str, status: TwilioStatus, at: datetime.datetime
    ) -> bool:
        return await self._hang()

    async def resume(self, call_sid: str) -> Call | None:
        return await self._hang()

    async def read_record(self, call_sid: str) -> CallRecord | None:
        return await self._hang()

    async def _hang(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_a_store_that_never_answers_falls_back_in_time() -> None:
    update = CallUpdate(CALL_SID, CALLER, CALLED, "in-progress", None)
    async with asyncio.timeout(4.0):
        document = await after_stream(
            update,
            store=HangingStore(),
            fallback_number=PERSON,
            after_dial_url=f"{PUBLIC_URL}/after-dial",
            now=NOW,
        )
    assert f"<Dial>{PERSON}</Dial>" in document


def _transferred(store_url: str) -> None:
    """The agent has transferred the call to billing."""
    stream_began(store_url, a_call(agent=an_agent(transfer_numbers={"billing": BILLING})))
    changes = CallChanges(
        next=NextAction.TRANSFER,
        transfer_to="billing",
        status=CallStatus.ENDED,
        end_reason=EndReason.TRANSFERRED,
    )
    handler_saved(store_url, changes)
