"""What operators do, from their command line to the caller's ear."""

import datetime
from pathlib import Path

import msgspec
import pytest

from ringdown.calls import CallChanges, CallRecord, EndReason, Speaker, TwilioStatus
from ringdown.stores import Store
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from tests.end_to_end.operated_line import (
    BREAD,
    GREETING,
    NO_ANSWER,
    OPENS_AT_NINE,
    WHEN,
    heard,
    operated_line,
)

OPENS_AT_SEVEN = "We open at seven on weekdays."
TWENTY_HOURS = datetime.timedelta(hours=20)
YESTERDAYS_SID = f"CA{20:032x}"

pytestmark = pytest.mark.timeout(120)


async def test_a_prompt_is_changed_and_heard_in_the_next_call(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        editor = line.editor(OPENS_AT_NINE, OPENS_AT_SEVEN)
        said = await line.ringdown("agents", "edit", "default", "--yes", editor=editor)
        async with line.call() as call:
            await call.agent_started_speaking()
            await call.agent_silent_for(0.7)
            await call.say(WHEN)
            await call.agent_silent_for(0.8)
            await call.hang_up()
        record = await line.record(call)
        shown = await line.ringdown("calls", "show", "last")

    assert f"+{OPENS_AT_SEVEN}" in said.replace("+  ", "+")
    assert told(record) == [GREETING, OPENS_AT_SEVEN]
    assert await heard(call, OPENS_AT_SEVEN)
    assert f"revision {record.call.agent_revision}" in shown


async def test_a_broken_agent_is_reported_harms_no_call_and_is_rolled_back(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        await line.save_in_the_console(voice="Korr", greeting="Good day.")
        stored = await line.store.read_agent("default")
        meanwhile = await line.ask(WHEN)
        shown = await line.ringdown("agents", "show", "default")
        shown_call = await line.ringdown("calls", "show", "last")
        went_back = await line.ringdown("agents", "rollback", "default", "--yes")
        afterwards = await line.ask(WHEN)
        records = [await line.record(call) for call in (meanwhile, afterwards)]
        repaired = await line.store.read_agent("default")

    assert stored is not None
    assert stored.status is not None
    assert not stored.status.ok
    why = 'there is no voice "Korr". Did you mean Kore?'
    assert why in (stored.status.error or "")
    assert why in shown
    assert why in shown_call
    assert [told(record) for record in records] == [[GREETING, OPENS_AT_NINE]] * 2
    assert await heard(afterwards, GREETING)
    assert records[1].call.agent_problem is None
    assert "Good day." in went_back, "a rollback shows what it undoes"
    assert repaired is not None
    assert repaired.document["greeting"] == GREETING
    assert repaired.status is not None
    assert repaired.status.ok


async def test_yesterdays_bad_call_is_found_with_its_cause(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        bad = await line.record(await line.ask(BREAD))
        await _date_back(line.store, bad)
        good = await line.record(await line.ask(WHEN))
        listed = await line.ringdown("calls", "list", "--since", "yesterday", "--problem")
        shown = await line.ringdown("calls", "show", YESTERDAYS_SID)
        page = line.folder / "out" / "calls" / f"{YESTERDAYS_SID}.html"

    assert told(bad) == [GREETING, "One moment, please.", NO_ANSWER]
    assert YESTERDAYS_SID[:8] in listed
    assert good.call.call_sid[:8] not in listed, "that call had no problem"
    assert "Problems:" in shown
    assert "The tool check_bread failed:" in shown
    assert NO_ANSWER in shown
    assert NO_ANSWER in page.read_text("utf-8")


def told(record: CallRecord) -> list[str]:
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP
    return [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]


async def _date_back(store: Store, record: CallRecord) -> None:
    """Copy the call to 20 hours ago: never before yesterday, whatever the time is now."""
    call, (claim,) = record.call, record.claims
    assert call.ended_at is not None
    ringing = msgspec.structs.replace(
        call,
        call_sid=YESTERDAYS_SID,
        created_at=call.created_at - TWENTY_HOURS,
        status="ringing",
        **dict.fromkeys(("started_at", "ended_at", "end_reason", "next", "twilio_status")),
    )
    began = msgspec.structs.replace(claim, claimed_at=claim.claimed_at - TWENTY_HOURS)
    ended_at = call.ended_at - TWENTY_HOURS
    changes = CallChanges(
        turns=record.turns,
        tool_calls=record.tool_calls,
        usage=call.usage,
        status=call.status,
        ended_at=ended_at,
        end_reason=call.end_reason,
        next=call.next,
    )
    await store.open_call(ringing)
    await store.claim(YESTERDAYS_SID, began)
    await store.save(YESTERDAYS_SID, 1, changes)
    completed = TwilioStatus(status="completed", duration_s=call.twilio_duration_s, final=True)
    await store.note_twilio_status(YESTERDAYS_SID, completed, ended_at)
