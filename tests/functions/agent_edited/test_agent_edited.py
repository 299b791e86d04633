"""The function as the platform loads it, sent events as Eventarc sends them."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.functions.incoming_call.records import damage
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function

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
    assert function.messages() == ["event is about no agent"]


def test_an_edit_that_was_checked_is_logged(function: LoadedFunction) -> None:
    assert sent(function, "agents/default").status_code == 200
    (line,) = function.log()
    assert (line["message"], line["app"]) == ("edit looked at", "agent_edited")
    assert line["agent"] == "default"


@pytest.mark.parametrize("body", ["{not json", '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_a_document_that_cannot_be_read_is_logged_and_its_event_not_sent_again(
    function: LoadedFunction, tmp_path: Path, body: str
) -> None:
    sent(function, "agents/default")  # creates the table
    damage(f"sqlite:{tmp_path / 'ringdown.db'}", "agents/default", body)
    assert sent(function, "agents/default").status_code == 200
    assert function.messages()[-1] == "edit could not be looked at"


def test_what_is_no_event_is_refused(function: LoadedFunction) -> None:
    assert function.client.post("/", content=b"{}").status_code == 400


def test_without_a_store_the_process_says_what_to_set(restored_logging: None) -> None:
    with (
        pytest.raises(SystemExit, match=r"STORE_URL is not set\. Set it to where records are kept"),
        loaded_function("agent_edited", FOLDER, {}),
    ):
        pytest.fail("it was loaded")
