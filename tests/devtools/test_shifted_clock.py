"""A process with shifted dates."""

import asyncio
import datetime
import sys
from pathlib import Path

import pytest

from devtools.shifted_clock import shifted
from devtools.stack import ROOT, planned_stack
from devtools.stack_settings import StackSettings

pytestmark = pytest.mark.real_clock

_DAY_S = 24 * 3_600
_PROGRAM = """
import sys
from ringdown import clock
print(clock.now().isoformat(), *sys.argv[1:])
"""


async def run(*arguments: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(ROOT / "devtools" / "shifted_clock.py"), *arguments),
        env={"PYTHONPATH": str(ROOT / "shared")},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().split()


def ahead_s(when: datetime.datetime) -> float:
    return (when - datetime.datetime.now(datetime.UTC)).total_seconds()


async def test_a_program_has_another_time_and_its_own_arguments(tmp_path: Path) -> None:
    clock, program = tmp_path / "clock", tmp_path / "program.py"
    clock.write_text(str(_DAY_S), "ascii")
    program.write_text(_PROGRAM, "utf-8")
    when, *arguments = await run(str(clock), str(program), "--port", "1")
    assert ahead_s(datetime.datetime.fromisoformat(when)) == pytest.approx(_DAY_S, abs=30)
    assert arguments == ["--port", "1"]


async def test_a_module_is_run_as_python_runs_it(tmp_path: Path) -> None:
    assert (await run(str(tmp_path / "clock"), "-m", "calendar", "2026", "2"))[:2] == [
        "February",
        "2026",
    ]


@pytest.mark.parametrize("text", [None, "", "not a number"])
def test_a_file_that_says_nothing_leaves_the_time_as_it_is(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "clock"
    if text is not None:
        file.write_text(text, "ascii")
    assert ahead_s(shifted(file)()) == pytest.approx(0, abs=5)


def test_the_time_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    now = shifted(file)
    for seconds in (60, -3_600, 0):
        file.write_text(str(seconds), "ascii")
        assert ahead_s(now()) == pytest.approx(seconds, abs=5)


async def commands_of(folder: Path, clock: Path | None) -> dict[str, list[str]]:
    _, commands = await planned_stack(
        StackSettings(out=folder, gemini_api_key="key", handlers=2, clock=clock)
    )
    return {command.name: list(command.argv) for command in commands}


async def test_webhook_and_handlers_of_a_stack_have_its_clock(tmp_path: Path) -> None:
    commands = await commands_of(tmp_path, tmp_path / "clock")
    shifted_ones = {name for name, argv in commands.items() if str(tmp_path / "clock") in argv}
    assert shifted_ones == {
        "call_ended",
        "incoming_call",
        "stream_handler_1",
        "stream_handler_2",
    }
    assert commands["stream_handler_1"][-2:] == ["-m", "stream_handler"]
    usual = await commands_of(tmp_path, None)
    assert not [name for name, argv in usual.items() if "shifted_clock" in " ".join(argv)]
