"""Calls are answered by the agent that operators saved last, on every store."""

import datetime
import os
from collections.abc import Iterator

import msgspec
import pytest

from ringdown.agents import Agent
from ringdown.agents.edits import look_at_edit
from ringdown.calls import Call
from ringdown.stores import Store
from ringdown.tools import Json
from tests.emulator import VARIABLE
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import stored_call, with_store, write_agent
from tests.functions.incoming_call.stand_ins import Twilio, a_form, twiml
from tests.functions.loading import LoadedFunction
from tests.ringdown import seeding
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, NOW, an_agent

GOOD = an_agent(notice="Notice.", greeting="Good.")
OTHER_CALLER = "+14155550124"


@pytest.fixture(params=["sqlite", "firestore"])
def store_url(request: pytest.FixtureRequest, store_url: str) -> str:
    if request.param == "sqlite":
        return store_url
    return f"firestore:{request.getfixturevalue('firestore_project')}"


@pytest.fixture
def webhook(environ: Environ, load: Load) -> Iterator[LoadedFunction]:
    emulator = {VARIABLE: os.environ[VARIABLE]} if VARIABLE in os.environ else {}
    with load(environ | emulator) as function:
        yield function


def put(store_url: str, document: dict[str, Json], *, draft: bool = False) -> None:
    async def work(store: Store) -> None:
        await seeding.write_agent(store, "default", document, draft=draft)

    with_store(store_url, work)


def answered(twilio: Twilio, store_url: str, n: int, *, caller: str = CALLER) -> Call:
    """Place call number `n`, which must be answered, and return its record."""
    call_sid = f"CA{n:032x}"
    document = twiml(twilio.post("/", a_form(CallSid=call_sid, From=caller)))
    assert document.find("Connect") is not None, "the call was not answered"
    call = stored_call(store_url, call_sid)
    assert call is not None
    return call


@pytest.fixture
def unlimited(store_url: str) -> None:
    put_limits(store_url, calls_per_caller_per_hour=None, calls_at_once=None, calls_per_hour=None)


def put_limits(store_url: str, **limits: int | None) -> None:
    async def work(store: Store) -> None:
        before = await store.read_limits()
        await store.write_limits(msgspec.structs.replace(before, **limits))

    with_store(store_url, work)


def test_an_edit_that_is_finished_before_the_phone_rings_answers_it(
    unlimited: None, twilio: Twilio, store_url: str
) -> None:
    heard = []
    for n in range(10):
        write_agent(store_url, an_agent(notice="Notice.", greeting=f"Edit {n}."))
        heard.append(answered(twilio, store_url, n).agent.greeting)
    assert heard == [f"Edit {n}." for n in range(10)]


@pytest.mark.parametrize("broken", [{"greeting": 7}, {"voice": "Nobody"}, {"instructions": None}])
def test_a_broken_edit_leaves_the_last_good_revision_and_the_record_says_why(
    twilio: Twilio, store_url: str, broken: dict[str, Json]
) -> None:
    write_agent(store_url, GOOD)
    assert answered(twilio, store_url, 1).agent_problem is None
    put(store_url, msgspec.to_builtins(GOOD) | broken)
    call = answered(twilio, store_url, 2)
    assert (call.agent, call.agent_revision) == (GOOD, GOOD.revision)
    assert call.agent_problem is not None
    assert next(iter(broken)) in call.agent_problem
    put(store_url, msgspec.to_builtins(GOOD) | {"greeting": "Corrected."})
    call = answered(twilio, store_url, 3)
    assert (call.agent.greeting, call.agent_problem) == ("Corrected.", None)


def test_a_broken_edit_leaves_what_another_process_has_seen(twilio: Twilio, store_url: str) -> None:
    async def edited_elsewhere(store: Store) -> None:
        await seeding.write_agent(store, "default", GOOD)
        await look_at_edit(store, "default", NOW)
        await seeding.write_agent(store, "default", {"greeting": 7})

    with_store(store_url, edited_elsewhere)
    assert answered(twilio, store_url, 1).agent == GOOD


def test_what_answered_is_kept_as_a_revision(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, GOOD)
    began = datetime.datetime.now(datetime.UTC)
    answered(twilio, store_url, 1)
    kept = with_store(store_url, lambda store: store.list_revisions("default"))
    assert [revision.agent for revision in kept] == [GOOD]
    assert kept[0].seen_at >= began


def test_the_packaged_agent_is_no_revision_of_anything(twilio: Twilio, store_url: str) -> None:
    assert answered(twilio, store_url, 1).agent_problem is None
    assert with_store(store_url, lambda store: store.list_revisions("default")) == ()


def test_a_draft_is_heard_by_its_testers_only(twilio: Twilio, store_url: str) -> None:
    draft = msgspec.structs.replace(GOOD, greeting="Soon.")
    write_agent(store_url, GOOD)
    put(store_url, msgspec.to_builtins(draft) | {"testers": [CALLER]}, draft=True)
    tester, other = (
        answered(twilio, store_url, 1),
        answered(twilio, store_url, 2, caller=OTHER_CALLER),
    )
    assert (tester.agent, tester.is_draft) == (draft, True)
    assert (other.agent, other.is_draft) == (GOOD, False)
    kept = with_store(store_url, lambda store: store.list_revisions("default"))
    assert [revision.agent for revision in kept] == [GOOD], "a draft isn't a revision yet"


def test_a_number_has_the_agent_that_was_assigned_to_it(twilio: Twilio, store_url: str) -> None:
    night: Agent = msgspec.structs.replace(GOOD, greeting="Good night.")

    async def assign(store: Store) -> None:
        await seeding.write_agent(store, "night desk", night)
        await store.write_number(CALLED, "night desk")

    with_store(store_url, assign)
    call = answered(twilio, store_url, 1)
    assert (call.agent_id, call.agent) == ("night desk", night)


def test_a_repeated_webhook_keeps_the_agent_that_the_call_began_with(
    twilio: Twilio, store_url: str
) -> None:
    write_agent(store_url, GOOD)
    twilio.post("/", a_form())
    put(store_url, msgspec.to_builtins(GOOD) | {"greeting": "Edited meanwhile."})
    twilio.post("/", a_form())
    call = stored_call(store_url, CALL_SID)
    assert call is not None
    assert call.agent == GOOD
