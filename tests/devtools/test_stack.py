"""The settings with which a local stack's parts start."""

from pathlib import Path

import pytest

from devtools.processes import Command
from devtools.stack import planned_stack
from devtools.stack_settings import StackSettings, settings_from_environ
from ringdown.errors import ConfigurationError
from ringdown.tools import ASK_FOR_PHOTO

ENVIRON = {
    "GEMINI_API_KEY": "AIza-0123456789",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=secret",
}


async def planned(folder: Path, **fields: object) -> dict[str, Command]:
    settings = StackSettings(out=folder, gemini_api_key="none", **fields)  # type: ignore[arg-type]
    _, commands = await planned_stack(settings)
    return {command.name: command for command in commands}


async def test_the_callers_page_and_what_texts_its_link_share_a_secret(tmp_path: Path) -> None:
    commands = await planned(tmp_path, served_tools=None)
    page, tool = commands["caller_page"], commands[ASK_FOR_PHOTO]

    assert tool.environ["CALLER_PAGE_URL"] == page.url
    assert tool.environ["UPLOAD_LINK_SECRET"] == page.environ["UPLOAD_LINK_SECRET"]
    assert len(page.environ["UPLOAD_LINK_SECRET"]) >= 32
    assert "FRAMED_BY" not in page.environ
    assert "GEMINI_API_KEY" not in page.environ


async def test_callers_are_sent_to_its_public_address(tmp_path: Path) -> None:
    fields = {"caller_page_url": "https://page.example", "caller_page_port": 8082}
    commands = await planned(tmp_path, served_tools=None, **fields)

    assert commands["caller_page"].url == "http://127.0.0.1:8082"
    assert commands[ASK_FOR_PHOTO].environ["CALLER_PAGE_URL"] == "https://page.example"


async def test_without_what_texts_its_link_there_is_no_page(tmp_path: Path) -> None:
    assert "caller_page" not in await planned(tmp_path)


def test_two_parts_cannot_have_one_port(tmp_path: Path) -> None:
    environ = {"GEMINI_API_KEY": "AIza-0123456789", "CALLER_PAGE_PORT": "8081"}

    with pytest.raises(ConfigurationError, match="must differ: they are 8080, 8081 and 8081"):
        settings_from_environ(environ, tmp_path)


async def test_the_handlers_and_no_other_part_get_opentelemetrys_variables(tmp_path: Path) -> None:
    _, commands = await planned_stack(settings_from_environ(ENVIRON, tmp_path))

    got = {command.name for command in commands if ENVIRON.items() <= command.environ.items()}
    some = {
        command.name
        for command in commands
        if any(name.startswith("OTEL_") for name in command.environ)
    }
    assert got == some == {"stream_handler"}
