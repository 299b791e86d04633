"""What the next apply plans after a change to the code or a variable."""

import json
from collections.abc import Iterator

import pytest

from ringdown.tools import Json
from tests.terraform.stand_in import PHONE_NUMBER, Checkout, checkout, needs_stand_in

pytestmark = [needs_stand_in, pytest.mark.timeout(700)]

INIT = "terraform init -backend=false -input=false -no-color"
APPLY = "terraform apply -input=false -auto-approve -no-color"
PLAN = "terraform plan -input=false -no-color -out=next.bin && terraform show -json next.bin"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checkout(tmp_path_factory.mktemp("standing"), {}) as copy:
        copy.succeed(INIT, APPLY)
        yield copy


def planned_changes(copy: Checkout) -> dict[str, list[str]]:
    copy.succeed(f"{PLAN} > next.json")
    changes: list[Json] = copy.json("next.json")["resource_changes"]
    return {
        change["address"]: change["change"]["actions"]
        for change in changes
        if change["change"]["actions"] not in (["no-op"], ["read"])
    }


def forget(copy: Checkout, kind: str, key: str) -> None:
    """Change the state as a refresh would after someone deleted the real resource."""
    path = copy.terraform / "terraform.tfstate"
    state = json.loads(path.read_text("utf-8"))
    for resource in state["resources"]:
        if resource["type"] == kind:
            resource["instances"] = [
                instance for instance in resource["instances"] if instance.get("index_key") != key
            ]
    state["serial"] += 1
    path.write_text(json.dumps(state), "utf-8")


def test_one_more_api_changes_nothing_else(standing: Checkout) -> None:
    """An upgrade may enable another API. If that made the project's number unknown, all URLs would
    be unknown too."""
    apis = standing.terraform / "apis.tf"
    before = apis.read_text("utf-8")
    apis.write_text(before.replace("[\n", '[\n      "sqladmin.googleapis.com",\n', 1), "utf-8")

    changes = planned_changes(standing)
    apis.write_text(before, "utf-8")

    assert changes == {
        'google_project_service.this["sqladmin.googleapis.com"]': ["create"],
        "time_sleep.apis": ["update"],
    }


def test_an_api_that_somebody_disabled_is_enabled_and_that_is_all(standing: Checkout) -> None:
    kind, key = "google_project_service", "pubsub.googleapis.com"
    state = standing.terraform / "terraform.tfstate"
    before = state.read_text("utf-8")
    forget(standing, kind, key)

    changes = planned_changes(standing)
    state.write_text(before, "utf-8")

    assert changes == {f'{kind}.this["{key}"]': ["create"]}


def test_another_region_takes_neither_the_database_nor_what_the_number_had(
    standing: Checkout,
) -> None:
    changes = planned_changes(standing.with_variables(region="europe-west1"))

    moved = ["delete", "create"]
    assert changes["google_cloudfunctions2_function.incoming_call[0]"] == moved
    assert changes[f'terraform_data.number["{PHONE_NUMBER}"]'] == moved
    assert changes[f'terraform_data.number_before["{PHONE_NUMBER}"]'] == ["update"]
    stay = ("google_firestore", "google_storage_bucket.", "terraform_data.ttl")
    assert [address for address in changes if address.startswith(stay)] == []


def test_another_number_touches_no_number_that_is_there(standing: Checkout) -> None:
    numbers = {PHONE_NUMBER: {}, "+14155550101": {"agent": "night"}}

    changes = planned_changes(standing.with_variables(phone_numbers=numbers))

    assert changes == {
        f'terraform_data.{kind}["{key}"]': ["create"]
        for kind, key in (
            ("number", "+14155550101"),
            ("number_before", "+14155550101"),
            ("seed", "numbers/+14155550101"),
        )
    }


def test_a_new_release_of_a_tool_deploys_its_function_and_nothing_else(
    standing: Checkout,
) -> None:
    folder = standing.folder / "functions" / "tools" / "lookup_account"
    (folder / "more.py").write_text("MORE = 1\n", "utf-8")

    changes = planned_changes(standing)
    (folder / "more.py").unlink()

    assert set(changes) == {
        'google_cloudfunctions2_function.tool["lookup_account"]',
        'google_storage_bucket_object.function["tools/lookup_account"]',
    }


def test_what_is_not_deployed_changes_nothing(standing: Checkout) -> None:
    folder = standing.folder / "functions" / "tools" / "lookup_account"
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "main.cpython-313.pyc").write_bytes(b"\xff\x00")
    (folder / ".DS_Store").write_bytes(b"\xff\x00")
    (folder / "requirements.in").write_text("something-else\n", "utf-8")

    assert planned_changes(standing) == {}


def test_a_change_of_the_handlers_code_builds_a_new_image(standing: Checkout) -> None:
    path = standing.folder / "services" / "stream_handler" / "words.py"
    before = path.read_text("utf-8")
    path.write_text(f"{before}\n", "utf-8")

    changes = planned_changes(standing)
    path.write_text(before, "utf-8")

    assert changes == {
        'terraform_data.image["stream_handler"]': ["delete", "create"],
        "google_cloud_run_v2_service.stream_handler": ["update"],
    }


def test_a_raised_number_stores_a_new_value_and_keeps_the_one_before(standing: Checkout) -> None:
    changes = planned_changes(standing.with_variables(secret_versions={"twilio_auth_token": 2}))

    assert changes == {
        'google_secret_manager_secret_version.this["TWILIO_AUTH_TOKEN/2"]': ["create"],
        "google_cloud_run_v2_service.stream_handler": ["update"],
        "google_cloudfunctions2_function.incoming_call[0]": ["update"],
        f'terraform_data.number_before["{PHONE_NUMBER}"]': ["update"],
    }
