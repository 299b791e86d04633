import io
import json
from collections.abc import Iterator

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ringdown import log
from ringdown.tool_endpoint import MAX_BODY_BYTES, ToolEndpoint
from ringdown.tools import Json, ToolAnswer, ToolCallContext, ToolRequest
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
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"name": "\xff"}', "not JSON"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field"),
        (a_request({"wish": 0}).replace(b"0}", b"[" * 10_000 + b"]" * 10_000 + b"}"), "deeply"),
        (a_request({"wish": SECRET}, name="other"), "another tool was asked for"),
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
