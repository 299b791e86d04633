"""What a plan says about values and tool folders that can't work."""

import re
from pathlib import Path

import pytest

from tests.terraform.stand_in import PHONE_NUMBER, Checkout, checkout, needs_stand_in

pytestmark = [needs_stand_in, pytest.mark.timeout(700)]

INIT = "terraform init -backend=false -input=false -no-color > init.txt"
PLAN = "terraform plan -input=false -no-color"

WRONG = {
    "alert_email": "nobody",
    "calls_per_instance": 0,
    "dead_letter_days": 0,
    "enabled_tool_secrets": {"NOBODY_ASKS_FOR_IT": 1},
    "fallback_number": "0800 123",
    "gemini_backend": "openai",
    "gemini_base_url": "http://gemini.example",
    "max_instances": 0,
    "name": "Ring",
    "phone_numbers": {"4155550100": {}},
    "project_id": "My project",
    "region": "Frankfurt",
    "stream_handler_image": "gcr.io/images/handler:latest",
    "tool_settings": {"lookup_account": {"NO_SUCH_SETTING": "1"}},
    "twilio_account_sid": "SK0123456789abcdef0123456789abcdef",
    "twilio_region": "de1",
}
"""A wrong value for every checked variable, except secrets, min_instances (a wrong one hides the
error of max_instances) and model_endpoints (whose error a wrong gemini_backend hides)."""


def plan(copy: Checkout) -> tuple[int, str]:
    """The status, and the output without line breaks and frames."""
    ran = copy.run(INIT, PLAN)
    return ran.status, " ".join(ran.output.replace("│", " ").split())


def add_tool(copy: Checkout, name: str, tool_yaml: str) -> None:
    folder = copy.folder / "functions" / "tools" / name
    folder.mkdir()
    (folder / "tool.yaml").write_text(tool_yaml, "utf-8")
    (folder / "main.py").write_text("", "utf-8")


def test_every_wrong_value_is_told_in_one_go(tmp_path: Path) -> None:
    with checkout(tmp_path, WRONG) as copy:
        status, output = plan(copy)

    assert status == 1
    told = set(re.findall(r" (\w+) (?:must|names) ", output))
    assert set(WRONG) <= told
    assert "written like +14155550100: plus, country code, digits only" in output
    assert "must name the image by its digest" in output
    assert "twilio_region must be one of au1, ie1, us1" in output


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"caller_page": True}, "caller_page needs a key to text the link: add TWILIO_API_KEY"),
        (
            {
                "enabled_tool_secrets": {"UPLOAD_LINK_SECRET": 1},
                "tool_secrets": {"UPLOAD_LINK_SECRET": "x" * 40},
            },
            "UPLOAD_LINK_SECRET, which the apply creates. Remove it, and set caller_page",
        ),
    ],
)
def test_a_page_that_nobody_could_be_sent_to_is_told(
    tmp_path: Path, variables: dict[str, object], expected: str
) -> None:
    with checkout(tmp_path, variables) as copy:
        status, output = plan(copy)

    assert status == 1
    assert expected in output


def test_a_deployment_without_a_number_is_refused(tmp_path: Path) -> None:
    with checkout(tmp_path, {"phone_numbers": {}}) as copy:
        status, output = plan(copy)

    assert status == 1
    assert "phone_numbers must have at least one number" in output


def test_an_agent_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    numbers = {PHONE_NUMBER: {"agent": "agents/night"}}
    with checkout(tmp_path, {"phone_numbers": numbers}) as copy:
        status, output = plan(copy)

    assert status == 1
    assert "phone_numbers has an invalid agent name" in output


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model_endpoints": ["vertex"]}, 'must list "developer", or "vertex:" and a location'),
        ({"model_endpoints": ["developer"]}, "one, which gemini_backend and vertex_location set"),
        ({"model_endpoints": ["vertex:eu", "vertex:eu"]}, "must name each endpoint once"),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_told(
    tmp_path: Path, given: dict[str, object], told: str
) -> None:
    with checkout(tmp_path, given) as copy:
        status, output = plan(copy)

    assert status == 1
    assert told in output


def test_everything_that_stops_a_plan_is_told_in_one_go(tmp_path: Path) -> None:
    given = {
        "enabled_tool_secrets": {"CRM_KEY": 1},
        "min_instances": -1,
        "secret_versions": {"twilio_shared_key_secret": 1},
    }
    secrets = {
        "TF_VAR_gemini_api_key": "",
        "TF_VAR_twilio_auth_token": "x",
        "TF_VAR_twilio_shared_key_secret": "",
    }
    with checkout(tmp_path, given) as copy:
        add_tool(copy, "greedy", "name: greedy\ndescription: d\nroles: [roles/owner]\n")
        add_tool(copy, "secretive", "name: secretive\ndescription: d\nsecrets: {CRM_KEY: a key}\n")
        status, output = plan(Checkout(copy.folder, copy.twilio, copy.variables, secrets))

    assert status == 1
    assert "The Gemini key is missing" in output
    assert 'or set gemini_backend to "vertex"' in output
    assert "twilio_auth_token is too short" in output
    assert "A secret in enabled_tool_secrets has no value. Set TF_VAR_tool_secrets" in output
    assert "the key is missing. Set TF_VAR_twilio_shared_key_secret" in output
    assert "min_instances must be 0 or more" in output
    assert "functions/tools/greedy/tool.yaml asks for roles/owner" in output
    assert "A tool can have roles/aiplatform.user, roles/datastore.user" in output


def test_a_tool_with_another_name_than_its_folder_stops_the_plan(tmp_path: Path) -> None:
    with checkout(tmp_path, {}) as copy:
        add_tool(copy, "one_name", "name: other_name\ndescription: d\n")
        status, output = plan(copy)

    assert status == 1
    assert "has the name other_name. It must be the same as the folder's: one_name" in output


def test_a_tool_is_deployed_only_with_its_secret(tmp_path: Path) -> None:
    given = {
        "enabled_tool_secrets": {"CRM_KEY": 1},
        "tool_secrets": {"CRM_KEY": "canary-crm"},
        "tool_settings": {"secretive": {"LIMIT": "5"}},
    }
    settings = 'settings: {STORE_URL: "{store_url}", LIMIT: 3, EMPTY: "", BRACE: "a{b} {region}"}'
    tool = f"name: secretive\ndescription: d\nsecrets: {{CRM_KEY: a key}}\n{settings}\n"
    with checkout(tmp_path, given) as copy:
        add_tool(copy, "secretive", tool)
        add_tool(copy, "keyless", "name: keyless\ndescription: d\nsecrets: {OTHER_KEY: a key}\n")
        status, output = plan(copy)

    assert status == 0, output
    assert 'function.tool["secretive"]' in output
    assert '"STORE_URL" = "firestore:our-project-1/ringdown"' in output
    assert '"LIMIT" = "5"' in output
    assert '"BRACE" = "a{b} us-east4"' in output
    assert '"EMPTY"' not in output
    assert "canary-crm" not in output
    assert 'function.tool["keyless"]' not in output
    assert "not deployed: needs OTHER_KEY, see enabled_tool_secrets" in output
