"""The function as the platform loads it, receiving events the way Eventarc sends them."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from ringdown.agents import Agent
from ringdown.agents.clips import clip_key, clip_texts
from ringdown.stores import open_store
from ringdown.tools import Json
from simulators.gemini_live.faults import Fault, RefuseSetup
from simulators.gemini_live.scenario import Pace, Scenario
from simulators.gemini_live.server import GeminiLiveServer
from tests.functions.incoming_call.records import damage
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function
from tests.ringdown.seeding import write_agent

FOLDER = FUNCTIONS / "agent_edited"
DATABASE = "//firestore.googleapis.com/projects/ringdown/databases/(default)"
# The beginning of a DocumentEventData message: bytes that are neither text nor JSON.
PROTOBUF = b"\n\xd7\x01\nLprojects/ringdown\x12\x16\n\x08greeting\x12\n\x8a\x01\x07Hello.\xff"


@pytest.fixture
def function(restored_logging: None, tmp_path: Path) -> Iterator[LoadedFunction]:
    environ = {"STORE_URL": f"sqlite:{tmp_path / 'ringdown.db'}"}
    with loaded_function("agent_edited", FOLDER, environ) as function:
        yield function


def sent(function: LoadedFunction, document: str) -> httpx2.Response:
    headers = {
        "ce-id": "5f3c9a1e-0000-4000-8000-000000000000",
        "ce-source": DATABASE,
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-time": "2026-11-02T09:30:00.123456Z",
        "ce-dataschema": "https://github.com/googleapis/google-cloudevents/data.proto",
        "ce-subject": f"documents/{document}",
        "ce-document": document,
        "ce-project": "ringdown",
        "ce-database": "(default)",
        "ce-namespace": "(default)",
        "ce-location": "us-central1",
        "content-type": "application/protobuf",
    }
    return function.client.post("/", content=PROTOBUF, headers=headers)


@pytest.mark.parametrize("document", ["calls/CA0", "agents/default/revisions/0123", "agents"])
def test_an_event_about_something_else_is_received_and_left(
    function: LoadedFunction, document: str
) -> None:
    assert sent(function, document).status_code == 200
    assert function.messages() == ["event isn't about an agent"]


def test_an_edit_that_was_checked_is_logged(function: LoadedFunction) -> None:
    assert sent(function, "agents/default").status_code == 200
    (line,) = function.log()
    assert (line["message"], line["app"]) == ("edit checked", "agent_edited")
    assert line["agent"] == "default"


@pytest.mark.parametrize("body", ["{not json", '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_a_document_that_cannot_be_read_is_logged_and_its_event_not_sent_again(
    function: LoadedFunction, tmp_path: Path, body: str
) -> None:
    sent(function, "agents/default")  # creates the database's table
    damage(f"sqlite:{tmp_path / 'ringdown.db'}", "agents/default", body)
    assert sent(function, "agents/default").status_code == 200
    assert function.messages()[-1] == "edit could not be processed"


def test_what_is_no_event_is_refused(function: LoadedFunction) -> None:
    assert function.client.post("/", content=b"{}").status_code == 400


def test_without_a_store_the_process_says_what_to_set(restored_logging: None) -> None:
    with (
        pytest.raises(SystemExit, match=r"STORE_URL is not set\. Set it to where records are kept"),
        loaded_function("agent_edited", FOLDER, {}),
    ):
        pytest.fail("it was loaded")


# Clips


@pytest.fixture
def stand_in() -> Iterator[GeminiLiveServer]:
    """A model stand-in on its own event loop, because the function runs on another."""
    loop = asyncio.new_event_loop()
    server = GeminiLiveServer(Scenario(pace=Pace(thinking_ms=0, speed=100)))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(30)
        yield server
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def with_model(
    restored_logging: None, tmp_path: Path, stand_in: GeminiLiveServer
) -> Iterator[LoadedFunction]:
    environ = {
        "STORE_URL": f"sqlite:{tmp_path / 'ringdown.db'}",
        "GEMINI_API_KEY": "stand-in-key",
        "GEMINI_BASE_URL": stand_in.base_url,
        "SSL_CERT_FILE": str(stand_in.ca_file),
    }
    with loaded_function("agent_edited", FOLDER, environ) as function:
        yield function


GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Good day."}


async def edited(folder: Path, document: dict[str, Json]) -> None:
    async with open_store(f"sqlite:{folder / 'ringdown.db'}") as store:
        await write_agent(store, "default", document)


async def kept(folder: Path) -> tuple[frozenset[str], str | None]:
    """Return the keys of the stored clips, and the notes that operators see."""
    async with open_store(f"sqlite:{folder / 'ringdown.db'}") as store:
        stored = await store.read_agent("default")
        assert stored is not None
        assert stored.status is not None
        return await store.list_clips("default"), stored.status.notes


def test_an_edit_leads_to_clips_and_a_second_event_to_nothing(
    with_model: LoadedFunction, stand_in: GeminiLiveServer, tmp_path: Path
) -> None:
    asyncio.run(edited(tmp_path, GOOD))

    assert sent(with_model, "agents/default").status_code == 200
    assert sent(with_model, "agents/default").status_code == 200

    agent = Agent(**GOOD)
    expected = {clip_key(agent, text) for text in clip_texts(agent)}
    assert asyncio.run(kept(tmp_path)) == (frozenset(expected), None)
    assert len(stand_in.sessions) == len(expected)
    assert with_model.messages() == ["edit checked", "clips made", "edit checked"]


def test_a_model_that_refuses_is_told_in_the_status_and_words_in_no_log(
    with_model: LoadedFunction, stand_in: GeminiLiveServer, tmp_path: Path
) -> None:
    stand_in.faults = [Fault(RefuseSetup("wrong_key"))]
    asyncio.run(edited(tmp_path, GOOD))

    assert sent(with_model, "agents/default").status_code == 200

    clips, notes = asyncio.run(kept(tmp_path))
    assert clips == frozenset()
    assert notes is not None
    assert "API key not valid" in notes
    assert "Good day" not in json.dumps(with_model.log())


def test_without_a_key_no_clips_are_made(function: LoadedFunction, tmp_path: Path) -> None:
    asyncio.run(edited(tmp_path, GOOD))

    assert sent(function, "agents/default").status_code == 200

    assert asyncio.run(kept(tmp_path)) == (frozenset(), None)


def test_a_choice_of_gemini_that_is_half_made_is_told(
    restored_logging: None, tmp_path: Path
) -> None:
    environ = {"STORE_URL": f"sqlite:{tmp_path / 'ringdown.db'}", "GEMINI_BACKEND": "vertex"}
    with (
        pytest.raises(SystemExit, match="GOOGLE_CLOUD_PROJECT is not set"),
        loaded_function("agent_edited", FOLDER, environ),
    ):
        pytest.fail("it was loaded")
