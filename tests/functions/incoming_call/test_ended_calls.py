"""The end of a call is announced to Pub/Sub, or to the store's queue."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ringdown.calls.ended_calls import QUEUE, QueuedCall
from ringdown.documents import to_record
from ringdown.stores import Store
from ringdown.tools import Json
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import store_locked, stream_began, with_store
from tests.functions.incoming_call.stand_ins import Twilio, a_form
from tests.functions.loading import LoadedFunction
from tests.google_tokens import TokenServer, token_server
from tests.http_server import Requests, serving
from tests.ringdown.samples import CALL_SID, CALLER, a_call

TOPIC = "/v1/projects/my-project/topics/ringdown-call-ended"


def twilio_says(twilio: Twilio, status: str = "completed") -> None:
    response = twilio.post("/status", a_form(CallStatus=status, CallDuration="61"))
    assert (response.status_code, response.content) == (204, b"")


# The queue


def queued(store_url: str) -> list[QueuedCall]:
    async def work(store: Store) -> list[QueuedCall]:
        documents = await store.documents.list(QUEUE)
        return [to_record(QueuedCall, fields, where=path) for path, fields in documents.items()]

    return with_store(store_url, work)


def test_without_pubsub_an_ended_call_waits_in_the_store_once(
    twilio: Twilio, store_url: str
) -> None:
    stream_began(store_url, a_call())
    for _ in range(2):
        twilio_says(twilio)
    [call] = queued(store_url)
    assert (call.call_sid, call.caller, call.tries) == (CALL_SID, CALLER, 0)
    assert call.due_at == call.ended_at < call.expires_at


@pytest.mark.parametrize("status", ["ringing", "in-progress", "queued"])
def test_a_call_that_is_not_over_is_not_announced(
    twilio: Twilio, store_url: str, status: str
) -> None:
    stream_began(store_url, a_call())
    twilio_says(twilio, status)
    assert queued(store_url) == []


def test_the_end_of_a_stream_is_not_the_end_of_its_call(twilio: Twilio, store_url: str) -> None:
    stream_began(store_url, a_call())
    twilio.post("/status", a_form(StreamEvent="stream-stopped", StreamSid="MZ1"))
    assert queued(store_url) == []


def test_a_store_that_takes_nothing_is_no_error_to_twilio(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    stream_began(store_url, a_call())
    with store_locked(store_url):
        twilio_says(twilio)
    assert "end of call could not be announced" in webhook.messages()


# Pub/Sub


@dataclass(slots=True)
class PubSub:
    """The REST endpoint of a topic."""

    url: str = ""
    refusals: int = 0
    """How many requests are refused first."""
    published: list[tuple[str, str, Json]] = field(default_factory=list)
    """Path, authorization and message of each request that wasn't refused."""
    _turn: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture
def pubsub() -> Iterator[PubSub]:
    stand_in = PubSub()

    class Asked(Requests):
        def do_POST(self) -> None:
            body = json.loads(self.body())
            if stand_in.refusals:
                stand_in.refusals -= 1
                self.reply(503)
                return
            [message] = body["messages"]
            stand_in.published.append((self.path, self.headers["Authorization"], message))
            self.reply(200, b'{"messageIds": ["1"]}')

    with serving(Asked) as stand_in.url:
        yield stand_in


@pytest.fixture
def google_tokens() -> Iterator[TokenServer]:
    with token_server() as server:
        yield server


@pytest.fixture
def in_cloud(
    environ: Environ, pubsub: PubSub, google_tokens: TokenServer, tmp_path: Path
) -> Environ:
    return environ | {
        "CALL_ENDED_TOPIC": pubsub.url + TOPIC,
        "GOOGLE_APPLICATION_CREDENTIALS": str(google_tokens.key_file(tmp_path)),
    }


def test_an_ended_call_is_published_as_a_cloud_event_without_a_word_of_it(
    in_cloud: Environ, load: Load, store_url: str, pubsub: PubSub, google_tokens: TokenServer
) -> None:
    stream_began(store_url, a_call())
    with load(in_cloud) as webhook:
        twilio_says(Twilio(webhook.client))
    [(path, authorization, message)] = pubsub.published
    assert (path, authorization) == (f"{TOPIC}:publish", f"Bearer {google_tokens.token}")
    assert base64.b64decode(message["data"]) == b"{}"
    attributes = message["attributes"]
    assert attributes.pop("ce-time")
    assert attributes == {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-type": "ringdown.call.ended.v1",
        "ce-source": "//ringdown/incoming_call",
        "ce-id": f"{CALL_SID}-ended",
        "ce-subject": f"calls/{CALL_SID}",
    }
    assert CALLER not in json.dumps(message)
    assert queued(store_url) == []


@pytest.mark.parametrize(("refusals", "published"), [(2, 1), (3, 0)])
def test_a_topic_that_refuses_is_asked_three_times(
    in_cloud: Environ,
    load: Load,
    store_url: str,
    pubsub: PubSub,
    refusals: int,
    published: int,
) -> None:
    pubsub.refusals = refusals
    stream_began(store_url, a_call())
    with load(in_cloud) as webhook:
        twilio_says(Twilio(webhook.client))
        failed = "end of call could not be announced" in webhook.messages()
    assert (len(pubsub.published), failed) == (published, not published)


def test_without_credentials_the_call_is_not_announced_and_the_log_says_so(
    in_cloud: Environ, load: Load, store_url: str, google_tokens: TokenServer
) -> None:
    google_tokens.refuses = True
    stream_began(store_url, a_call())
    with load(in_cloud) as webhook:
        twilio_says(Twilio(webhook.client))
        assert "end of call could not be announced" in webhook.messages()
        assert CALLER not in json.dumps(webhook.log())
