"""Unlike the emulator, Firestore refuses queries that have no index."""

import itertools
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from importlib import resources
from pathlib import Path

import pytest
from google.cloud.firestore_v1.types import StructuredQuery

from ringdown.agents.edits import look_at_edit
from ringdown.calls import RETENTION, CallChanges, CallQuery, EndReason
from ringdown.calls.callers import Memory
from ringdown.calls.figures import Period
from ringdown.calls.limits import LineLimits
from ringdown.stores import open_store
from ringdown.tools import Json
from ringdown.webhooks.lost import lost_problems, lost_since
from tests.emulator import VARIABLE
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, NOW, a_call, a_claim, a_turn, an_agent
from tests.ringdown.seeding import write_agent
from tests.ringdown.stores.recording_proxy import Asked, RecordingProxy, recording_proxy

Index = tuple[tuple[str, str], ...]
"""Field paths, each with its order."""

_RULES = Path(__file__).parents[3] / "terraform" / "firestore.rules"
_Filter = StructuredQuery.FieldFilter.Operator


def packaged() -> dict[str, Json]:
    text = (resources.files("ringdown") / "packaged" / "firestore.json").read_text("utf-8")
    described: dict[str, Json] = json.loads(text)
    return described


def listed_indexes() -> set[Index]:
    return {
        tuple((field["field_path"], field["order"]) for field in index["fields"])
        for index in packaged()["indexes"]
        if index["collection_group"] == "calls"
    }


@pytest.fixture
async def proxy(
    firestore_project: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RecordingProxy]:
    async with recording_proxy(os.environ[VARIABLE]) as proxy:
        monkeypatch.setenv(VARIABLE, proxy.host)
        yield proxy


async def test_every_query_has_its_index(proxy: RecordingProxy, firestore_project: str) -> None:
    await ask_everything(f"firestore:{firestore_project}")
    needed = {index for asked in proxy.queries for index in indexes_for(asked)}
    assert len(proxy.queries) > 20, "the proxy didn't see the queries"
    assert needed == listed_indexes(), "packaged/firestore.json must list what is needed"


async def ask_everything(store_url: str) -> None:
    """Call each method of the store that makes queries, with all combinations of arguments."""
    async with open_store(store_url) as store:
        await write_agent(store, "default", an_agent())
        await look_at_edit(store, "default", NOW)
        await store.list_agents()
        await store.list_numbers()
        await store.declared_tools()
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1),)))
        await store.read_record(CALL_SID)
        for since, until, number, agent_id in itertools.product(
            (None, NOW), (None, NOW), (None, CALLED), (None, "default")
        ):
            await store.list_calls(
                CallQuery(since=since, until=until, number=number, agent_id=agent_id)
            )
        for query in (
            CallQuery(live=True),
            CallQuery(end_reasons=(EndReason.MODEL_LOST, EndReason.STREAM_LOST), since=NOW),
            CallQuery(outcomes=("no", "problem"), since=NOW),
        ):
            await store.list_calls(query)
        period = Period(since=NOW - RETENTION, until=NOW + RETENTION)
        await store.list_counted(period, 10)
        await store.read_days(period)
        await store.erase_days(NOW)
        await lost_since(store.documents, NOW)
        await lost_problems(store.documents, CALL_SID)
        await store.find_sids("CA0", 3)
        await store.write_limits(LineLimits())
        await store.line_use(CALLER, NOW)
        memory = Memory(text="Asked.", call_sid=CALL_SID, at=NOW)
        await store.remember_caller(CALLER, memory, NOW + RETENTION)
        await store.block_caller(CALLER, True)
        await store.blocked_callers()
        await store.forget_caller(CALLER)


def indexes_for(asked: Asked) -> Iterator[Index]:
    """The composite indexes that a query needs in addition to the automatic single-field ones.

    For several equalities, Firestore merges indexes with the same ending, and each alternative of
    an OR is a separate query
    (https://firebase.google.com/docs/firestore/query-data/index-overview).
    """
    equal = set(fields_compared(asked.query.where, is_equality=True))
    ranged = set(fields_compared(asked.query.where, is_equality=False))
    ordered = [(order.field.field_path, order.direction.name) for order in asked.query.order_by]
    in_range = [(field, "ASCENDING") for field in sorted(ranged - {field for field, _ in ordered})]
    rest = (*ordered, *in_range, *((field, "ASCENDING") for field in asked.sums))
    if equal and rest:
        yield from (((field, "ASCENDING"), *rest) for field in equal)
    elif len(rest) > 1:
        yield rest


def fields_compared(where: StructuredQuery.Filter, *, is_equality: bool) -> Iterator[str]:
    if "composite_filter" in where:
        for part in where.composite_filter.filters:
            yield from fields_compared(part, is_equality=is_equality)
    elif "field_filter" in where:
        equalities = (_Filter.EQUAL, _Filter.IN)
        if (where.field_filter.op in equalities) is is_equality:
            yield where.field_filter.field.field_path


def test_whatever_expires_has_a_time_to_live() -> None:
    assert packaged()["ttl"] == {
        "field": "expires_at",
        "collection_groups": [
            "attempts",
            "callbacks",
            "callers",
            "calls",
            "claims",
            "ended_calls",
            "flights",
            "lost_webhooks",
            "outcome",
            "pin_tries",
            "rehearsal_runs",
            "rehearsed_calls",
            "sent_texts",
            "tool_answers",
            "tool_calls",
            "turns",
            "uploads",
            "webhook_deliveries",
        ],
    }


def test_no_client_is_let_in() -> None:
    rules = re.sub(r"\s+", " ", re.sub(r"//.*", "", _RULES.read_text("utf-8")))
    assert re.findall(r"match (\S+) {", rules) == [
        "/databases/{database}/documents",
        "/{document=**}",
    ]
    assert re.findall(r"allow [^;]*;", rules) == ["allow read, write: if false;"]
    assert rules.startswith("rules_version = '2';")
