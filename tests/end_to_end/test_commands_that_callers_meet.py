"""Places calls to check what operators' commands have done."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from ringdown.agents.phrases import phrases_for
from ringdown.agents.yaml_text import to_yaml
from ringdown.calls.limits import LineLimits
from ringdown.tools import Json
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.twilio import CallOver, EndReason
from simulators.twilio.events import VerbStarted
from simulators.twilio.twiml import Say
from tests.end_to_end.operated_line import BAKERY, CALLER, GREETING, OperatedLine, operated_line
from tests.end_to_end.test_operator_stories import told

OTHER_CALLER = "+14155550177"
SECOND_LINE = "+14155550101"
BETTER = "Good day, this is the bakery."
WORSE = "Yes, what is it?"
CLOSED = phrases_for("en").closed
BUSY = phrases_for("en").busy
REJECTED = "(rejected)"

pytestmark = pytest.mark.timeout(120)


async def meets(line: OperatedLine, caller: str = CALLER, **to: str) -> str:
    """Call, and return what the caller hears first; REJECTED if the call isn't answered."""
    async with line.call(from_=caller, **to) as call:
        with suppress(CallOver):
            await call.agent_silent_for(0.7)
            await call.hang_up()
        ended = await call.ended()
    if ended is EndReason.REJECTED:
        return REJECTED
    verbs = (event.verb for event in call.events if isinstance(event, VerbStarted))
    for verb in verbs:
        if isinstance(verb, Say):
            return verb.text
    return told(await line.record(call))[0]


async def save(line: OperatedLine, *, draft: bool = False, **fields: Json) -> None:
    which = ("--draft",) if draft else ()
    text = to_yaml({**BAKERY, **fields})
    await line.ringdown("agents", "edit", "default", *which, "--file", "-", "--yes", answers=text)


# Callers


async def test_a_caller_who_was_blocked_by_the_end_of_their_number_is_rejected_until_unblocked(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        met = [await meets(line)]
        await line.ringdown("callers", "block", "…0123", answers="y\n")
        met += [await meets(line), await meets(line, OTHER_CALLER)]
        await line.ringdown("callers", "unblock", "…0123", answers="y\n")
        met.append(await meets(line))
    assert met == [GREETING, REJECTED, GREETING, GREETING]


async def test_a_refused_or_declined_block_blocks_no_one(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        await meets(line)
        await line.ringdown("callers", "block", "…0123", answers="n\n", status=1)
        await line.ringdown("callers", "block", "…9999", answers="y\n", status=1)
        assert await meets(line) == GREETING


async def test_a_blocked_caller_who_is_forgotten_stays_rejected(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        await line.ringdown("callers", "block", CALLER)
        said = await line.ringdown("callers", "forget", CALLER, "--yes")
        met = [await meets(line), await meets(line, OTHER_CALLER)]
        await line.ringdown("callers", "unblock", CALLER)
        met.append(await meets(line))
    assert f"{CALLER} stays blocked" in said
    assert met == [REJECTED, GREETING, GREETING]


async def test_a_caller_who_is_forgotten_is_answered_as_a_stranger(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    fields: dict[str, Json] = {"remember_callers": True}
    async with operated_line(tmp_path, store_url, gemini_live_server, **fields) as line:
        await meets(line)
        await line.ringdown("callers", "forget", CALLER, "--yes")
        async with line.call() as call:
            await call.agent_silent_for(0.7)
            await call.hang_up()
        record = await line.record(call)
    assert told(record) == [GREETING]
    assert record.call.caller_memory is None


# Agents


async def test_two_rollbacks_are_heard_as_two_versions_back(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        met = []
        for greeting in (BETTER, WORSE):
            await save(line, greeting=greeting)
            met.append(await meets(line))
        for _ in range(2):
            await line.ringdown("agents", "rollback", "default", "--yes")
            met.append(await meets(line))
    assert met == [BETTER, WORSE, BETTER, GREETING]


async def test_a_rollback_after_a_rollback_and_an_edit_avoids_what_was_given_up(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        await save(line, greeting=WORSE)
        await meets(line)
        await line.ringdown("agents", "rollback", "default", "--yes")
        await save(line, greeting=BETTER)
        met = [await meets(line)]
        await line.ringdown("agents", "rollback", "default", "--yes")
        met.append(await meets(line))
    assert met == [BETTER, GREETING]


async def test_a_draft_is_heard_by_its_tester_then_by_everybody_then_by_nobody(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        await save(line, draft=True, greeting=BETTER, testers=[CALLER], publish=False)
        met = [await meets(line), await meets(line, OTHER_CALLER)]
        await line.ringdown("agents", "publish", "default", "--yes")
        met += [await meets(line), await meets(line, OTHER_CALLER)]
        await line.ringdown("agents", "rollback", "default", "--yes")
        met += [await meets(line), await meets(line, OTHER_CALLER)]
    assert met == [BETTER, GREETING, BETTER, BETTER, GREETING, GREETING]


async def test_a_number_that_is_set_is_answered_by_that_agent_and_no_other_number_is(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        text = to_yaml({**BAKERY, "greeting": BETTER})
        await line.ringdown("agents", "edit", "night", "--file", "-", "--yes", answers=text)
        met = [await meets(line, to=SECOND_LINE)]
        await line.ringdown("numbers", "set", SECOND_LINE, "night")
        met += [await meets(line, to=SECOND_LINE), await meets(line)]
    assert met == [GREETING, BETTER, GREETING]


# The line


@pytest.mark.parametrize(
    ("limits", "others_meet"),
    [
        (LineLimits(calls_per_caller_per_hour=1), GREETING),
        (LineLimits(calls_per_hour=1), BUSY),
        (LineLimits(minutes_per_day=0.01), BUSY),
        (LineLimits(usd_per_day=0.000_01), BUSY),
    ],
)
async def test_a_limit_is_met_by_the_call_after_it_and_by_none_once_it_is_raised(
    tmp_path: Path,
    store_url: str,
    gemini_live_server: GeminiLiveServerFactory,
    limits: LineLimits,
    others_meet: str,
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        await line.store.write_limits(limits)
        met = [await meets(line), await meets(line)]
        met.append(await meets(line, OTHER_CALLER))
        await line.store.write_limits(LineLimits())
        met.append(await meets(line))
    assert met == [GREETING, BUSY, others_meet, GREETING]


async def test_a_limit_of_parallel_calls_is_met_during_another_call(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        await line.store.write_limits(LineLimits(calls_at_once=1))
        async with line.call() as lasting:
            await lasting.agent_silent_for(0.7)
            met = [await meets(line, OTHER_CALLER)]
            await lasting.hang_up()
        await line.record(lasting)
        met.append(await meets(line, OTHER_CALLER))
    assert met == [BUSY, GREETING]


async def test_the_line_opens_when_its_hours_begin_and_closes_when_they_end(
    tmp_path: Path, store_url: str, gemini_live_server: GeminiLiveServerFactory
) -> None:
    """The day is a Tuesday, and it is ten o'clock when the test begins."""
    async with operated_line(tmp_path, store_url, gemini_live_server) as line:
        hours: Json = {"tuesday": "10:05-10:10"}
        await save(line, opening_hours=hours, time_zone="Europe/London")
        met = []
        for _ in range(3):
            met.append(await meets(line))
            await asyncio.sleep(5 * 60)
        await save(line)
        met.append(await meets(line))
    assert met == [CLOSED, GREETING, CLOSED, GREETING]
