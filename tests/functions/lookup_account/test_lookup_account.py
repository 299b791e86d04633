from collections.abc import Iterator

import msgspec
import pytest
import yaml

from ringdown.documents import to_record
from ringdown.tools import Json, ToolCallContext, ToolDeclaration, ToolRequest
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function
from tests.ringdown.samples import CALL_SID, CALLED, CALLER

FOLDER = FUNCTIONS / "tools" / "lookup_account"


@pytest.fixture(scope="module")
def declaration() -> ToolDeclaration:
    document = yaml.safe_load((FOLDER / "tool.yaml").read_text("utf-8"))
    document["url"] = "https://tools.example/lookup_account"
    return to_record(ToolDeclaration, document, where="tool.yaml")


@pytest.fixture
def function(restored_logging: None) -> Iterator[LoadedFunction]:
    with loaded_function("lookup_account", FOLDER, {}) as function:
        yield function


def asked(function: LoadedFunction, args: dict[str, Json]) -> dict[str, Json]:
    call = ToolCallContext(
        call_sid=CALL_SID, agent_id="default", caller=CALLER, called=CALLED, language="en-US"
    )
    request = ToolRequest(call=call, name="lookup_account", args=args, idempotency_key="1")
    response = function.client.post("/", content=msgspec.json.encode(request))
    assert response.status_code == 200, response.text
    answer: dict[str, Json] = response.json()
    return answer


@pytest.mark.parametrize(
    "said",
    ["123456", "1 2 3 4 5 6", "123-456", " 12.34.56\n", "account number 123 456.", 123456],
)
def test_a_number_is_found_however_it_is_written(function: LoadedFunction, said: str | int) -> None:
    assert asked(function, {"account_number": said}) == {
        "output": {
            "account_number": "123456",
            "status": "active",
            "plan": "family plan",
            "customer_since": "March 2021",
            "next_delivery": "Thursday",
        }
    }


def test_what_is_not_known_is_left_out(function: LoadedFunction) -> None:
    output = asked(function, {"account_number": "135790"})["output"]
    assert output["status"] == "paused"
    assert "next_delivery" not in output


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("999999", "Read the digits back"),
        ("12345", "this one has 5"),
        ("1234567", "this one has 7"),
        ("", "this one has 0"),
        ("one two three", "digit by digit"),
        ("١٢٣٤٥٦", "this one has 0"),
        (7, "this one has 1"),
    ],
)
def test_an_error_tells_the_model_how_to_go_on(
    function: LoadedFunction, said: str | int, advice: str
) -> None:
    error = asked(function, {"account_number": said})["error"]
    assert advice in error["message"]
    assert error["retryable"] is False


@pytest.mark.parametrize("args", [{}, {"account_number": None}, {"account_number": "1" * 101}])
def test_bad_arguments_are_explained(function: LoadedFunction, args: dict[str, Json]) -> None:
    assert "account_number" in asked(function, args)["error"]["message"]


def test_nothing_that_was_said_is_logged(function: LoadedFunction) -> None:
    asked(function, {"account_number": "999999"})
    asked(function, {"number": "999999"})
    assert "999999" not in str(function.log())


def test_the_declaration_names_the_function_and_its_arguments(
    function: LoadedFunction, declaration: ToolDeclaration
) -> None:
    assert declaration.name == FOLDER.name
    parameters = declaration.parameters
    assert parameters["required"] == ["account_number"]
    (argument,) = parameters["properties"]
    assert "output" in asked(function, {argument: "123456"})


def test_every_demonstration_account_can_be_looked_up(function: LoadedFunction) -> None:
    accounts = yaml.safe_load((FOLDER / "demonstration_accounts.yaml").read_text("utf-8"))
    for account in accounts:
        assert asked(function, {"account_number": account["account_number"]}) == {"output": account}
