"""Blocked callers and the line's limits."""

import asyncio
import datetime
from typing import TypeVar
from xml.etree import ElementTree

import msgspec
import pytest

from ringdown.agents.phrases import phrases_for
from ringdown.calls import RETENTION, CallChanges, CallStatus
from ringdown.calls.callers import Caller, Forgotten, Memory
from ringdown.calls.limits import LineLimits, LineUse, Verdict
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.stores import Store
from tests.functions.incoming_call.records import (
    damage,
    store_locked,
    stored_call,
    with_store,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import Twilio, a_form, twiml, verbs
from tests.functions.loading import LoadedFunction
from tests.jumping_loop import virtual_time
from tests.ringdown.samples import CALL_SID, CALLER, NOW, a_call, an_agent
from voice_webhook.line_guard import LineGuard, Standing

AGENT = an_agent(notice="Hinweis.", language="de-DE")
BUSY = phrases_for("de-DE").busy
OTHER_CALLER = "+14155550124"
WITHHELD = "+266696687"
_Given = TypeVar("_Given")


def ring(twilio: Twilio, n: int, *, caller: str = CALLER) -> ElementTree.Element:
    return twiml(twilio.post("/", a_form(CallSid=f"CA{n:032x}", From=caller)))


def limited(store_url: str, **limits: float) -> None:
    with_store(store_url, lambda store: store.write_limits(LineLimits(**limits)))  # type: ignore[arg-type]


def said(document: ElementTree.Element) -> str | None:
    say = document.find("Say")
    return None if say is None else say.text


def test_a_caller_who_cannot_be_read_is_logged_without_their_number(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    write_agent(store_url, an_agent())
    damage(store_url, f"callers/{CALLER}", '{"blocked": 7}')
    assert "Connect" in verbs(ring(twilio, 1))
    assert "document cannot be used" in webhook.messages()
    assert CALLER[1:] not in str(webhook.log())


# Blocked


def test_a_blocked_caller_is_not_answered_until_unblocked(twilio: Twilio, store_url: str) -> None:
    with_store(store_url, lambda store: store.block_caller(CALLER, True))
    assert verbs(ring(twilio, 1)) == ["Reject"]
    assert stored_call(store_url, f"CA{1:032x}") is None
    assert "Connect" in verbs(ring(twilio, 2, caller=OTHER_CALLER))
    with_store(store_url, lambda store: store.block_caller(CALLER, False))
    assert "Connect" in verbs(ring(twilio, 3))


@pytest.mark.parametrize(
    "caller",
    [
        "sip:alice@example.sip.twilio.com",
        "sip:alice@example.com:5060;transport=tls",
        f"client:{'b' * 120}",
        f"whatsapp:{CALLER}",
        "12345",
        "+266696687",
        "anonymous",
    ],
)
def test_whoever_calls_can_be_blocked(twilio: Twilio, store_url: str, caller: str) -> None:
    with_store(store_url, lambda store: store.block_caller(caller, True))
    assert verbs(ring(twilio, 1, caller=caller)) == ["Reject"]
    assert "Connect" in verbs(ring(twilio, 2))
    assert "Connect" in verbs(ring(twilio, 3, caller="sip:bob@example.sip.twilio.com"))


def test_a_call_that_was_let_through_stays_so_when_its_webhook_is_repeated(
    twilio: Twilio, store_url: str
) -> None:
    first = ring(twilio, 1)
    with_store(store_url, lambda store: store.block_caller(CALLER, True))
    limited(store_url, calls_per_caller_per_hour=1, calls_at_once=1)
    again = ring(twilio, 1)
    assert verbs(again) == verbs(first) == ["Say", "Connect", "Redirect"]


# Limits


def test_a_caller_who_calls_too_often_hears_that_the_line_is_busy(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    write_agent(store_url, AGENT)
    limited(store_url, calls_per_caller_per_hour=2)
    assert ["Connect" in verbs(ring(twilio, n)) for n in range(4)] == [True, True, False, False]
    refused = ring(twilio, 5)
    assert (verbs(refused), said(refused)) == (["Say", "Hangup"], BUSY)
    assert "Connect" in verbs(ring(twilio, 6, caller=OTHER_CALLER))
    assert "line limit reached" not in webhook.messages(), "a single caller must not raise an alert"
    assert "caller limit reached" in webhook.messages()


@pytest.mark.parametrize("withheld", [WITHHELD, "+7378742833", "anonymous", "unknown"])
def test_callers_without_a_number_are_not_taken_for_one_caller(
    twilio: Twilio, store_url: str, withheld: str
) -> None:
    limited(store_url, calls_per_caller_per_hour=1)
    assert all("Connect" in verbs(ring(twilio, n, caller=withheld)) for n in range(3))


def test_a_full_line_goes_to_the_fallback_number_and_alerts(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    write_agent(store_url, AGENT)
    limited(store_url, calls_at_once=5)
    for n in range(5):
        ring(twilio, n)
    refused = ring(twilio, 9, caller=OTHER_CALLER)
    assert verbs(refused) == ["Say", "Dial", "Hangup"]
    assert said(refused) == phrases_for("de-DE").connecting
    alerts = [line for line in webhook.log() if line["message"].startswith("line limit")]
    assert [(line["message"], line["limit"], line["severity"]) for line in alerts] == [
        ("line limit near", "calls_at_once", "ERROR"),
        ("line limit reached", "calls_at_once", "ERROR"),
    ]
    assert CALLER not in str(alerts)


def test_a_full_line_without_a_fallback_number_is_busy(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, AGENT)
    limited(store_url, calls_per_hour=1)
    ring(twilio, 1)
    form = a_form(CallSid=f"CA{2:032x}", To="+14155550199")  # the fallback number itself
    refused = twiml(twilio.post("/", form))
    assert (verbs(refused), said(refused)) == (["Say", "Hangup"], BUSY)


@pytest.mark.parametrize(
    ("limit", "ended"),
    [
        ({"minutes_per_day": 10}, {"talk_s": 600}),
        ({"usd_per_day": 5}, {"cost_usd": 5.25}),
    ],
)
def test_minutes_and_money_end_for_the_day(
    twilio: Twilio, store_url: str, limit: dict[str, float], ended: dict[str, float]
) -> None:
    limited(store_url, **limit)

    async def talked(store: Store) -> None:
        now = datetime.datetime.now(datetime.UTC)
        await store.open_call(msgspec.structs.replace(a_call(), created_at=now))
        changes = msgspec.convert(ended | {"status": CallStatus.ENDED}, CallChanges)
        await store.save(CALL_SID, 1, changes)

    assert "Connect" in verbs(ring(twilio, 1, caller=OTHER_CALLER))
    with_store(store_url, talked)
    assert "Connect" not in verbs(ring(twilio, 2, caller=OTHER_CALLER))


def test_a_store_that_is_locked_lets_callers_through(twilio: Twilio, store_url: str) -> None:
    ring(twilio, 1)
    with store_locked(store_url):
        assert "Connect" in verbs(ring(twilio, 2))


# The guard without a webhook


class Line:
    """A store with one caller and the line's limits, which responds, fails or hangs."""

    def __init__(self) -> None:
        self.caller: Caller | Exception = Caller()
        self.limits: LineLimits | Exception = LineLimits(calls_at_once=10)
        self.use: LineUse | Exception | None = LineUse(calls_at_once=10)

    async def read_caller(self, number: str) -> Caller:
        return answer(self.caller)

    async def read_limits(self) -> LineLimits:
        return answer(self.limits)

    async def line_use(self, caller: str | None, now: datetime.datetime) -> LineUse:
        if self.use is None:
            await asyncio.Event().wait()
            raise AssertionError
        return answer(self.use)

    async def block_caller(self, number: str, blocked: bool) -> None:
        raise NotImplementedError

    async def remember_caller(
        self, number: str, memory: Memory, expires_at: datetime.datetime
    ) -> bool:
        raise NotImplementedError

    async def forget_caller(self, number: str) -> Forgotten:
        raise NotImplementedError

    async def write_limits(self, limits: LineLimits) -> None:
        raise NotImplementedError


def answer(given: _Given | Exception) -> _Given:
    if isinstance(given, Exception):
        raise given
    return given


async def look(guard: LineGuard, line: Line) -> Standing:
    """Check the caller within 300 ms (plus a margin for a busy machine)."""
    async with asyncio.timeout(1.0):
        return await guard.look(line, CALLER, NOW)


FULL = Verdict(reached=("calls_at_once",))


@pytest.mark.parametrize("use", [StoreUnavailable("away"), None])
@virtual_time
async def test_use_that_cannot_be_counted_in_time_limits_nobody(
    use: StoreUnavailable | None,
) -> None:
    line = Line()
    line.use = use
    line.caller = Caller(blocked=True)
    assert await look(LineGuard(), line) == Standing(Caller(blocked=True))


async def test_a_caller_that_cannot_be_read_is_not_blocked() -> None:
    line = Line()
    for failure in (StoreUnavailable("away"), InvalidDocument("callers/x: blocked")):
        line.caller = failure
        assert await look(LineGuard(), line) == Standing(limits=FULL)


async def test_limits_that_cannot_be_used_are_the_last_that_could() -> None:
    line, guard = Line(), LineGuard()
    await look(guard, line)
    line.limits = InvalidDocument("settings/limits: calls_at_once")
    assert (await look(guard, line)).limits == FULL
    assert (await look(LineGuard(), line)).limits == Verdict(), (
        "a guard that never read any limits uses the packaged ones"
    )


def test_a_memory_is_not_used_longer_than_records_are_kept() -> None:
    standing = Standing(Caller(memory=Memory(text="Asked.", call_sid=CALL_SID, at=NOW)))
    assert standing.memory(NOW + RETENTION - datetime.timedelta(seconds=1)) == "Asked."
    assert standing.memory(NOW + RETENTION) is None
    assert Standing().memory(NOW) is None
