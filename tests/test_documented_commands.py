"""What README.md and docs/ tell readers to run exists: gcloud checks its own commands, and make's
targets, Python's modules and Terraform's names are looked up. tests/cli runs `ringdown`'s.
"""

import functools
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documented_commands import ROOT, Command, commands

GCLOUD = shutil.which("gcloud") or ""
TERRAFORM = [command for command in commands("terraform") if "{" not in command.arguments[:1]]
MODULES = [command for command in commands("python") if command.arguments.startswith("-m ")]
SUBCOMMANDS = {
    "apply",
    "destroy",
    "force-unlock",
    "import",
    "init",
    "output",
    "plan",
    "providers",
    "version",
    "workspace",
}


@pytest.mark.skipif(not GCLOUD, reason="gcloud. Install it: cloud.google.com/sdk/docs/install")
def test_gcloud_knows_its_commands_and_their_flags(tmp_path: Path) -> None:
    """`gcloud meta lint-gcloud-commands` reads commands without running them."""
    whole = [str(command) for command in commands("gcloud") if len(command.arguments.split()) > 1]
    file = tmp_path / "commands.json"
    file.write_text(json.dumps([{"command_string": command} for command in whole]))

    linted = subprocess.run(
        [GCLOUD, "meta", "lint-gcloud-commands", f"--commands-file={file}"],
        check=True,
        capture_output=True,
        text=True,
    )

    verdicts = json.loads(linted.stdout)
    assert len(verdicts) == len(whole) > 20
    assert [
        f"{v['command_string']}: {v['error_message']}" for v in verdicts if not v["success"]
    ] == []


@pytest.mark.parametrize("command", commands("make"), ids=str)
def test_make_has_the_target(command: Command) -> None:
    targets = set(re.findall(r"^([a-z-]+|\$\(READY\)):", (ROOT / "Makefile").read_text(), re.M))
    targets = {target.replace("$(READY)", ".venv/.ready") for target in targets}
    words = shlex.split(command.arguments.replace("…", ""))
    named = [word for word in words if "=" not in word and not word.startswith("-")]

    assert set(named) <= targets, command.page
    for test in [word.removeprefix("TESTS=") for word in words if word.startswith("TESTS=")]:
        assert (ROOT / test).exists(), command.page


@pytest.mark.parametrize("command", MODULES, ids=str)
def test_python_has_the_module_and_its_options(command: Command) -> None:
    _, module, *words = shlex.split(command.arguments)
    options = {word for word in words if word.startswith("--")} - {"--help"}

    assert importlib.util.find_spec(module) is not None, command.page
    if options:
        assert [option for option in options if option not in _help(module)] == [], command.page


@functools.cache
def _help(module: str) -> str:
    program = [sys.executable, "-m", module, "--help"]
    return subprocess.run(program, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.parametrize("command", TERRAFORM, ids=str)
def test_terraform_has_what_is_named(command: Command) -> None:
    words = shlex.split(command.arguments)
    folder = next((word[len("-chdir=") :] for word in words if word[:7] == "-chdir="), "terraform")
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / folder).glob("*.tf"))
    subcommand, *rest = [word for word in words if not word.startswith("-chdir=")]

    assert source, f"{command.page}: there is no {folder}"
    assert subcommand in SUBCOMMANDS, command.page
    for variable in re.findall(r"-var=(\w+)=", command.arguments):
        assert f'variable "{variable}" {{' in source, command.page
    for kind, name in re.findall(r"\b(google_\w+|terraform_data)\.(\w+)", command.arguments):
        assert f'resource "{kind}" "{name}" {{' in source, command.page
    if subcommand == "output":
        outputs = [word for word in rest if not word.startswith("-")]
        assert [name for name in outputs if f'output "{name}" {{' not in source] == [], command.page
