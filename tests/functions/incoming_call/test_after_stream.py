import asyncio
import datetime
from typing import NoReturn

import pytest

from ringdown.agents.clips import Clip
from ringdown.agents.known_clips import KnownClips
from ringdown.agents.phrases import phrases_for
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
from tests.jumping_loop import virtual_time
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, NOW, a_call, an_agent
from voice_webhook.after_stream import after_stream
from voice_webhook.twilio_request import CallUpdate
from voice_webhook.webhook_settings import read_settings

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
    assert call.end_reason is EndReason.MODEL_UNAVAILABLE, "the handler's reason must stay"


def test_without_any_number_the_apology_ends_the_call(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call(agent=an_agent(language="fi-FI")))
    handler_saved(store_url, CallChanges(next=NextAction.FALL_BACK))
    document = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Hangup"]
    assert document[0].attrib == {"language": "en-US"}, (
        "English must replace Finnish, which has no sentences"
    )
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


def test_a_transfer_to_a_number_that_is_gone_falls_back(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call(fallback_number=PERSON))
    handler_saved(store_url, CallChanges(next=NextAction.TRANSFER, transfer_to="billing"))
    assert verbs(twiml(twilio.post("/after-stream", IN_PROGRESS))) == ["Say", "Dial", "Hangup"]


def test_a_stream_lost_without_a_decision_is_taken_up_without_a_word(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    stream_began(store_url, a_call(agent=an_agent(notice="Notice.")))
    document = twiml(twilio.post("/after-stream?attempt=1", IN_PROGRESS))
    assert verbs(document) == ["Connect", "Redirect"], "there must be no notice and no pause"
    assert document[1].text == f"{PUBLIC_URL}/after-stream?attempt=2"
    call = stored_call(store_url)
    assert call is not None
    assert (call.attempt, call.resumed_from) == (2, EndReason.STREAM_LOST)
    assert "call taken over" in webhook.messages()


def test_a_repeated_delivery_opens_no_further_attempt(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    for _ in range(3):
        document = twiml(twilio.post("/after-stream?attempt=1", IN_PROGRESS))
        assert document[1].text == f"{PUBLIC_URL}/after-stream?attempt=2"
    call = stored_call(store_url)
    assert call is not None
    assert call.attempt == 2


def test_a_handler_that_is_started_again_is_given_time(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    documents = [twiml(twilio.post(f"/after-stream?attempt={n}", IN_PROGRESS)) for n in (1, 2, 3)]
    assert [verbs(document) for document in documents] == [
        ["Connect", "Redirect"],
        ["Pause", "Connect", "Redirect"],
        ["Pause", "Connect", "Redirect"],
    ]
    assert [document[0].get("length") for document in documents[1:]] == ["2", "4"]


@pytest.mark.parametrize("query", ["", "?attempt=", "?attempt=0", "?attempt=-1", "?attempt=x"])
def test_an_attempt_that_cannot_be_is_taken_for_the_present_one(
    twilio: Twilio, store_url: str, query: str
) -> None:
    stream_began(store_url, a_call())
    document = twiml(twilio.post(f"/after-stream{query}", IN_PROGRESS))
    assert document[1].text == f"{PUBLIC_URL}/after-stream?attempt=2"


def test_a_forged_attempt_is_refused(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    signed_url = f"{PUBLIC_URL}/after-stream?attempt=1"
    response = twilio.post("/after-stream?attempt=2", IN_PROGRESS, signed_url=signed_url)
    assert response.status_code == 403


def test_a_busy_handler_makes_twilio_say_so(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call(agent=an_agent(language="de-DE")))
    handler_saved(store_url, CallChanges(next=NextAction.BUSY))
    document = twiml(twilio.post("/after-stream?attempt=1", IN_PROGRESS))
    assert [(verb.tag, verb.text) for verb in document] == [
        ("Say", phrases_for("de").busy),
        ("Hangup", None),
    ]


def test_a_busy_handler_sends_the_caller_to_a_person_if_there_is_one(
    twilio: Twilio, store_url: str
) -> None:
    stream_began(store_url, a_call(fallback_number=PERSON))
    handler_saved(store_url, CallChanges(next=NextAction.BUSY))
    document = twiml(twilio.post("/after-stream?attempt=1", IN_PROGRESS))
    assert [(verb.tag, verb.text) for verb in document] == [
        ("Say", phrases_for("en").connecting),
        ("Dial", PERSON),
        ("Hangup", None),
    ]


def test_a_stream_lost_too_often_falls_back_and_is_recorded(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    stream_began(store_url, a_call(fallback_number=PERSON))
    began = datetime.datetime.now(datetime.UTC)
    _lost_three_times(twilio)
    first = twilio.post("/after-stream?attempt=4", IN_PROGRESS)
    assert verbs(twiml(first)) == ["Say", "Dial", "Hangup"]
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
    assert twilio.post("/after-stream?attempt=4", IN_PROGRESS).text == first.text
    assert stored_call(store_url) == call


def test_a_stream_that_no_handler_took_is_recorded_as_such(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, an_agent(notice="Notice."))
    twilio.post("/", a_form())
    _lost_three_times(twilio)
    twilio.post("/after-stream?attempt=4", IN_PROGRESS)
    call = stored_call(store_url)
    assert call is not None
    assert call.end_reason is EndReason.NEVER_STREAMED


def test_a_call_that_was_handed_over_says_so(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    handler_saved(store_url, CallChanges(end_reason=EndReason.HANDLER_STOPPED))
    twilio.post("/after-stream?attempt=1", IN_PROGRESS)
    call = stored_call(store_url)
    assert call is not None
    assert (call.end_reason, call.resumed_from) == (None, EndReason.HANDLER_STOPPED)


@pytest.mark.parametrize("status", ["completed", "busy", "failed", "no-answer", "canceled"])
def test_a_call_that_is_over_gets_no_verbs(twilio: Twilio, store_url: str, status: str) -> None:
    stream_began(store_url, a_call())
    assert verbs(twiml(twilio.post("/after-stream", a_form(CallStatus=status)))) == []
    call = stored_call(store_url)
    assert call is not None
    assert call.end_reason is None, "the status callback must decide how the call ended"


def test_an_unknown_call_falls_back(
    twilio: Twilio, environ: Environ, webhook: LoadedFunction
) -> None:
    document = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    assert document[1].text == environ["FALLBACK_NUMBER"]
    assert "unknown call" in webhook.messages()


def test_a_damaged_record_falls_back(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    damage(store_url, f"calls/{CALL_SID}", "[]")
    assert verbs(twiml(twilio.post("/after-stream", IN_PROGRESS))) == ["Say", "Dial", "Hangup"]


def test_a_locked_store_falls_back(twilio: Twilio, store_url: str, webhook: LoadedFunction) -> None:
    stream_began(store_url, a_call(fallback_number=PERSON))
    with store_locked(store_url):
        document = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Dial", "Hangup"]
    assert "call could not be taken over" in webhook.messages()
    assert "call could not be saved" in webhook.messages()


def test_a_store_that_cannot_be_opened_falls_back(environ: Environ, load: Load) -> None:
    with load(environ | {"STORE_URL": "sqlite:/dev/null/ringdown.db"}) as webhook:
        document = twiml(Twilio(webhook.client).post("/after-stream", IN_PROGRESS))
    assert verbs(document) == ["Say", "Dial", "Hangup"]


class HangingStore:
    """A store of calls and clips that never responds."""

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

    async def accept_transfer(self, call_sid: str, attempt: int) -> Call | None:
        return await self._hang()

    async def resume(self, call_sid: str) -> Call | None:
        return await self._hang()

    async def read_record(self, call_sid: str) -> CallRecord | None:
        return await self._hang()

    async def take_up(self, call_sid: str, ended: int, at: datetime.datetime) -> Call | None:
        return await self._hang()

    async def note_stream_error(self, call_sid: str, error: str) -> bool:
        return await self._hang()

    async def read_clip(self, agent_id: str, key: str) -> Clip | None:
        return await self._hang()

    async def write_clip(self, agent_id: str, clip: Clip) -> None:
        await self._hang()

    async def list_clips(self, agent_id: str) -> frozenset[str]:
        return await self._hang()

    async def delete_clip(self, agent_id: str, key: str) -> None:
        await self._hang()

    async def _hang(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


@virtual_time
async def test_a_store_that_never_answers_falls_back_in_time(environ: Environ) -> None:
    update = CallUpdate(CALL_SID, CALLER, CALLED, "in-progress", None)
    async with asyncio.timeout(3.0):
        document = await after_stream(
            update,
            1,
            store=HangingStore(),
            clips=KnownClips(),
            settings=read_settings(environ),
            now=NOW,
        )
    assert f">{environ['FALLBACK_NUMBER']}</Dial>" in document


def _lost_three_times(twilio: Twilio) -> None:
    """End three streams; a call is taken over at most three times in a minute."""
    for ended in (1, 2, 3):
        twilio.post(f"/after-stream?attempt={ended}", IN_PROGRESS)
