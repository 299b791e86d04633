from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from account_lookup.accounts import Account
from ringdown.documents import to_record
from ringdown.stores import Store
from ringdown.tools import Json
from ringdown.tools.folder import read_tool_folder
from tests.functions.asking import asked, in_store
from tests.functions.loading import FUNCTIONS, LoadedFunction, loaded_function
from tests.ringdown.samples import CALLER

FOLDER = FUNCTIONS / "tools" / "lookup_account"
ACCOUNT, PIN = {"account_number": "123456"}, {"pin": "2580"}
BALANCE = "twenty dollars are due on the first"


def demonstration_accounts() -> list[dict[str, Json]]:
    accounts: list[dict[str, Json]] = yaml.safe_load(
        (FOLDER / "demonstration_accounts.yaml").read_text("utf-8")
    )
    return accounts


async def seed(store: Store) -> None:
    for fields in demonstration_accounts():
        account = to_record(Account, fields, where="demonstration_accounts.yaml")
        await store.documents.write(f"accounts/{account.account_number}", account)


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    url = f"sqlite:{tmp_path / 'ringdown.db'}"
    in_store(url, seed)
    return url


@pytest.fixture
def function(store_url: str, restored_logging: None) -> Iterator[LoadedFunction]:
    with loaded_function("lookup_account", FOLDER, {"STORE_URL": store_url}) as function:
        yield function


def look_up(
    function: LoadedFunction,
    args: dict[str, Json],
    *,
    key: str = "1",
    pin: str | None = None,
    verified: bool = False,
    caller: str = CALLER,
) -> dict[str, Json]:
    digits = {} if pin is None else {"pin": pin}
    return asked(
        function,
        "lookup_account",
        args,
        key=key,
        digits=digits,
        caller_verified=verified,
        caller=caller,
    )


@pytest.mark.parametrize(
    "said",
    ["123456", "1 2 3 4 5 6", "123-456", " 12.34.56\n", "account number 123 456.", 123456],
)
def test_a_number_is_found_however_it_is_written(function: LoadedFunction, said: str | int) -> None:
    output = look_up(function, {"account_number": said})["output"]
    assert "PIN" in output.pop("note")
    assert output == {
        "account_number": "123456",
        "status": "active",
        "plan": "family plan",
        "customer_since": "March 2021",
        "next_delivery": "Thursday",
    }


def test_what_is_not_known_is_left_out(function: LoadedFunction) -> None:
    output = look_up(function, {"account_number": "135790"})["output"]
    assert output["status"] == "paused"
    assert output.keys() == {"account_number", "status", "plan", "customer_since"}


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("999999", "Read the digits back"),
        ("12345", "this one has 5"),
        ("1234567", "this one has 7"),
        ("", "this one has 0"),
        ("one two three", "digit by digit"),
        ("١٢٣٤٥٦", "this one has 0"),
        ("' OR 1=1 --", "this one has 2"),
        ("<script>123456</script>7", "this one has 7"),
        (7, "this one has 1"),
    ],
)
def test_an_error_tells_the_model_how_to_go_on(
    function: LoadedFunction, said: str | int, advice: str
) -> None:
    error = look_up(function, {"account_number": said})["error"]
    assert advice in error["message"]
    assert error["retryable"] is False


@pytest.mark.parametrize("args", [{}, {"account_number": None}, {"account_number": "1" * 101}])
def test_bad_arguments_are_explained(function: LoadedFunction, args: dict[str, Json]) -> None:
    assert "account_number" in look_up(function, args)["error"]["message"]


def test_the_balance_is_told_with_the_pin(function: LoadedFunction) -> None:
    assert look_up(function, ACCOUNT, pin="2580")["output"]["balance"] == BALANCE


def test_no_number_and_no_argument_is_proof(function: LoadedFunction) -> None:
    tricks: dict[str, Json] = {"pin": "2580", "caller_verified": True, "note": "the PIN is right"}
    said = str(look_up(function, ACCOUNT | tricks, verified=True))
    assert "family plan" in said
    assert "twenty" not in said


def test_where_operators_allow_it_the_owners_verified_number_is_proof(
    store_url: str, restored_logging: None
) -> None:
    environ = {"STORE_URL": store_url, "VERIFIED_NUMBER_IS_PROOF": "yes"}
    with loaded_function("lookup_account", FOLDER, environ) as function:
        assert look_up(function, ACCOUNT, verified=True)["output"]["balance"] == BALANCE
        assert "twenty" not in str(look_up(function, ACCOUNT, verified=False))
        assert "twenty" not in str(look_up(function, ACCOUNT, verified=True, caller="+14155550199"))


def test_three_wrong_pins_lock_the_account_for_every_caller(
    function: LoadedFunction, store_url: str, restored_logging: None
) -> None:
    for key in ("1", "2"):
        assert "wrong" in look_up(function, ACCOUNT, key=key, pin="0000")["error"]["message"]
    look_up(function, ACCOUNT, key="3", pin="1111")

    with loaded_function("lookup_account", FOLDER, {"STORE_URL": store_url}) as another_instance:
        locked = look_up(another_instance, ACCOUNT, key="4", pin="2580", caller="+14155550199")

    assert "locked" in locked["error"]["message"]
    assert "twenty" not in str(locked)
    other_account = {"account_number": "246810"}
    assert look_up(function, other_account, key="5", pin="1379")["output"]["balance"]


def test_a_right_pin_forgets_the_wrong_ones(function: LoadedFunction) -> None:
    for key in range(0, 9, 3):
        for wrong in (key, key + 1):
            assert "error" in look_up(function, ACCOUNT, key=f"{wrong}", pin="0000")
        assert "output" in look_up(function, ACCOUNT, key=f"{key + 2}", pin="2580")


def test_one_request_delivered_thrice_is_one_wrong_pin(function: LoadedFunction) -> None:
    answers = [look_up(function, ACCOUNT, key="1", pin="0000") for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert look_up(function, ACCOUNT, key="2", pin="2580")["output"]["balance"] == BALANCE


def test_nothing_that_was_said_or_typed_is_logged(function: LoadedFunction) -> None:
    look_up(function, {"account_number": "999999"})
    look_up(function, {"number": "999999"})
    look_up(function, ACCOUNT, key="2", pin="998877")
    assert "999999" not in str(function.log())
    assert "998877" not in str(function.log())


def test_an_account_that_nobody_can_read_is_a_failure_and_no_answer(
    function: LoadedFunction, store_url: str
) -> None:
    Path(store_url.removeprefix("sqlite:")).write_bytes(b"this isn't a database" * 1_000)
    answer = look_up(function, ACCOUNT)
    assert answer["error"]["retryable"] is True
    assert "records cannot be reached" in answer["error"]["message"]


def test_firestore_holds_the_same_accounts(
    firestore_project: str, emulator_host: str, restored_logging: None
) -> None:
    url = f"firestore:{firestore_project}"
    in_store(url, seed)
    environ = {"STORE_URL": url, "FIRESTORE_EMULATOR_HOST": emulator_host}
    with loaded_function("lookup_account", FOLDER, environ) as function:
        assert look_up(function, ACCOUNT, pin="2580")["output"]["balance"] == BALANCE
        for key in ("2", "3", "4"):
            look_up(function, ACCOUNT, key=key, pin="0000")
        assert "locked" in look_up(function, ACCOUNT, key="5", pin="2580")["error"]["message"]


def test_the_declaration_names_the_function_and_its_arguments(function: LoadedFunction) -> None:
    tool = read_tool_folder(FOLDER)
    assert tool.parameters["required"] == ["account_number"]
    assert tool.digits == tuple(PIN)
    (argument,) = tool.parameters["properties"]
    assert "output" in look_up(function, {argument: "123456"})


def test_no_demonstration_balance_is_told_freely(function: LoadedFunction) -> None:
    for account in demonstration_accounts():
        output = look_up(function, {"account_number": account["account_number"]})["output"]
        assert output["plan"] == account["plan"]
        assert account.get("balance", "?") not in str(output)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({}, "STORE_URL is not set"),
        ({"STORE_URL": "x", "VERIFIED_NUMBER_IS_PROOF": "maybe"}, "VERIFIED_NUMBER_IS_PROOF is"),
    ],
)
def test_settings_that_do_not_fit_are_told_at_the_start(
    environ: dict[str, str], problem: str, restored_logging: None
) -> None:
    with (
        pytest.raises(SystemExit, match=problem),
        loaded_function("lookup_account", FOLDER, environ),
    ):
        pass
