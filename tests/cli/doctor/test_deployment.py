"""How the doctor learns what to check."""

import json

import pytest

from ringdown.errors import ConfigurationError
from ringdown.gemini.backend import DeveloperApi, VertexAi
from ringdown_cli.doctor.deployment import (
    NotOutputs,
    from_environ,
    from_outputs,
    from_stack,
    secret_ids,
)

VALUES = {
    "project_id": "my-project",
    "webhook_url": "https://ringdown-incoming-call-1.us-east4.run.app",
    "stream_url": "wss://ringdown-stream-handler-1.us-east4.run.app",
    "store_url": "firestore:my-project/ringdown",
    "phone_numbers": ["+14155550100", "+14155550101"],
    "twilio_region": "ie1",
    "twilio_account_sid": "AC1",
    "gemini_backend": "developer",
}


def outputs(**changes: object) -> str:
    """Outputs in Terraform's format; None omits one."""
    values = {name: value for name, value in (VALUES | changes).items() if value is not None}
    return json.dumps(
        {name: {"sensitive": False, "type": "string", "value": v} for name, v in values.items()}
    )


def test_terraforms_outputs() -> None:
    secrets = {"TWILIO_AUTH_TOKEN": "token", "GEMINI_API_KEY": "AIza-0123456789"}

    deployment = from_outputs(outputs(dashboard_url=["more"]), {}, secrets)

    assert deployment.where == "the deployment in project my-project"
    assert deployment.webhook_url == VALUES["webhook_url"]
    assert deployment.stream_url == VALUES["stream_url"]
    assert deployment.store_url == VALUES["store_url"]
    assert deployment.phone_numbers == ("+14155550100", "+14155550101")
    assert deployment.twilio_region == "ie1"
    assert (deployment.twilio_account_sid, deployment.twilio_auth_token) == ("AC1", "token")
    assert deployment.endpoints == (DeveloperApi("AIza-0123456789"),)


def test_secrets_as_they_were_typed_for_terraform() -> None:
    typed = {"TF_VAR_twilio_auth_token": "token", "TF_VAR_gemini_api_key": "AIza-0123456789"}

    deployment = from_outputs(outputs(), {}, typed)

    assert deployment.twilio_auth_token == "token"
    assert deployment.endpoints == (DeveloperApi("AIza-0123456789"),)


def test_what_is_deployed_counts_before_what_lies_in_the_environment() -> None:
    deployed = {"TWILIO_AUTH_TOKEN": "deployed", "GEMINI_API_KEY": "AIza-deployed"}
    another = {"TWILIO_AUTH_TOKEN": "another", "GEMINI_API_KEY": "AIza-another"}

    deployment = from_outputs(outputs(), deployed, another)

    assert deployment.twilio_auth_token == "deployed"
    assert deployment.endpoints == (DeveloperApi("AIza-deployed"),)


def test_where_the_deployed_secrets_are() -> None:
    ids = {"TWILIO_AUTH_TOKEN": "projects/p/secrets/t", "STREAM_TOKEN_SECRET": "projects/p/s"}

    assert secret_ids(outputs(secret_ids=ids)) == {"TWILIO_AUTH_TOKEN": "projects/p/secrets/t"}
    assert secret_ids(outputs(secret_ids="what")) == {}
    assert secret_ids(outputs()) == {}


def test_a_deployment_on_vertex() -> None:
    text = outputs(gemini_backend="vertex", vertex_location="us-central1")

    vertex = VertexAi("my-project", "us-central1")
    assert from_outputs(text, {}, {}).endpoints == (vertex,)


def test_a_deployment_with_several_endpoints() -> None:
    text = outputs(model_endpoints="vertex:us-central1")
    key = {"GEMINI_API_KEY": "AIza-0123456789"}
    vertex = VertexAi("my-project", "us-central1")

    assert from_outputs(text, key, {}).endpoints == (DeveloperApi("AIza-0123456789"), vertex)
    assert from_outputs(text, {}, {}).endpoints == (None, vertex), "what can be tried is"


def test_a_further_endpoint_whose_key_is_missing_here() -> None:
    vertex = {"gemini_backend": "vertex", "vertex_location": "us-central1"}
    text = outputs(**vertex, model_endpoints="developer")

    found = from_outputs(text, {}, {}).endpoints

    assert found == (VertexAi("my-project", "us-central1"), None)


def test_a_deployment_without_a_key_here_is_looked_at_all_the_same() -> None:
    assert from_outputs(outputs(), {}, {}).endpoints == (None,)


@pytest.mark.parametrize(
    "text",
    [
        *("", "no JSON", "[]", '{"webhook_url": "x"}', "{}"),
        f'{{"a": {{"value": {"9" * 5_000}}}}}',
        f'{{"a": {{"value": {"[" * 100_000}}}}}',
    ],
)
def test_what_terraform_did_not_print_is_told(text: str) -> None:
    with pytest.raises(NotOutputs):
        from_outputs(text, {}, {})


def test_an_output_that_is_missing_is_named() -> None:
    with pytest.raises(NotOutputs, match=r"missing outputs: store_url, stream_url$"):
        from_outputs(outputs(store_url=None, stream_url=""), {}, {})


STACK = {
    "pid": 1,
    "store_url": "sqlite:out/ringdown.db",
    "webhook_url": "http://127.0.0.1:8080",
    "twilio_auth_token": "generated",
    "processes": [
        {"name": "incoming_call", "pid": 1, "url": "http://127.0.0.1:8080"},
        {"name": "stream_handler", "pid": 2, "url": "http://127.0.0.1:8081"},
    ],
}


def test_a_stack_on_this_machine() -> None:
    deployment = from_stack(json.dumps(STACK), {})

    assert deployment.webhook_url == "http://127.0.0.1:8080"
    assert deployment.stream_url == "ws://127.0.0.1:8081"
    assert deployment.store_url == "sqlite:out/ringdown.db"
    assert deployment.twilio_auth_token == "generated"
    assert deployment.project is None


def test_a_stack_with_a_token_of_the_persons_own() -> None:
    environ = {"TWILIO_AUTH_TOKEN": "theirs", "TWILIO_ACCOUNT_SID": "AC1"}

    deployment = from_stack(json.dumps(STACK | {"twilio_auth_token": None}), environ)

    assert (deployment.twilio_account_sid, deployment.twilio_auth_token) == ("AC1", "theirs")


def test_the_environment() -> None:
    environ = {"PUBLIC_URL": "https://a.example", "STREAM_URL": "wss://b.example"}

    deployment = from_environ(environ)

    assert (deployment.webhook_url, deployment.stream_url) == tuple(environ.values())
    assert (deployment.phone_numbers, deployment.twilio_region) == ((), "us1")


def test_the_environments_numbers_and_region() -> None:
    environ = {"PHONE_NUMBERS": "+14155550100, +14155550101", "TWILIO_REGION": "au1"}

    deployment = from_environ(environ)

    assert deployment.phone_numbers == ("+14155550100", "+14155550101")
    assert deployment.twilio_region == "au1"
    with pytest.raises(ConfigurationError, match="TWILIO_REGION is 'de1'"):
        from_environ({"TWILIO_REGION": "de1"})


def test_half_of_vertex_is_told() -> None:
    with pytest.raises(ConfigurationError, match="VERTEX_LOCATION is not set"):
        from_environ({"GEMINI_BACKEND": "vertex", "GOOGLE_CLOUD_PROJECT": "my-project"})


def test_secrets_are_not_shown() -> None:
    secrets = {"TWILIO_AUTH_TOKEN": "hush-hush", "GEMINI_API_KEY": "AIza-0123456789"}

    shown = repr(from_outputs(outputs(), {}, secrets))

    assert "hush-hush" not in shown
    assert "AIza" not in shown
