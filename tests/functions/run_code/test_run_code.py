"""The tool uses the real google-genai, against an endpoint that answers as Gemini does."""

import datetime
from collections.abc import Iterator

import pytest

from ringdown.tools import Json
from tests.functions.asking import asked
from tests.functions.http_stand_in import HttpStandIn, Reply, http_stand_in
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function

FOLDER = FUNCTIONS / "tools" / "run_code"
API_KEY = "a key of the Gemini API"
TASK = "Which weekday is 45 days after 2026-11-23?"
CODE: Json = {"executableCode": {"language": "PYTHON", "code": "print('Thursday')"}}
RAN: Json = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "Thursday\n"}}
FAILED: Json = {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "NameError"}}
SAID: Json = {"text": "It is a Thursday."}


def says(*parts: Json) -> Reply:
    return Reply(200, {"candidates": [{"content": {"role": "model", "parts": list(parts)}}]})


@pytest.fixture
def gemini() -> Iterator[HttpStandIn]:
    with http_stand_in(lambda _: says(CODE, RAN, SAID)) as gemini:
        yield gemini


@pytest.fixture
def function(gemini: HttpStandIn, restored_logging: None) -> Iterator[LoadedFunction]:
    environ = {"GEMINI_API_KEY": API_KEY, "GEMINI_BASE_URL": gemini.url}
    with loaded_function("run_code", FOLDER, environ) as function:
        yield function


def run(function: LoadedFunction, task: str = TASK) -> dict[str, Json]:
    return asked(function, "run_code", {"task": task})


def test_the_task_is_worked_out_by_code(function: LoadedFunction, gemini: HttpStandIn) -> None:
    assert run(function) == {"output": {"result": "It is a Thursday."}}
    (request,) = gemini.asked
    assert request.path == "/v1beta/models/gemini-flash-latest:generateContent"
    assert request.headers["x-goog-api-key"] == API_KEY
    body = request.json()
    assert body["contents"] == [{"parts": [{"text": TASK}], "role": "user"}]
    assert body["tools"] == [{"codeExecution": {}}]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    assert today in body["systemInstruction"]["parts"][0]["text"]


def test_for_a_retired_model_its_successor_works_and_the_log_says_so(
    gemini: HttpStandIn, restored_logging: None
) -> None:
    environ = {
        "GEMINI_API_KEY": API_KEY,
        "GEMINI_BASE_URL": gemini.url,
        "CODE_MODEL": "gemini-2.5-flash",
    }
    with loaded_function("run_code", FOLDER, environ) as function:
        assert run(function) == {"output": {"result": "It is a Thursday."}}
        [told] = [line for line in function.log() if line["message"] == "model replaced"]
    assert gemini.asked[0].path == "/v1beta/models/gemini-3.5-flash:generateContent"
    assert (told["wanted"], told["answers"]) == ("gemini-2.5-flash", "gemini-3.5-flash")


@pytest.mark.parametrize(
    "reply",
    [
        says(SAID),
        says(CODE, FAILED, SAID),
        says(CODE, RAN),
        says(CODE, RAN, {"text": "Let me think.", "thought": True}),
        says(),
        Reply(200, {"candidates": []}),
        Reply(200, {"promptFeedback": {"blockReason": "SAFETY"}}),
    ],
)
def test_what_no_code_has_shown_is_no_result(
    function: LoadedFunction, gemini: HttpStandIn, reply: Reply
) -> None:
    gemini.answer = lambda _: reply
    assert "No result came out" in run(function)["error"]["message"]


def test_a_second_run_makes_good_for_a_failed_one(
    function: LoadedFunction, gemini: HttpStandIn
) -> None:
    gemini.answer = lambda _: says(CODE, FAILED, CODE, RAN, SAID)
    assert run(function)["output"]["result"] == "It is a Thursday."


@pytest.mark.parametrize(
    ("status", "name", "retryable"),
    [
        (400, "INVALID_ARGUMENT", False),
        (403, "PERMISSION_DENIED", False),
        (404, "NOT_FOUND", False),
        (429, "RESOURCE_EXHAUSTED", True),
        (503, "UNAVAILABLE", True),
    ],
)
def test_a_refusal_is_worded_for_the_caller_and_for_operators(
    function: LoadedFunction, gemini: HttpStandIn, status: int, name: str, retryable: bool
) -> None:
    error = {"code": status, "message": f"refused: {TASK}", "status": name}
    gemini.answer = lambda _: Reply(status, {"error": error})
    answer = run(function)["error"]
    assert "Tell the caller" in answer["message"]
    assert answer["retryable"] is retryable
    assert name in str(function.log())
    assert TASK not in str(function.log())


def test_an_answer_that_is_none_is_a_failure(function: LoadedFunction, gemini: HttpStandIn) -> None:
    gemini.answer = lambda _: Reply(200, "<html>")
    response = run(function)
    assert "Tell the caller" in response["error"]["message"]


@pytest.mark.parametrize("args", [{}, {"task": ""}, {"task": "x" * 2_001}, {"task": "1", "n": 2}])
def test_bad_arguments_are_explained(
    function: LoadedFunction, gemini: HttpStandIn, args: dict[str, Json]
) -> None:
    assert "do not fit" in asked(function, "run_code", args)["error"]["message"]
    assert gemini.asked == []


def test_without_a_key_it_does_not_start(restored_logging: None) -> None:
    with (
        pytest.raises(SystemExit, match="GEMINI_API_KEY is not set"),
        loaded_function("run_code", FOLDER, {}),
    ):
        pass
