import io
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ringdown import log
from ringdown.open_once import OpenOnce
from ringdown.stores import open_store
from ringdown.tools import Json, ToolAnswer, ToolCallContext, ToolRequest
from ringdown.tools.endpoint import MAX_ANSWER_BYTES, MAX_BODY_BYTES, ToolEndpoint
from tests.ringdown.samples import CALL_SID, CALLED, CALLER

SECRET = "the caller's secret"


class Args(msgspec.Struct, frozen=True):
    wish: str
    amount: int = 1


async def grant(args: Args, request: ToolRequest) -> dict[str, Json] | ToolAnswer:
    match args.wish:
        case "answer":
            return {"amount": args.amount, "for": request.call.caller}
        case "refuse":
            return ToolAnswer.failed("Not today.", retryable=True)
        case "much":
            return {"text": "x" * args.amount}
        case "nothing JSON holds":
            return {"it": object()}
        case _:
            raise LookupError(args.wish)


@pytest.fixture
def output(restored_logging: None) -> io.StringIO:
    stream = io.StringIO()
    log.configure(stream)
    return stream


@pytest.fixture
def client(output: io.StringIO) -> Iterator[TestClient]:
    endpoint = ToolEndpoint("grant", Args, grant)

    async def serve(request: Request) -> Response:
        return await endpoint(request)

    methods = ["GET", "POST", "PUT"]
    with TestClient(Starlette(routes=[Route("/", serve, methods=methods)])) as client:
        yield client


def a_request(args: dict[str, Json], *, name: str = "grant") -> bytes:
    call = ToolCallContext(
        call_sid=CALL_SID, agent_id="default", caller=CALLER, called=CALLED, language="en-US"
    )
    request = ToolRequest(call=call, name=name, args=args, idempotency_key=f"{CALL_SID}:1")
    return msgspec.json.encode(request)


def test_the_output_of_the_function_is_the_answer(client: TestClient) -> None:
    response = client.post("/", content=a_request({"wish": "answer", "amount": 3}))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"output": {"amount": 3, "for": CALLER}}


def test_the_function_can_refuse(client: TestClient) -> None:
    response = client.post("/", content=a_request({"wish": "refuse"}))
    assert response.status_code == 200
    assert response.json() == {"error": {"message": "Not today.", "retryable": True}}


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({}, "missing required field `wish`"),
        ({"wish": 7}, "wish: Expected `str`, got `int`"),
        ({"wish": "answer", "amount": "many"}, "amount: Expected `int`, got `str`"),
    ],
)
def test_arguments_that_do_not_fit_are_explained_to_the_model(
    client: TestClient, args: dict[str, Json], reason: str
) -> None:
    response = client.post("/", content=a_request(args))
    assert response.status_code == 200
    error = response.json()["error"]
    assert reason in error["message"]
    assert error["retryable"] is False


def test_a_tool_that_breaks_is_logged_without_its_arguments(
    client: TestClient, output: io.StringIO
) -> None:
    response = client.post("/", content=a_request({"wish": SECRET}))
    assert response.status_code == 500
    assert response.json()["error"]["retryable"] is True
    line = json.loads(output.getvalue())
    assert (line["message"], line["error"]) == ("tool failed", "LookupError")
    assert line["call_sid"] == CALL_SID
    assert "raise LookupError(args.wish)" in line["stack_trace"]
    assert SECRET not in output.getvalue() + response.text


def test_an_output_that_is_not_json_is_a_tool_that_breaks(client: TestClient) -> None:
    response = client.post("/", content=a_request({"wish": "nothing JSON holds"}))
    assert response.status_code == 500
    assert response.json()["error"]["retryable"] is True


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "isn't JSON"),
        (b"{", "isn't JSON"),
        (b"\xff\xfe", "isn't JSON"),
        (b'{"name": "\xff"}', "isn't JSON"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field"),
        (a_request({"wish": 0}).replace(b"0}", b"[" * 10_000 + b"]" * 10_000 + b"}"), "deeply"),
        (a_request({"wish": SECRET}, name="other"), "the request is for another tool"),
        (a_request({"wish": SECRET}).replace(b'"args":{', b'"args":7,"x":{'), "args: "),
    ],
)
def test_a_malformed_request_is_refused(
    client: TestClient, output: io.StringIO, body: bytes, reason: str
) -> None:
    response = client.post("/", content=body)
    assert response.status_code == 400, response.text
    assert reason in response.json()["error"]["message"]
    assert SECRET not in output.getvalue()


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_posts_are_taken(client: TestClient, method: str) -> None:
    response = client.request(method, "/")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_a_large_request_is_refused(client: TestClient) -> None:
    fits = a_request({"wish": "answer"})
    assert client.post("/", content=fits + b" " * (MAX_BODY_BYTES - len(fits))).is_success
    response = client.post("/", content=fits + b" " * (MAX_BODY_BYTES - len(fits) + 1))
    assert response.status_code == 413
    assert "65536" in response.json()["error"]["message"]


class Counter:
    """A tool with a side effect, which gives a different answer each time."""

    def __init__(self) -> None:
        self.done = 0

    async def count(self, args: Args, _request: ToolRequest) -> dict[str, Json] | ToolAnswer:
        self.done += 1
        match args.wish:
            case "refuse":
                return ToolAnswer.failed(f"Not today ({self.done}).")
            case "later":
                return ToolAnswer.failed("Not now.", retryable=True)
            case "break":
                raise LookupError(args.wish)
            case "nothing":
                return {}
            case _:
                return {"done": self.done}


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def counting(counter: Counter, tmp_path: Path, output: io.StringIO) -> Iterator[TestClient]:
    store = OpenOnce(lambda: open_store(f"sqlite:{tmp_path / 'ringdown.db'}"))
    endpoint = ToolEndpoint("grant", Args, counter.count, answers=store)

    async def serve(request: Request) -> Response:
        return await endpoint(request)

    with TestClient(Starlette(routes=[Route("/", serve, methods=["POST"])])) as client:
        yield client


@pytest.mark.parametrize("wish", ["change", "refuse", "nothing"])
def test_one_key_twice_is_done_once_and_answered_the_same(
    counting: TestClient, counter: Counter, wish: str
) -> None:
    first, second = (counting.post("/", content=a_request({"wish": wish})) for _ in range(2))
    assert first.json() == second.json()
    assert counter.done == 1


def test_what_may_pass_is_tried_again_with_the_same_key(
    counting: TestClient, counter: Counter
) -> None:
    counting.post("/", content=a_request({"wish": "later"}))
    assert counting.post("/", content=a_request({"wish": "change"})).json()["output"]
    assert counter.done == 2


def test_what_broke_half_way_is_not_repeated(counting: TestClient, counter: Counter) -> None:
    assert counting.post("/", content=a_request({"wish": "break"})).status_code == 500
    again = counting.post("/", content=a_request({"wish": "change"})).json()
    assert "outcome is not known" in again["error"]["message"]
    assert counter.done == 1


def test_no_answer_is_empty(counting: TestClient) -> None:
    answer = counting.post("/", content=a_request({"wish": "nothing"})).json()
    assert answer == {"output": {"status": "The tool has nothing to tell."}}


def test_an_answer_that_is_too_long_is_none(client: TestClient) -> None:
    args: dict[str, Json] = {"wish": "much", "amount": MAX_ANSWER_BYTES}
    assert "too long" in client.post("/", content=a_request(args)).json()["error"]["message"]
