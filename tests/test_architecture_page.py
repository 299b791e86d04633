"""docs/architecture.md: every file that it names exists, and every deployable is drawn."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
FOLDERS = (
    "",
    "services",
    "services/stream_handler",
    "services/stream_handler/call",
    "shared",
    "shared/ringdown",
    "functions",
    "functions/agent_edited",
    "functions/call_ended",
    "functions/incoming_call",
    "functions/incoming_call/voice_webhook",
)
_FIRST_CELL = re.findall(r"^\| ((?:`[\w/]+`,? ?)+) \|", PAGE, re.M)
_WITH_A_SLASH = re.findall(r"`(\w+/[\w./]*)`", PAGE)
NAMED = sorted(
    {name for cell in _FIRST_CELL for name in re.findall(r"`([\w/]+)`", cell)} | {*_WITH_A_SLASH}
)
_PATHS = re.findall(r"^\|[^|]+\| (`[^|]* → [^|]*) \|", PAGE, re.M)


def exists(name: str) -> bool:
    paths = (ROOT / folder / name for folder in FOLDERS)
    return any(path.exists() or path.with_suffix(".py").exists() for path in paths)


def test_the_page_names_files() -> None:
    assert len(NAMED) > 40
    assert len(_PATHS) > 4


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_is_named_exists(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize("path", _PATHS)
def test_a_path_leads_through_seven_files_at_most(path: str) -> None:
    files = set(re.findall(r"`([\w/]+)`", path))

    assert [name for name in files if not exists(name)] == []
    assert len(files) <= 7


def test_every_deployable_is_drawn() -> None:
    drawing = (ROOT / "docs" / "parts.svg").read_text("utf-8")
    folders = [*(ROOT / "functions").iterdir(), *(ROOT / "services").iterdir()]
    parts = {folder.name for folder in folders if any(folder.glob("*.py"))}
    assert {name for name in parts if f">{name}</text>" not in drawing} == set()
    assert len(parts) >= 5
