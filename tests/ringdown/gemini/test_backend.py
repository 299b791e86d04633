"""Which Gemini API a process uses, according to its settings."""

import pytest

from ringdown.errors import ConfigurationError
from ringdown.gemini.backend import (
    DeveloperApi,
    GeminiBackend,
    VertexAi,
    read_gemini_backend,
    read_model_endpoints,
    read_optional_gemini_backend,
)
from ringdown.settings import SettingsReader

KEY = "AIza-0123456789"
VERTEX = {
    "GEMINI_BACKEND": "vertex",
    "GOOGLE_CLOUD_PROJECT": "my-project",
    "VERTEX_LOCATION": "us-central1",
}


def backend(environ: dict[str, str]) -> GeminiBackend:
    reader = SettingsReader(environ)
    read = read_gemini_backend(reader)
    reader.finish()
    return read


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        backend(environ)
    return caught.value.problems


def test_a_key_is_enough() -> None:
    assert backend({"GEMINI_API_KEY": KEY}) == DeveloperApi(KEY)
    assert backend({"GEMINI_API_KEY": KEY, "GEMINI_BACKEND": "developer"}) == DeveloperApi(KEY)


def test_vertex_needs_no_key_and_ignores_one() -> None:
    assert backend(VERTEX) == VertexAi("my-project", "us-central1")
    assert backend({**VERTEX, "GEMINI_API_KEY": KEY}) == VertexAi("my-project", "us-central1")


def test_either_may_have_another_endpoint() -> None:
    other = {"GEMINI_BASE_URL": "https://gemini.example/"}
    assert backend({"GEMINI_API_KEY": KEY, **other}).base_url == "https://gemini.example"
    assert backend({**VERTEX, **other}).base_url == "https://gemini.example"


@pytest.mark.parametrize("name", ["GOOGLE_CLOUD_PROJECT", "VERTEX_LOCATION"])
@pytest.mark.parametrize("blank", [None, " "])
def test_vertex_half_set_is_named(name: str, blank: str | None) -> None:
    environ = {key: value for key, value in VERTEX.items() if key != name}
    if blank is not None:
        environ[name] = blank
    [problem] = problems(environ)
    assert problem.startswith(f"{name} is not set. Set it to ")


def test_a_location_without_the_choice_of_vertex_is_named() -> None:
    [problem] = problems({"GEMINI_API_KEY": KEY, "VERTEX_LOCATION": "us-central1"})
    assert problem.startswith("VERTEX_LOCATION is set, but GEMINI_BACKEND isn't vertex.")
    assert "Set GEMINI_BACKEND to vertex" in problem


def test_a_backend_that_does_not_exist_is_named_with_those_that_do() -> None:
    [problem] = problems({"GEMINI_API_KEY": KEY, "GEMINI_BACKEND": "Vertex"})
    assert problem.startswith("GEMINI_BACKEND is 'Vertex'. Set it to developer ")
    assert "GOOGLE_CLOUD_PROJECT and VERTEX_LOCATION" in problem


def test_without_a_key_the_other_way_is_mentioned() -> None:
    [problem] = problems({})
    assert problem.startswith("GEMINI_API_KEY is not set.")
    assert "GEMINI_BACKEND=vertex" in problem


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(backend({"GEMINI_API_KEY": KEY}))
    assert "AIza" not in " ".join(problems({"GEMINI_API_KEY": "AIza"}))


def test_where_gemini_is_optional_nothing_is_none() -> None:
    reader = SettingsReader({"GEMINI_BASE_URL": "https://gemini.example"})
    assert read_optional_gemini_backend(reader) is None
    reader.finish()
    assert read_optional_gemini_backend(SettingsReader(VERTEX)) == backend(VERTEX)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_the_endpoint_of_a_location(location: str, url: str) -> None:
    assert VertexAi("my-project", location).url == url


# Further endpoints


def endpoints(environ: dict[str, str]) -> tuple[GeminiBackend, ...]:
    reader = SettingsReader(environ)
    read = read_model_endpoints(reader)
    reader.finish()
    return read


def test_without_further_endpoints_there_is_one() -> None:
    assert endpoints({"GEMINI_API_KEY": KEY, "MODEL_ENDPOINTS": " "}) == (DeveloperApi(KEY),)


def test_vertex_beside_the_developer_api_and_another_region() -> None:
    environ = {
        "GEMINI_API_KEY": KEY,
        "GEMINI_BASE_URL": "https://gemini.example",
        "GOOGLE_CLOUD_PROJECT": "my-project",
        "MODEL_ENDPOINTS": "vertex:us-central1, vertex:global",
    }

    assert endpoints(environ) == (
        DeveloperApi(KEY, "https://gemini.example"),
        VertexAi("my-project", "us-central1"),
        VertexAi("my-project", "global"),
    )


def test_the_developer_api_beside_vertex() -> None:
    environ = {**VERTEX, "GEMINI_API_KEY": KEY, "MODEL_ENDPOINTS": "developer"}

    read = endpoints(environ)

    assert read == (VertexAi("my-project", "us-central1"), DeveloperApi(KEY))
    assert [endpoint.name for endpoint in read] == ["vertex:us-central1", "developer"]


@pytest.mark.parametrize(
    ("environ", "listed", "problem"),
    [
        ({"GEMINI_API_KEY": KEY}, "vertex", "MODEL_ENDPOINTS has 'vertex'. Set it to"),
        ({"GEMINI_API_KEY": KEY}, "vertex:", "MODEL_ENDPOINTS has 'vertex:'. Set it to"),
        ({"GEMINI_API_KEY": KEY}, "openai", "MODEL_ENDPOINTS has 'openai'. Set it to"),
        ({"GEMINI_API_KEY": KEY}, "developer", "MODEL_ENDPOINTS repeats developer. List each"),
        (VERTEX, "vertex:us-central1", "MODEL_ENDPOINTS repeats vertex:us-central1. List each"),
        (VERTEX, "vertex:eu,vertex:eu", "MODEL_ENDPOINTS repeats vertex:eu. List each"),
        (VERTEX, "developer", "GEMINI_API_KEY is not set. Set it to"),
        ({"GEMINI_API_KEY": KEY}, "vertex:us,vertex:eu", "GOOGLE_CLOUD_PROJECT is not set."),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_told(
    environ: dict[str, str], listed: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        endpoints({**environ, "MODEL_ENDPOINTS": listed})

    [told] = caught.value.problems
    assert told.startswith(problem)
