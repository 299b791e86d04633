"""What the parts of a local stack are started with."""

from pathlib import Path

from devtools.stack import planned_stack, settings_from_environ

ENVIRON = {
    "GEMINI_API_KEY": "AIza-0123456789",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=secret",
}


async def test_the_handlers_and_no_other_part_get_opentelemetrys_variables(tmp_path: Path) -> None:
    _, commands = await planned_stack(settings_from_environ(ENVIRON, tmp_path))

    got = {command.name for command in commands if ENVIRON.items() <= command.environ.items()}
    some = {
        command.name
        for command in commands
        if any(name.startswith("OTEL_") for name in command.environ)
    }
    assert got == some == {"stream_handler"}
