"""What the line's state reports, with every store."""

import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ringdown.agents.edits import look_at_edit
from ringdown.calls import CallChanges, CallStatus, EndReason
from ringdown.calls.figures import WRITTEN_WITHIN, Day, Figures, day_of
from ringdown.calls.limits import LineLimits, LineUse
from ringdown.calls.line_state import FAILURES, Concern, Hours, LineState, Subject, line_state
from ringdown.calls.outcomes import Outcome
from ringdown.errors import StoreUnavailable
from ringdown.stores import Store, open_store
from ringdown.webhooks import LostWebhook
from ringdown.webhooks.lost import lost_problems
from tests.ringdown.samples import NOW, a_call, a_claim, an_agent
from tests.ringdown.seeding import write_agent
from tests.ringdown.stores.contract import Put
from tests.ringdown.stores.each_store import other_store, put, store, store_url

__all__ = ["other_store", "put", "store", "store_url"]

MINUTE = datetime.timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")
TODAY = day_of(NOW, BERLIN)


async def state_of(store: Store) -> LineState:
    return await line_state(store, NOW, BERLIN)


async def call_that_ended(
    store: Store, n: int, reason: EndReason, *, ago: datetime.timedelta = MINUTE
) -> str:
    sid = f"CA{n:032x}"
    await store.open_call(msgspec.structs.replace(a_call(call_sid=sid), created_at=NOW - ago))
    await store.claim(sid, a_claim())
    over = CallChanges(status=CallStatus.ENDED, end_reason=reason, talk_s=30, cost_usd=0.5)
    await store.save(sid, 1, over)
    return sid


async def test_a_line_without_calls_is_all_right(store: Store) -> None:
    await write_agent(store, "default", an_agent())
    assert await state_of(store) == LineState(
        live=(),
        today=Day(since=TODAY.since, until=TODAY.until, counted_until=NOW - WRITTEN_WITHIN),
        use=LineUse(),
        limits=LineLimits(),
        hours={},
        concerns=(),
    )


async def test_live_calls_and_todays_cost(store: Store) -> None:
    await store.open_call(msgspec.structs.replace(a_call(), created_at=NOW - MINUTE))
    await call_that_ended(store, 1, EndReason.AGENT_HUNG_UP)
    await call_that_ended(store, 2, EndReason.AGENT_HUNG_UP, ago=datetime.timedelta(hours=30))

    state = await state_of(store)

    assert [call.call_sid for call in state.live] == [a_call().call_sid]
    assert state.today.figures == Figures(calls=2, talk_s=30, cost_usd=0.5)
    assert (state.use.calls_at_once, state.concerns) == (1, ())


async def test_a_broken_agent_and_a_number_without_one_need_a_person(
    store: Store, put: Put
) -> None:
    await write_agent(store, "night", an_agent())
    await look_at_edit(store, "night", NOW)
    stored = await store.read_agent("night")
    assert stored is not None
    await store.write_agent("night", {**stored.document, "voice": "Korr"}, over=stored.version)
    await look_at_edit(store, "night", NOW)
    await store.write_number("+14155550100", "nigth")

    broken, lost = (await state_of(store)).concerns

    assert (broken.subject, broken.name) == (Subject.AGENT, "night")
    assert broken.text.startswith('voice: there is no voice "Korr".')
    assert broken.text.endswith(f"Revision {an_agent().revision} answers instead.")
    assert (lost.subject, lost.name) == (Subject.NUMBER, "+14155550100")
    assert "nigth" in lost.text


async def test_limits_that_are_near_reached_or_unreadable_need_a_person(
    store: Store, put: Put
) -> None:
    await call_that_ended(store, 1, EndReason.AGENT_HUNG_UP)
    await store.write_limits(LineLimits(calls_per_hour=1, usd_per_day=0.6))
    assert [(each.name, each.text) for each in (await state_of(store)).concerns] == [
        ("calls_per_hour", "The limit is reached: 1 of 1."),
        ("usd_per_day", "The limit is near: 0.5 of 0.6."),
    ]
    await put("settings/limits", {"calls_at_once": "many"})
    (unreadable,) = (await state_of(store)).concerns
    assert unreadable.name == "settings/limits"
    assert "settings/limits: calls_at_once" in unreadable.text


async def test_failed_calls_are_told_by_their_reason_the_most_frequent_first(
    store: Store,
) -> None:
    busy = await call_that_ended(store, 1, EndReason.HANDLER_BUSY)
    lost = [await call_that_ended(store, n, EndReason.MODEL_LOST, ago=n * MINUTE) for n in (2, 3)]
    await call_that_ended(store, 4, EndReason.MODEL_LOST, ago=datetime.timedelta(hours=25))
    await call_that_ended(store, 5, EndReason.CALLER_HUNG_UP)

    assert (await state_of(store)).concerns == (
        Concern(
            subject=Subject.CALLS,
            name="model_lost",
            text="2 calls failed in the last 24 hours: the model was lost.",
            calls=tuple(lost),
        ),
        Concern(
            subject=Subject.CALLS,
            name="handler_busy",
            text="1 call failed in the last 24 hours: the stream handler was full.",
            calls=(busy,),
        ),
    )


async def test_outcomes_that_could_not_be_found_out_need_a_person(store: Store) -> None:
    unknown = Outcome(questions="q", asked_at=NOW, problem="Gemini refused.")
    sids = [
        await call_that_ended(store, n, EndReason.CALLER_HUNG_UP, ago=ago)
        for n, ago in enumerate((MINUTE, 2 * MINUTE, datetime.timedelta(hours=25)))
    ]
    for sid in sids:
        assert await store.keep_outcome(sid, unknown)

    assert (await state_of(store)).concerns == (
        Concern(
            subject=Subject.OUTCOMES,
            name="problem",
            text="The outcome of 2 calls in the last 24 hours couldn't be determined.",
            calls=tuple(sids[:2]),
        ),
    )
    for sid in sids:
        await store.keep_outcome(sid, msgspec.structs.replace(unknown, problem=None))
    assert (await state_of(store)).concerns == ()


async def test_webhooks_that_never_arrived_need_a_person(store: Store, put: Put) -> None:
    def lost(url: str, call_sid: str, ago: datetime.timedelta) -> LostWebhook:
        return LostWebhook(
            caller="+14155550123",
            call_sid=call_sid,
            event="call.ended",
            url=url,
            problem="It answered with HTTP 500.",
            given_up_at=NOW - ago,
            expires_at=NOW,
        )

    for n, each in enumerate(
        (
            lost("https://a.example/x", "CA1", 3 * MINUTE),
            lost("https://b.example/x", "CA1", 2 * MINUTE),
            lost("https://a.example/x", "CA2", MINUTE),
            lost("https://a.example/x", "CA3", datetime.timedelta(hours=25)),
        )
    ):
        await store.documents.write(f"lost_webhooks/{n}", each)
    await put("lost_webhooks/damaged", {"given_up_at": NOW, "url": 7})

    told = [(each.name, each.text, each.calls) for each in (await state_of(store)).concerns]

    never = "never arrived in the last 24 hours: It answered with HTTP 500."
    assert told == [
        ("https://a.example/x", f"2 messages about calls {never}", ("CA2", "CA1")),
        ("https://b.example/x", f"1 message about calls {never}", ("CA1",)),
    ]
    (sentence,) = await lost_problems(store.documents, "CA2")
    assert sentence.startswith("The webhook call.ended never reached a.example. It answered")
    assert len(await lost_problems(store.documents, "CA1")) == 2
    assert await lost_problems(store.documents, "CA4") == ()


@pytest.mark.parametrize(
    ("monday", "expected"),
    [
        ("09:00-12:00", Hours(is_open=True, changes_at=NOW.replace(hour=11, minute=0))),
        ("14:00-18:00", Hours(is_open=False, changes_at=NOW.replace(hour=13, minute=0))),
        ("closed", Hours(is_open=False, changes_at=None)),
    ],
)
async def test_opening_hours_are_told_with_their_next_change(
    store: Store, monday: str, expected: Hours
) -> None:
    document = {
        "instructions": "Be brief.",
        "greeting": "Hello.",
        "time_zone": "Europe/Berlin",
        "opening_hours": {"monday": monday},
    }
    await store.write_agent("default", document, over=None)
    await store.write_agent("unused", document, over=None)
    assert (await state_of(store)).hours == {"default": expected}


async def test_a_store_that_does_not_answer_is_told_as_always(tmp_path: Path) -> None:
    (tmp_path / "ringdown.db").write_text("this isn't a database\n" * 100)
    async with open_store(f"sqlite:{tmp_path / 'ringdown.db'}") as store:
        with pytest.raises(StoreUnavailable):
            await state_of(store)


def test_every_ending_that_is_ours_is_a_failure() -> None:
    wanted = {
        EndReason.AGENT_HUNG_UP,
        EndReason.CALLER_HUNG_UP,
        EndReason.CALLER_ASKED_FOR_PERSON,
        EndReason.CALLER_IDLE,
        EndReason.TRANSFERRED,
        EndReason.OUTSIDE_HOURS,
        EndReason.TIME_LIMIT,
        EndReason.COST_LIMIT,
    }
    assert set(EndReason) - wanted == set(FAILURES)
