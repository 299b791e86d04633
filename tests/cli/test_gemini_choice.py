"""Which Gemini endpoint a command on this machine uses."""

from pathlib import Path

import pytest

from devtools.stack_settings import settings_from_environ
from ringdown.errors import ConfigurationError
from ringdown.gemini.backend import DeveloperApi, VertexAi
from ringdown_cli.gemini_choice import chosen_gemini

KEY = "AIza-0123456789"
ENDPOINT = "https://gemini.example"
VERTEX = {
    "GEMINI_BACKEND": "vertex",
    "GOOGLE_CLOUD_PROJECT": "my-project",
    "VERTEX_LOCATION": "us-central1",
}


def test_nothing_named_is_none() -> None:
    assert chosen_gemini({"GOOGLE_CLOUD_PROJECT": "of-the-shell"}) is None


def test_an_endpoint_on_this_machine_needs_no_key() -> None:
    assert chosen_gemini({"GEMINI_BASE_URL": ENDPOINT}) == DeveloperApi("local-endpoint", ENDPOINT)
    named = {"GEMINI_BASE_URL": ENDPOINT, "GEMINI_API_KEY": KEY}
    assert chosen_gemini(named) == DeveloperApi(KEY, ENDPOINT)


def test_vertex() -> None:
    assert chosen_gemini(VERTEX) == VertexAi("my-project", "us-central1")


def test_the_stack_has_vertex_and_no_key(tmp_path: Path) -> None:
    settings = settings_from_environ(VERTEX, tmp_path)

    assert settings.vertex == VertexAi("my-project", "us-central1")
    assert settings.gemini_api_key is None


def test_the_stack_has_a_key_and_no_vertex(tmp_path: Path) -> None:
    settings = settings_from_environ({"GEMINI_API_KEY": KEY}, tmp_path)

    assert (settings.gemini_api_key, settings.vertex) == (KEY, None)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({}, "GEMINI_API_KEY isn't set. .*GEMINI_BACKEND to"),
        ({"GEMINI_BACKEND": "vertex"}, "GOOGLE_CLOUD_PROJECT is not set"),
        ({"GEMINI_API_KEY": "short"}, "GEMINI_API_KEY is too short"),
    ],
)
def test_a_stack_without_a_model_says_what_to_set(
    tmp_path: Path, environ: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        settings_from_environ(environ, tmp_path)
