import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from google.cloud.firestore_v1.async_client import AsyncClient
from google.cloud.firestore_v1.async_document import AsyncDocumentReference

from ringdown.calls import CallChanges, NextAction, TwilioStatus, Usage
from ringdown.calls.flights import FlightPart
from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.stores import Store, open_store
from ringdown.tools import Json
from simulators.hop import Hop, hop_before
from tests.emulator import VARIABLE, a_project, running_emulator
from tests.ringdown.samples import (
    CALL_SID,
    CALLED,
    NOW,
    a_call,
    a_claim,
    a_tool,
    a_tool_call,
    a_turn,
    an_agent,
)
from tests.ringdown.seeding import write_agent
from tests.ringdown.stores.contract import Put, StoreContract

COMPLETED = TwilioStatus(status="completed", duration_s=61, final=True)


@pytest.fixture
def raw(firestore_project: str) -> AsyncClient:
    """A plain Firestore client, which sees the documents as the console does."""
    return AsyncClient(project=firestore_project)


class TestFirestoreStore(StoreContract):
    @pytest.fixture
    def store_url(self, firestore_project: str) -> str:
        return f"firestore:{firestore_project}"

    @pytest.fixture
    def put(self, raw: AsyncClient) -> Put:
        async def put(path: str, document: Json) -> None:
            await raw.document(path).set(document)

        return put

    async def test_documents_are_native(self, store: Store, raw: AsyncClient) -> None:
        await write_agent(store, "default", an_agent(tools=("lookup_account",)))
        await store.open_call(a_call())
        agent = await fields(raw, "agents/default")
        call = await fields(raw, f"calls/{CALL_SID}")
        assert agent["turn_taking"] == {"patience": "normal", "start_sensitivity": "high"}
        assert (agent["tools"], agent["fallback_number"]) == (["lookup_account"], None)
        assert (call["created_at"], call["status"]) == (NOW, "ringing")
        assert call["agent"] == agent | {"tools": []}

    async def test_each_document_of_a_call_expires_with_it(
        self, store: Store, other_store: Store, raw: AsyncClient
    ) -> None:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        await store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1),), usage=Usage(total=1)))
        by_another = CallChanges(turns=(a_turn(2),), tool_calls=(a_tool_call("call-1"),))
        await other_store.save(CALL_SID, 1, by_another)
        await store.keep_flight(CALL_SID, (FlightPart(attempt=1, part=1, of=1, body=b"f"),))
        documents = [d async for d in tree(raw.document(f"calls/{CALL_SID}"))]
        expiries = {path: document["expires_at"] for path, document in documents}
        assert expiries == dict.fromkeys(
            [
                f"calls/{CALL_SID}",
                f"calls/{CALL_SID}/attempts/000001",
                f"calls/{CALL_SID}/claims/000001",
                f"calls/{CALL_SID}/flights/000001-001",
                f"calls/{CALL_SID}/tool_calls/call-1",
                f"calls/{CALL_SID}/turns/000001",
                f"calls/{CALL_SID}/turns/000002",
            ],
            a_call().expires_at,
        )

    async def test_a_save_leaves_the_fields_of_others_alone(
        self, store: Store, raw: AsyncClient
    ) -> None:
        await store.open_call(a_call())
        await raw.document(f"calls/{CALL_SID}").update({"note": "ours", "twilio_status": "busy"})
        await store.claim(CALL_SID, a_claim())
        await store.save(CALL_SID, 1, CallChanges(next=NextAction.HANG_UP))
        call = await fields(raw, f"calls/{CALL_SID}")
        assert (call["note"], call["twilio_status"], call["next"]) == ("ours", "busy", "hang_up")

    async def test_a_call_that_was_deleted_can_be_opened_claimed_and_saved_anew(
        self, store: Store, raw: AsyncClient
    ) -> None:
        await store.open_call(a_call())
        claimed = await store.claim(CALL_SID, a_claim())
        await raw.document(f"calls/{CALL_SID}").delete()  # documents below it stay
        assert await store.open_call(a_call()) == a_call()
        assert await store.claim(CALL_SID, a_claim()) == claimed == await store.read_call(CALL_SID)
        await store.save(CALL_SID, 1, CallChanges(next=NextAction.HANG_UP))

    async def test_a_call_that_does_not_fit_is_refused_by_name(self, store: Store) -> None:
        parameters = {"type": "object", "description": "x" * 1_100_000}
        tool = msgspec.structs.replace(a_tool(), parameters=parameters)
        call = msgspec.structs.replace(a_call(), tools=(tool,))
        with pytest.raises(InvalidDocument, match=f"calls/{CALL_SID}: Firestore refuses it"):
            await store.open_call(call)

    async def test_another_database_has_other_records(
        self, store: Store, firestore_project: str
    ) -> None:
        await store.open_call(a_call())
        async with open_store(f"firestore:{firestore_project}/other") as other:
            assert await other.read_call(CALL_SID) is None
        async with open_store(f"firestore:{firestore_project}/(default)") as same:
            assert await same.read_call(CALL_SID) == a_call()


# Concurrent processes

_CLAIMER = """
import asyncio, json, sys
from ringdown.stores import open_store
from tests.ringdown.samples import CALL_SID, a_claim

async def main(url, handler, calls):
    async with open_store(url) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        won = []
        for n in range(calls):
            claims = [a_claim(handler=f"{handler}-{k}") for k in range(2)]
            call_sid = f"{CALL_SID[:-6]}{n:06}"
            got = await asyncio.gather(*(store.claim(call_sid, claim) for claim in claims))
            won.extend(n for call in got if call is not None)
        print(json.dumps(won))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.mark.parametrize("calls", [50])
async def test_of_the_claims_of_two_processes_one_wins_each_call(
    firestore_project: str, calls: int
) -> None:
    url = f"firestore:{firestore_project}"
    async with open_store(url) as store:
        for n in range(calls):
            await store.open_call(a_call(call_sid=f"{CALL_SID[:-6]}{n:06}"))
        won = await asyncio.to_thread(race, url, calls)
        records = [await store.read_record(f"{CALL_SID[:-6]}{n:06}") for n in range(calls)]
    assert sorted(n for each in won for n in each) == list(range(calls)), won
    assert all(record is not None and len(record.claims) == 1 for record in records)


def race(url: str, calls: int) -> list[list[int]]:
    """Let two processes claim the same calls at the same time; return what each of them won."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _CLAIMER, url, handler, str(calls)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path), VARIABLE: os.environ[VARIABLE]},
        )
        for handler in ("first", "second")
    ]
    pipes = [(p.stdin, p.stdout) for p in processes if p.stdin and p.stdout]
    for _, answers in pipes:
        assert answers.readline() == "ready\n"
    for orders, _ in pipes:
        orders.write("go\n")
        orders.flush()
    return [json.loads(process.communicate(timeout=600)[0]) for process in processes]


# Outages and delays


@pytest.mark.real_time
async def test_an_emulator_that_dies_is_unavailable_until_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_emulator(tmp_path) as emulator:
        monkeypatch.setenv(VARIABLE, emulator.host)
        async with open_store(f"firestore:{a_project()}") as store:
            await store.open_call(a_call())
            emulator.kill()
            with pytest.raises(StoreUnavailable, match=r"firestore:test-.*failed to connect"):
                await store.claim(CALL_SID, a_claim())
            await asyncio.to_thread(emulator.start)
            assert await store.open_call(a_call()) == a_call(), (
                "it must work again, without its data"
            )
            assert await store.claim(CALL_SID, a_claim()) is not None


@pytest.fixture
async def proxy(firestore_project: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hop]:
    async with hop_before(os.environ[VARIABLE]) as proxy:
        monkeypatch.setenv(VARIABLE, proxy.host)
        yield proxy


@pytest.mark.real_time
async def test_a_slow_firestore_is_waited_for_within_the_deadline_or_less(
    proxy: Hop, firestore_project: str
) -> None:
    async with open_store(f"firestore:{firestore_project}") as store:
        await store.open_call(a_call())
        proxy.delay_s = 2.0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await store.read_line(CALLED)
        claim = asyncio.create_task(store.claim(CALL_SID, a_claim()))
        with pytest.raises(StoreUnavailable, match="no answer in 5 s"):
            await store.read_record(CALL_SID)  # makes four requests in sequence
        assert await claim is not None


@pytest.mark.real_time
async def test_a_silent_firestore_is_unavailable_within_its_deadline(
    proxy: Hop, firestore_project: str
) -> None:
    async with open_store(f"firestore:{firestore_project}") as store:
        await store.open_call(a_call())
        await store.claim(CALL_SID, a_claim())
        proxy.delay_s = 7.0
        asked = await asyncio.gather(
            store.read_line(CALLED),
            store.read_record(CALL_SID),
            store.note_twilio_status(CALL_SID, COMPLETED, NOW),
            store.save(CALL_SID, 1, CallChanges(turns=(a_turn(1),))),
            return_exceptions=True,
        )
        assert [type(answer) for answer in asked] == [StoreUnavailable] * 4, asked


async def test_a_firestore_that_is_not_there_does_not_keep_a_process_from_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "127.0.0.1:1")
    async with open_store("firestore:nobody"):
        pass


# Starting

_OPENER = """
import asyncio, sys
from ringdown.errors import ConfigurationError
from ringdown.stores import open_store

async def main(url):
    try:
        async with open_store(url) as store:
            await store.read_call("CA")
    except ConfigurationError as error:
        print(error)
    print("google.cloud.firestore_v1" in sys.modules)

asyncio.run(main(sys.argv[1]))
"""


def opened(url: str, **environ: str) -> str:
    """Open `url` in a new process, and return its output."""
    return subprocess.run(
        [sys.executable, "-c", _OPENER, url],
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
        env={"PYTHONPATH": ":".join(sys.path), **environ},
    ).stdout


def test_without_credentials_it_says_what_to_do() -> None:
    said = opened("firestore:somebody", GOOGLE_APPLICATION_CREDENTIALS="/nowhere.json")
    assert "gcloud auth application-default login" in said
    assert VARIABLE in said


def test_the_embedded_store_does_not_wait_for_googles_client(tmp_path: "os.PathLike[str]") -> None:
    assert opened(f"sqlite:{tmp_path}/ringdown.db").endswith("False\n")


async def fields(raw: AsyncClient, path: str) -> dict[str, Json]:
    document: dict[str, Json] | None = (await raw.document(path).get()).to_dict()
    assert document is not None, f"{path} does not exist"
    return document


async def tree(
    document: AsyncDocumentReference,
) -> AsyncIterator[tuple[str, dict[str, Json]]]:
    """Yield the paths and contents of a document and of everything below it."""
    snapshot = await document.get()
    yield document.path, snapshot.to_dict() or {}
    async for collection in document.collections():
        async for below in collection.list_documents():
            async for found in tree(below):
                yield found
