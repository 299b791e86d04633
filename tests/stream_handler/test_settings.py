import pytest

from ringdown.errors import ConfigurationError
from ringdown.gemini.backend import DeveloperApi
from stream_handler.record.trace_settings import TraceSettings
from stream_handler.settings import read_settings

COMPLETE = {
    "STREAM_URL": "wss://stream.example.com",
    "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
    "STREAM_TOKEN_SECRET": "s" * 64,
    "STORE_URL": "sqlite:/var/ringdown.db",
    "GEMINI_API_KEY": "AIza-0123456789",
}


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(environ)
    return caught.value.problems


def test_five_settings_are_enough() -> None:
    settings = read_settings(COMPLETE)

    assert settings.stream_url == "wss://stream.example.com"
    assert (settings.port, settings.max_calls) == (8080, 20)
    assert settings.endpoints == (DeveloperApi(COMPLETE["GEMINI_API_KEY"]),)


@pytest.mark.parametrize("name", sorted(COMPLETE))
@pytest.mark.parametrize("value", [None, "", "   "])
def test_each_missing_setting_is_named_with_what_to_set(name: str, value: str | None) -> None:
    environ = {key: text for key, text in COMPLETE.items() if key != name}
    if value is not None:
        environ[name] = value

    [problem] = problems(environ)

    assert problem.startswith(f"{name} is not set. Set it to ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STREAM_URL", "stream.example.com"),
        ("STREAM_URL", "https://stream.example.com"),
        ("STREAM_URL", "ws://stream.example.com"),
        ("STREAM_URL", "wss://"),
        ("STREAM_URL", "wss://stream.example.com?a=b"),
        ("STREAM_URL", "wss://stream.example.com:port"),
        ("TWILIO_AUTH_TOKEN", "short"),
        ("STREAM_TOKEN_SECRET", "s" * 31),
        ("STORE_URL", "sqlite:"),
        ("STORE_URL", "mysql://db"),
        ("GEMINI_API_KEY", "x"),
        ("GEMINI_BASE_URL", "http://gemini.example.com"),
        ("GEMINI_BASE_URL", "gemini"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("MAX_CALLS", "0"),
        ("MAX_CALLS", "1001"),
        ("MAX_CALLS", "2.5"),
    ],
)
def test_each_malformed_setting_is_named(name: str, value: str) -> None:
    [problem] = problems({**COMPLETE, name: value})

    assert problem.startswith(name)
    assert "Set it to" in problem


def test_everything_wrong_is_said_at_once() -> None:
    found = problems({"PORT": "x", "GEMINI_BASE_URL": "x"})

    assert {problem.split()[0] for problem in found} == {*COMPLETE, "PORT", "GEMINI_BASE_URL"}


def test_a_secret_is_never_repeated() -> None:
    secret = "hunter2"

    for name in ("TWILIO_AUTH_TOKEN", "STREAM_TOKEN_SECRET"):
        assert secret not in " ".join(problems({**COMPLETE, name: secret}))


def test_a_trailing_slash_is_no_part_of_the_base_url() -> None:
    settings = read_settings({**COMPLETE, "STREAM_URL": "wss://stream.example.com/"})

    assert settings.stream_url == "wss://stream.example.com"


def test_unencrypted_urls_are_for_this_machine_only() -> None:
    settings = read_settings({**COMPLETE, "STREAM_URL": "ws://127.0.0.1:9000"})

    assert settings.stream_url == "ws://127.0.0.1:9000"


def test_two_processes_make_claims_under_names_of_their_own() -> None:
    environ = {**COMPLETE, "K_REVISION": "stream-handler-00007"}

    first, second = read_settings(environ), read_settings(environ)

    assert first.handler.startswith("stream-handler-00007/")
    assert first.handler != second.handler


def test_there_are_no_traces_without_an_endpoint() -> None:
    assert read_settings({**COMPLETE, "OTEL_SERVICE_NAME": "line"}).traces is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4318/v1/traces"),
    ],
)
def test_traces_go_where_opentelemetrys_variables_say(name: str, value: str) -> None:
    traces = read_settings({**COMPLETE, name: value}).traces

    assert traces == TraceSettings("http://localhost:4318/v1/traces")


def test_words_and_the_project_of_traces() -> None:
    traces = read_settings(
        {
            **COMPLETE,
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://telemetry.googleapis.com",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "True",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=staging,gcp.project_id=our-project",
        }
    ).traces

    url = "https://telemetry.googleapis.com/v1/traces"
    assert traces == TraceSettings(url, words=True, project="our-project")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://localhost:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "perhaps"),
    ],
)
def test_traces_that_can_go_nowhere_are_told(name: str, value: str) -> None:
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
    [problem] = problems({**COMPLETE, **where, name: value})

    assert problem.startswith(f"{name} is {value!r}. Set it to ")
