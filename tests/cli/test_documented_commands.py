"""Every command of `ringdown` in README.md and docs/: blocks run as they stand, and sentences name
no command or option that doesn't exist.
"""

import datetime
import json
import re
import shlex
import shutil
from importlib import resources
from pathlib import Path

import pytest

from ringdown_cli.command_line import command_parser
from tests.cli.agents.stored_agents import DOCUMENT, TESTER, answering_revision, look, write
from tests.cli.calls.stored_calls import bad_call, good_call, sid
from tests.cli.command_line import CommandLine
from tests.documented_commands import Command, commands

ALL = commands("ringdown")
RUN_BY = {
    "agents rehearse": "tests/devtools/rehearsals/",
    "calls analyse": "tests/cli/calls/test_outcomes.py",
    "calls restore": "tests/cli/calls/test_restoring.py",
    "console": "tests/cli/test_console.py",
    "doctor": "tests/cli/doctor/",
    "webhooks test": "tests/cli/test_webhooks.py",
}
"""These need a model, servers or a log: their own tests have them."""
BAD = 0x3F9C1D
REVISION = "3f9c"
"""The pages' example. Here revisions have other names."""
PERSONA = "asks-for-hours"
PERSONA_FILE = resources.files("ringdown") / "packaged" / "rehearsals" / "asks-the-price.yaml"

RUN = [it for it in ALL if it.in_block and not it.arguments.startswith(tuple(RUN_BY))]
PARSED = [it for it in ALL if it not in RUN]


def _named(command: Command) -> list[str]:
    return [word for word in shlex.split(command.arguments) if word != "…"]


@pytest.fixture(scope="module")
def busy_line(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a store that has some of everything, and an older revision of its agent."""
    folder = tmp_path_factory.mktemp("busy")
    line = CommandLine(folder)
    write(line, {**DOCUMENT, "voice": "Puck"}, agent_id="default")
    look(line, agent_id="default")
    older = answering_revision(line, agent_id="default")
    assert older is not None
    write(line, DOCUMENT, agent_id="default")
    look(line, agent_id="default")
    write(line, {**DOCUMENT, "testers": [TESTER]}, agent_id="default", draft=True)
    bad_call(line, BAD, ago=datetime.timedelta(hours=20))
    good_call(line, 1)
    assert line.run("webhooks", "set", "https://example.com/ringdown").status == 0
    persona = PERSONA_FILE.read_text("utf-8")
    saved = line.run("rehearsals", "edit", PERSONA, "--file", "-", answers=persona)
    assert saved.status == 0
    (folder / "logs").mkdir()
    logged = {"message": "tool did not answer in time", "call_sid": sid(BAD)}
    (folder / "logs" / "stream_handler.log").write_text(json.dumps(logged))
    return folder, older


@pytest.mark.parametrize("command", RUN, ids=str)
def test_a_command_in_a_block_runs_as_it_stands(
    command: Command,
    busy_line: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared, older = busy_line
    folder = shutil.copytree(prepared, tmp_path / "line")
    monkeypatch.chdir(folder)
    line = CommandLine(folder)
    line.environ = {"EDITOR": line.editor("text = text.replace('ten', 'twelve')")}
    words = [older[:8] if word == REVISION else word for word in _named(command)]
    if "--file" in words:
        Path(words[-1]).write_text(PERSONA_FILE.read_text("utf-8"))

    ran = line.run(*words, answers="y\ny\ny\n")

    assert ran.status == 0, f"{command.page}: {command}\n{ran.all}"


@pytest.mark.parametrize("command", PARSED, ids=str)
def test_any_other_command_exists(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence may leave arguments out; a block may not."""
    words = _named(command)
    try:
        command_parser().parse_args(words)
    except SystemExit:
        said = capsys.readouterr().err
        is_partial = re.search("arguments are required|expected one argument", said)
        assert is_partial, f"{command.page}: {command}\n{said}"
        assert not command.in_block, f"{command.page}: {command}\n{said}"
        # argparse misses the arguments before it meets an unknown option; the usage names them all
        options = set(re.findall(r"--[a-z-]+", said))
        assert {word for word in words if word.startswith("--")} <= options, command.page


@pytest.mark.parametrize(("name", "tests"), RUN_BY.items())
def test_what_runs_elsewhere_is_documented_and_has_its_tests(name: str, tests: str) -> None:
    assert any(str(command).startswith(f"ringdown {name}") for command in ALL)
    assert (Path(__file__).parents[2] / tests).exists()
