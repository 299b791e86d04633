"""The twelve calls of docs/heard still go the way its page says they go now."""

import re
from pathlib import Path

import pytest

from tests.heard.playing import play
from tests.heard.stories import STORIES
from tests.jumping_loop import virtual_time

PAGES = Path(__file__).parents[2] / "docs" / "heard"
LINKED = re.findall(r"\(((?:before|after)/\w+\.html)\)", (PAGES / "README.md").read_text("utf-8"))
LARGEST_KB = 450


@pytest.mark.parametrize("name", STORIES)
@virtual_time
async def test_a_call_goes_right(name: str, tmp_path: Path) -> None:
    played = await play(STORIES[name], tmp_path)

    assert STORIES[name].is_right(played), played.record.turns


def test_every_call_has_its_pages_and_every_page_its_link() -> None:
    pages = {f"{when}/{name}.html" for when in ("before", "after") for name in STORIES}

    assert sorted(LINKED) == sorted(pages)
    assert {page.relative_to(PAGES).as_posix() for page in PAGES.glob("*/*")} == pages


def test_pages_are_small_enough_to_be_kept() -> None:
    sizes_kb = {page.name: page.stat().st_size // 1024 for page in PAGES.glob("*/*.html")}

    assert {name: size for name, size in sizes_kb.items() if size > LARGEST_KB} == {}
