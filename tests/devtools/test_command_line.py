"""What commands say when they can't start."""

import io
from pathlib import Path

import pytest

from devtools.command_line import main
from ringdown_cli.command import BROKEN
from ringdown_cli.terminal import Terminal


@pytest.mark.parametrize("command", ["call", "stack", "talk"])
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, command: str) -> None:
    out = tmp_path / "out"
    out.touch()
    errors = io.StringIO()
    environ = {"TALK_PORT": "0"}
    if command == "stack":
        environ = {"GEMINI_API_KEY": "AIza-0123456789"}

    status = main(
        (command,),
        environ=environ,
        terminal=Terminal(io.StringIO(), io.StringIO(), errors),
        out=out,
    )

    assert status == BROKEN
    assert errors.getvalue().startswith(f"Can't write to the folder {out}")
