"""The script that sets up the database, also when Google refuses or fails."""

import importlib.util
import urllib.error
from collections.abc import Iterator
from types import ModuleType

import pytest

from ringdown.tools import Json
from tests.terraform.little_twilio import LittleTwilio
from tests.terraform.properties import plain
from tests.terraform.stand_in import ACCOUNT_SID, PHONE_NUMBER, PROJECT, ROOT

TOOL = "ringdown/tools/lookup_account"
URL = "https://ringdown-lookup-account-1.us-east4.run.app"


@pytest.fixture(scope="module")
def firestore() -> ModuleType:
    path = ROOT / "terraform" / "scripts" / "firestore.py"
    spec = importlib.util.spec_from_file_location("firestore_script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Setup:
    """The script's database on the stand-in, and the length of its pauses."""

    def __init__(self, firestore: ModuleType, services: LittleTwilio) -> None:
        self.google = services.google
        self.pauses: list[float] = []
        client = firestore.Google(PROJECT, "a-token", self.pauses.append)
        self.database = firestore.Database(client, services.url, "ringdown")


@pytest.fixture
def setup(firestore: ModuleType) -> Iterator[Setup]:
    with LittleTwilio(ACCOUNT_SID, "a-token-of-anybody", PHONE_NUMBER).serving() as services:
        yield Setup(firestore, services)


def test_a_document_is_written_with_its_types(setup: Setup) -> None:
    document: Json = {
        "name": "x",
        "timeout_s": 5,
        "share": 0.5,
        "on": True,
        "none": None,
        "list": [{"a": "b"}],
    }
    setup.database.seed("tools/lookup_account", document)

    assert setup.google.documents[TOOL]["on"] == {"booleanValue": True}
    assert setup.google.documents[TOOL]["timeout_s"] == {"integerValue": "5"}
    assert plain(setup.google.documents[TOOL]) == document


@pytest.mark.parametrize(
    ("written", "after"),
    [
        (URL, "https://ringdown-lookup-account-1.europe-west1.run.app"),
        ("https://tools.example/ours", "https://tools.example/ours"),
        ("https://ringdown-lookup-account-2.us-east4.run.app",) * 2,
    ],
)
def test_only_an_address_of_ours_follows_a_tool_that_moves(
    setup: Setup, written: str, after: str
) -> None:
    words = {"stringValue": "as the operators like it"}
    setup.google.documents[TOOL] = {"url": {"stringValue": written}, "description": words}
    moved = {"url": URL.replace("us-east4", "europe-west1"), "description": "as released"}

    setup.database.seed("tools/lookup_account", moved)

    assert setup.google.documents[TOOL] == {"url": {"stringValue": after}, "description": words}


def test_an_api_that_is_not_in_force_yet_is_waited_for(setup: Setup) -> None:
    setup.google.refused = [403, 503]

    setup.database.expire("calls", "expires_at")

    assert setup.google.expiring == {"ringdown/calls": "expires_at"}
    assert len(setup.pauses) == 2


def test_a_refusal_that_stays_is_told(setup: Setup) -> None:
    setup.google.refused = [403] * 10

    with pytest.raises(urllib.error.HTTPError, match="403"):
        setup.database.expire("calls", "expires_at")

    assert sum(setup.pauses) < 120


def test_a_request_that_is_wrong_is_not_repeated(setup: Setup) -> None:
    setup.google.refused = [400]

    with pytest.raises(urllib.error.HTTPError, match="400"):
        setup.database.expire("calls", "expires_at")

    assert setup.pauses == []


def test_every_agent_is_looked_at_and_nothing_of_it_is_changed(setup: Setup) -> None:
    words = {"greeting": {"stringValue": "Hello."}}
    ok = {"mapValue": {"fields": {"ok": {"booleanValue": True}}}}
    agents = [f"ringdown/agents/{name}" for name in ("default", "Empfang München", "night")]
    for path in agents:
        setup.google.documents[path] = dict(words)
    setup.google.documents[agents[2]] = {**words, "status": ok}
    setup.google.documents[TOOL] = dict(words)

    setup.database.look("agents")

    for path in agents:
        document = setup.google.documents[path]
        assert document["greeting"] == words["greeting"]
        assert "timestampValue" in document["status"]["mapValue"]["fields"]["checked_at"]
    assert setup.google.documents[agents[2]]["status"]["mapValue"]["fields"]["ok"]
    assert setup.google.documents[TOOL] == words


def test_without_agents_there_is_nothing_to_look_at(setup: Setup) -> None:
    setup.database.look("agents")

    assert setup.google.documents == {}
