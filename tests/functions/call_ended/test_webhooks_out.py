"""The function, loaded as the platform does, sends webhooks whatever happens to the outcome."""

import datetime
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import msgspec
import pytest

from ringdown.agents.after_call import AfterCall
from ringdown.calls import CallChanges, CallStatus, EndReason, NextAction, Speaker, Turn
from ringdown.calls.ended_calls import EVENT_BODY, event_headers
from ringdown.stores import Store
from ringdown.stores.paths import LOST_WEBHOOKS, WEBHOOK_DELIVERIES, WEBHOOKS
from ringdown.tools import Json
from ringdown.webhooks import EVENTS, EventName, Payload, Receiver, Receivers
from tests.functions.incoming_call.records import damage, with_store
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function
from tests.functions.text_model_stand_in import TextModelStandIn, answers, refuses, text_model
from tests.http_server import Requests, serving
from tests.ringdown.samples import CALL_SID, CALLED, CALLER, NOW, a_call, a_claim, an_agent
from tests.ringdown.webhooks.receivers import SECRET

ASKING = msgspec.structs.replace(an_agent(), after_call=AfterCall(success="All is well."))
FORM: Json = {
    "fields": {},
    "success": {"value": "yes", "turn": 1, "quote": "Thank you"},
    "summary": "All is well.",
    "topic": "thanks",
    "follow_up": None,
}
Load = Callable[[dict[str, str]], AbstractContextManager[LoadedFunction]]


@dataclass(slots=True)
class Hook:
    url: str = ""
    status: int = 204
    got: list[Payload] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [payload.type for payload in self.got]


@contextmanager
def a_hook() -> Iterator[Hook]:
    hook = Hook()

    class Posted(Requests):
        def do_POST(self) -> None:
            hook.got.append(msgspec.json.decode(self.body(), type=Payload))
            self.reply(hook.status)

    with serving(Posted) as hook.url:
        yield hook


@pytest.fixture
def hook(store_url: str) -> Iterator[Hook]:
    with a_hook() as hook:
        tell(store_url, hook, *EVENTS)
        yield hook


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'ringdown.db'}"


@pytest.fixture
def gemini() -> Iterator[TextModelStandIn]:
    with text_model(lambda record: answers(FORM)) as stand_in:
        yield stand_in


@pytest.fixture
def function(
    restored_logging: None, store_url: str, gemini: TextModelStandIn
) -> Iterator[LoadedFunction]:
    environ = {
        "STORE_URL": store_url,
        "GEMINI_API_KEY": "key-0123456789",
        "GEMINI_BASE_URL": gemini.url,
    }
    folder = FUNCTIONS / "call_ended"
    with loaded_function("call_ended", folder, environ, clock_speed=0.1) as function:
        yield function


def tell(store_url: str, hook: Hook, *events: EventName) -> None:
    receivers = Receivers(receivers=(Receiver(url=f"{hook.url}/", secret=SECRET, events=events),))
    with_store(store_url, lambda store: store.documents.write(WEBHOOKS, receivers))


def end_call(store_url: str, agent: Json = ASKING) -> None:
    async def work(store: Store) -> None:
        await store.open_call(a_call(agent=agent))
        await store.claim(CALL_SID, a_claim())
        said = Turn(n=1, speaker=Speaker.CALLER, text="Thank you.", start_ms=0, end_ms=900)
        end = CallChanges(
            status=CallStatus.ENDED,
            next=NextAction.HANG_UP,
            end_reason=EndReason.CALLER_HUNG_UP,
            turns=(said,),
            ended_at=NOW + datetime.timedelta(seconds=40),
        )
        await store.save(CALL_SID, 1, end)

    with_store(store_url, work)


def make_due(store_url: str) -> None:
    """Make every delivery due now, as if its pause were over."""

    async def work(store: Store) -> None:
        for path, document in (await store.documents.list(WEBHOOK_DELIVERIES)).items():
            await store.documents.write(path, {**document, "due_at": NOW})

    with_store(store_url, work)


async def kept_of_webhooks(store: Store) -> dict[str, Json]:
    lost = await store.documents.list(LOST_WEBHOOKS)
    return {**lost, **await store.documents.list(WEBHOOK_DELIVERIES)}


def sent(function: LoadedFunction) -> httpx2.Response:
    headers = event_headers(CALL_SID, datetime.datetime.now(datetime.UTC))
    return function.client.post("/", content=EVENT_BODY, headers=headers)


def test_the_end_is_told_and_then_the_outcome(
    function: LoadedFunction, store_url: str, hook: Hook
) -> None:
    end_call(store_url)
    assert sent(function).status_code == 200
    ended, outcome = hook.got
    assert (ended.type, ended.version, ended.data.outcome) == ("call.ended", 1, None)
    call = ended.data.call
    assert (call.call_sid, call.caller, call.called) == (CALL_SID, CALLER, CALLED)
    assert call.end_reason is EndReason.CALLER_HUNG_UP
    assert ended.timestamp == call.ended_at == NOW + datetime.timedelta(seconds=40)
    assert (outcome.type, outcome.data.call) == ("call.outcome", call)
    assert outcome.data.outcome is not None
    assert outcome.data.outcome.summary == "All is well."


def test_an_event_that_comes_again_is_told_once(
    function: LoadedFunction, store_url: str, hook: Hook
) -> None:
    end_call(store_url)
    assert [sent(function).status_code for _ in range(3)] == [200] * 3
    assert hook.events == ["call.ended", "call.outcome"]


def test_the_end_is_told_though_the_outcome_fails_and_the_outcome_once_it_is_known(
    function: LoadedFunction, store_url: str, hook: Hook, gemini: TextModelStandIn
) -> None:
    end_call(store_url)
    gemini.answer = lambda record: refuses()
    assert sent(function).status_code == 503
    assert hook.events == ["call.ended"]
    gemini.answer = lambda record: answers(FORM)
    assert sent(function).status_code == 200
    assert hook.events == ["call.ended", "call.outcome"]


def test_the_outcome_is_found_out_though_the_receiver_is_down(
    function: LoadedFunction, store_url: str, hook: Hook, gemini: TextModelStandIn
) -> None:
    hook.status = 500
    end_call(store_url)
    for tries in range(1, 6):
        assert sent(function).status_code == (503 if tries < 5 else 200)
        assert hook.events == ["call.ended", "call.outcome"] * tries
        make_due(store_url)
    assert len(gemini.asked) == 1
    lost = with_store(store_url, lambda store: store.documents.list(LOST_WEBHOOKS))
    assert {each["event"] for each in lost.values()} == {"call.ended", "call.outcome"}
    assert "webhook abandoned" in function.messages()


def test_a_call_of_an_agent_that_asks_nothing_is_told_of(
    function: LoadedFunction, store_url: str, hook: Hook
) -> None:
    end_call(store_url, agent=an_agent())
    assert sent(function).status_code == 200
    assert hook.events == ["call.ended"]


def test_nobody_is_told_what_they_do_not_want(
    function: LoadedFunction, store_url: str, hook: Hook
) -> None:
    tell(store_url, hook, "call.outcome")
    end_call(store_url)
    assert sent(function).status_code == 200
    assert hook.events == ["call.outcome"]


def test_a_forgotten_call_is_told_to_nobody(
    function: LoadedFunction, store_url: str, hook: Hook
) -> None:
    hook.status = 500
    end_call(store_url)
    assert sent(function).status_code == 503
    told = len(hook.got)
    with_store(store_url, lambda store: store.forget_caller(CALLER))
    assert sent(function).status_code == 200
    assert len(hook.got) == told
    assert with_store(store_url, kept_of_webhooks) == {}


def test_settings_that_cannot_be_read_do_not_keep_the_outcome(
    function: LoadedFunction, store_url: str, gemini: TextModelStandIn
) -> None:
    end_call(store_url)
    damage(store_url, WEBHOOKS, '{"receivers": 7}')
    assert sent(function).status_code == 200
    assert "webhooks could not be sent" in function.messages()
    assert len(gemini.asked) == 1


def test_logs_have_no_words_numbers_or_secrets(
    function: LoadedFunction, store_url: str, hook: Hook
) -> None:
    hook.status = 500
    end_call(store_url)
    sent(function)
    logged = json.dumps(function.log())
    for private in (CALLER, "Thank you", "All is well", SECRET, hook.url):
        assert private not in logged
