"""What an agent that remembers callers knows when they call again."""

import datetime
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringdown.calls import (
    RETENTION,
    Call,
    CallChanges,
    CallStatus,
    EndReason,
    NextAction,
    Speaker,
    Turn,
)
from ringdown.calls.callers import Caller, Memory
from ringdown.stores import Store
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import (
    damage,
    store_locked,
    stored_call,
    with_store,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import Twilio, a_form
from tests.functions.loading import LoadedFunction
from tests.google_tokens import TokenServer, token_server
from tests.http_server import Requests, serving
from tests.ringdown.samples import CALL_SID, CALLER, a_call, a_claim, an_agent
from voice_webhook.caller_memory import last_turns

REMEMBERING = msgspec.structs.replace(an_agent(notice="Notice."), remember_callers=True)
SUMMARY = "The caller asked for Thursday's delivery and was content."
DEADLINE_S = 10.0


@dataclass(slots=True)
class Gemini:
    """An endpoint that answers `generateContent` as each test requires."""

    url: str = ""
    status: int = 200
    answer: Any = None
    silent: bool = False
    meanwhile: Callable[[], None] = lambda: None
    """Runs before it answers."""
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    leave: threading.Event = field(default_factory=threading.Event)


def says(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0}]}


@pytest.fixture
def gemini() -> Iterator[Gemini]:
    stand_in = Gemini(answer=says({"text": "Let me think.", "thought": True}, {"text": SUMMARY}))

    class Asked(Requests):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            stand_in.asked.append((self.path, headers, json.loads(self.body())))
            if stand_in.silent:
                stand_in.leave.wait(DEADLINE_S)
            stand_in.meanwhile()
            given = stand_in.answer
            answer = given if isinstance(given, bytes) else json.dumps(given).encode()
            self.reply(stand_in.status, answer)

    with serving(Asked) as stand_in.url:
        try:
            yield stand_in
        finally:
            stand_in.leave.set()


@pytest.fixture
def environ(environ: Environ, gemini: Gemini) -> Environ:
    return environ | {"GEMINI_API_KEY": "key-0123456789", "GEMINI_BASE_URL": gemini.url}


def turn(n: int, speaker: Speaker, text: str) -> Turn:
    return Turn(n=n, speaker=speaker, text=text, start_ms=n * 1_000, end_ms=n * 1_000 + 500)


TURNS = (
    turn(1, Speaker.AGENT, "Hello."),
    turn(2, Speaker.CALLER, "When is my delivery?"),
    turn(3, Speaker.AGENT, "On Thursday."),
)


def a_call_is_over(
    store_url: str,
    call: Call | None = None,
    *,
    turns: tuple[Turn, ...] = TURNS,
    decided: bool = True,
) -> None:
    """Record a call that a stream handler carried; its end is written only if `decided`."""

    async def work(store: Store) -> None:
        await store.open_call(call or a_call(agent=REMEMBERING))
        await store.claim(CALL_SID, a_claim())
        end = CallChanges(
            status=CallStatus.ENDED,
            end_reason=EndReason.CALLER_HUNG_UP,
            next=NextAction.HANG_UP,
        )
        await store.save(
            CALL_SID, 1, (end if decided else CallChanges()) | CallChanges(turns=turns)
        )

    with_store(store_url, work)


def twilio_says(twilio: Twilio, status: str = "completed") -> None:
    response = twilio.post("/status", a_form(CallStatus=status, CallDuration="61"))
    assert (response.status_code, response.content) == (204, b"")


def known_caller(store_url: str, number: str = CALLER) -> Caller:
    return with_store(store_url, lambda store: store.read_caller(number))


def remembered(store_url: str) -> str | None:
    memory = known_caller(store_url).memory
    return None if memory is None else memory.text


# Remembering


def test_a_call_is_remembered_as_gemini_sums_it_up(
    twilio: Twilio, store_url: str, gemini: Gemini
) -> None:
    a_call_is_over(store_url)
    began = datetime.datetime.now(datetime.UTC)
    twilio_says(twilio)
    caller = known_caller(store_url)
    assert caller.memory is not None
    assert (caller.memory.text, caller.memory.call_sid) == (SUMMARY, CALL_SID)
    assert began <= caller.memory.at <= datetime.datetime.now(datetime.UTC)
    assert caller.expires_at == caller.memory.at + RETENTION
    ((path, headers, question),) = gemini.asked
    assert path == "/v1beta/models/gemini-flash-latest:generateContent"
    assert headers["x-goog-api-key"] == "key-0123456789"
    said = question["contents"][0]["parts"][0]["text"]
    assert "caller: When is my delivery?\nagent: On Thursday." in said
    assert "en-US" in question["systemInstruction"]["parts"][0]["text"]


def test_a_caller_forgotten_in_these_seconds_stays_forgotten(
    twilio: Twilio, store_url: str, gemini: Gemini, webhook: LoadedFunction
) -> None:
    def forget() -> None:
        with_store(store_url, lambda store: store.forget_caller(CALLER))

    gemini.meanwhile = forget
    a_call_is_over(store_url)
    twilio_says(twilio)
    assert known_caller(store_url) == Caller()
    assert len(gemini.asked) == 1
    assert "call remembered" not in webhook.messages()


def test_for_a_retired_model_its_successor_sums_it_up_and_the_log_says_so(
    environ: Environ, load: Load, store_url: str, gemini: Gemini
) -> None:
    a_call_is_over(store_url)
    with load(environ | {"MEMORY_MODEL": "gemini-2.5-flash"}) as webhook:
        twilio_says(Twilio(webhook.client))
        assert "model replaced" in webhook.messages()
    assert remembered(store_url) == SUMMARY
    assert gemini.asked[0][0] == "/v1beta/models/gemini-3.5-flash:generateContent"


@pytest.fixture
def google_tokens() -> Iterator[TokenServer]:
    with token_server() as server:
        yield server


@pytest.fixture
def on_vertex(environ: Environ, google_tokens: TokenServer, tmp_path: Path) -> Environ:
    del environ["GEMINI_API_KEY"]
    return environ | {
        "GEMINI_BACKEND": "vertex",
        "GOOGLE_CLOUD_PROJECT": "my-project",
        "VERTEX_LOCATION": "us-central1",
        "GOOGLE_APPLICATION_CREDENTIALS": str(google_tokens.key_file(tmp_path)),
    }


def test_vertex_sums_it_up_for_whoever_has_a_token(
    on_vertex: Environ, load: Load, store_url: str, gemini: Gemini, google_tokens: TokenServer
) -> None:
    a_call_is_over(store_url)
    with load(on_vertex) as webhook:
        twilio_says(Twilio(webhook.client))
    assert remembered(store_url) == SUMMARY
    ((path, headers, _),) = gemini.asked
    place = "projects/my-project/locations/us-central1/publishers/google"
    assert path == f"/v1/{place}/models/gemini-3.5-flash:generateContent"
    assert headers["authorization"] == f"Bearer {google_tokens.token}"
    assert "x-goog-api-key" not in headers


def test_without_credentials_for_vertex_the_last_turns_are_kept(
    on_vertex: Environ, load: Load, store_url: str, gemini: Gemini, google_tokens: TokenServer
) -> None:
    google_tokens.refuses = True
    a_call_is_over(store_url)
    with load(on_vertex) as webhook:
        twilio_says(Twilio(webhook.client))
        assert "summary failed" in webhook.messages()
    assert (remembered(store_url), gemini.asked) == (last_turns(TURNS), [])


def test_the_next_summary_knows_what_was_known_before(
    twilio: Twilio, store_url: str, gemini: Gemini
) -> None:
    known = msgspec.structs.replace(a_call(agent=REMEMBERING), caller_memory="Is called Zoë.")
    a_call_is_over(store_url, known)
    twilio_says(twilio)
    ((_, _, question),) = gemini.asked
    assert "Is called Zoë." in question["contents"][0]["parts"][0]["text"]


def test_twilios_repetition_asks_gemini_nothing(
    twilio: Twilio, store_url: str, gemini: Gemini
) -> None:
    a_call_is_over(store_url)
    for _ in range(3):
        twilio_says(twilio)
    assert len(gemini.asked) == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {"error": {"code": 500, "message": "internal"}}),
        (429, b""),
        (200, b"{no json"),
        (200, b'{"candidates": [{"content": {"parts": [{"text": "no UTF-8: \xff"}]}}]}'),
        (200, {"candidates": []}),
        (200, {"promptFeedback": {"blockReason": "SAFETY"}}),
        (200, {"candidates": [{"finishReason": "MAX_TOKENS", "content": {"role": "model"}}]}),
        (200, says({"text": " \n"})),
        (200, {"candidates": "none"}),
        (200, []),
    ],
)
def test_without_a_summary_the_last_turns_are_kept(
    twilio: Twilio, store_url: str, gemini: Gemini, status: int, answer: object
) -> None:
    gemini.status, gemini.answer = status, answer
    a_call_is_over(store_url)
    twilio_says(twilio)
    assert remembered(store_url) == last_turns(TURNS)


@pytest.mark.real_time
@pytest.mark.parametrize("clock_speed", [1.0])
def test_a_gemini_that_does_not_answer_is_given_up(
    twilio: Twilio, store_url: str, gemini: Gemini
) -> None:
    gemini.silent = True
    a_call_is_over(store_url)
    twilio_says(twilio)
    assert remembered(store_url) == last_turns(TURNS)


def test_without_a_key_nobody_is_asked(
    environ: Environ, load: Load, store_url: str, gemini: Gemini
) -> None:
    del environ["GEMINI_API_KEY"]
    a_call_is_over(store_url)
    with load(environ) as webhook:
        twilio_says(Twilio(webhook.client))
    assert (remembered(store_url), gemini.asked) == (last_turns(TURNS), [])


def test_a_handler_that_writes_its_end_late_is_waited_for(
    twilio: Twilio, store_url: str, gemini: Gemini
) -> None:
    a_call_is_over(store_url, turns=TURNS[:1], decided=False)
    status = threading.Thread(target=twilio_says, args=(twilio,))
    status.start()
    a_call_is_over(store_url)
    status.join(DEADLINE_S)
    assert remembered(store_url) == SUMMARY
    assert "On Thursday." in str(gemini.asked)


@pytest.mark.real_time
@pytest.mark.parametrize("clock_speed", [1.0])
def test_a_handler_that_never_writes_its_end_is_given_up(twilio: Twilio, store_url: str) -> None:
    a_call_is_over(store_url, decided=False)
    twilio_says(twilio)
    assert remembered(store_url) == SUMMARY


@pytest.mark.parametrize(
    "call",
    [
        a_call(),
        msgspec.structs.replace(a_call(agent=REMEMBERING), caller="anonymous"),
        msgspec.structs.replace(a_call(agent=REMEMBERING), caller="+266696687"),
        msgspec.structs.replace(a_call(agent=REMEMBERING), caller="sip:desk@example.com"),
    ],
    ids=["agent does not want it", "anonymous", "withheld", "sip"],
)
def test_not_everybody_is_remembered(
    twilio: Twilio, store_url: str, gemini: Gemini, call: Call
) -> None:
    a_call_is_over(store_url, call)
    twilio_says(twilio)
    assert known_caller(store_url, call.caller) == Caller()
    assert gemini.asked == []


def test_a_call_in_which_the_caller_said_nothing_is_not_remembered(
    twilio: Twilio, store_url: str, gemini: Gemini
) -> None:
    a_call_is_over(store_url, turns=TURNS[:1])
    twilio_says(twilio)
    assert (known_caller(store_url), gemini.asked) == (Caller(), [])


def test_a_call_that_goes_on_is_not_remembered_yet(
    twilio: Twilio, store_url: str, gemini: Gemini
) -> None:
    a_call_is_over(store_url)
    twilio_says(twilio, "in-progress")
    assert (known_caller(store_url), gemini.asked) == (Caller(), [])


def test_a_store_that_takes_nothing_is_no_error_to_twilio(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    a_call_is_over(store_url)
    with store_locked(store_url):
        twilio_says(twilio)
    assert "call could not be remembered" in webhook.messages()
    said = json.dumps(webhook.log())
    assert SUMMARY not in said
    assert CALLER not in said


def test_a_caller_who_cannot_be_read_is_logged_without_their_number(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    a_call_is_over(store_url)
    damage(store_url, f"callers/{CALLER}", '{"memory": 7}')
    twilio_says(twilio)
    assert "call could not be remembered" in webhook.messages()
    assert CALLER[1:] not in str(webhook.log())


def test_the_last_turns_are_kept_short() -> None:
    turns = tuple(turn(n, Speaker.CALLER, f"{n} " + "word " * 1_000) for n in range(20))
    text = last_turns(turns)
    assert len(text) < 2_000
    assert "caller: 19 word" in text
    assert "caller: 13 word" not in text


# Knowing


def known_as(store_url: str, text: str, at: datetime.datetime) -> None:
    memory = Memory(text=text, call_sid=CALL_SID, at=at)

    async def remember(store: Store) -> bool:
        await store.open_call(a_call())
        return await store.remember_caller(CALLER, memory, at + RETENTION)

    assert with_store(store_url, remember)


def told(twilio: Twilio, store_url: str, n: int, *, caller: str = CALLER) -> str | None:
    """Place call number `n`, and return the memory of the caller that its agent gets."""
    call_sid = f"CA{n:032x}"
    twilio.post("/", a_form(CallSid=call_sid, From=caller))
    call = stored_call(store_url, call_sid)
    assert call is not None
    return call.caller_memory


def test_the_next_call_is_told_what_was_remembered(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, REMEMBERING)
    assert told(twilio, store_url, 1) is None
    known_as(store_url, SUMMARY, datetime.datetime.now(datetime.UTC))
    assert told(twilio, store_url, 2) == SUMMARY
    assert told(twilio, store_url, 3, caller="+14155550124") is None


def test_an_agent_that_does_not_remember_callers_is_told_nothing(
    twilio: Twilio, store_url: str
) -> None:
    write_agent(store_url, an_agent(notice="Notice."))
    known_as(store_url, SUMMARY, datetime.datetime.now(datetime.UTC))
    assert told(twilio, store_url, 1) is None


def test_what_has_expired_is_not_told(twilio: Twilio, store_url: str) -> None:
    write_agent(store_url, REMEMBERING)
    known_as(store_url, SUMMARY, datetime.datetime.now(datetime.UTC) - RETENTION)
    assert told(twilio, store_url, 1) is None
