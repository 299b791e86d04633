"""`ringdown doctor`, run the way a person does."""

import json
import sys
from pathlib import Path

import pytest

from devtools.processes import free_port
from tests.cli.command_line import CommandLine
from tests.cli.doctor.test_deployment import STACK, outputs


@pytest.fixture(autouse=True)
def no_google_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))


def a_dead_stack(store_url: str) -> dict[str, object]:
    """The stack.json of a stack whose processes are gone."""
    url = f"http://127.0.0.1:{free_port()}"
    processes = [{"name": "stream_handler", "pid": 1, "url": url}]
    return {**STACK, "store_url": store_url, "webhook_url": url, "processes": processes}


def dead_outputs() -> str:
    url = f"http://127.0.0.1:{free_port()}"
    return outputs(
        webhook_url=url, stream_url=url.replace("http", "ws", 1), twilio_account_sid=None
    )


def test_a_stack_that_has_died_is_told_with_what_to_do(command_line: CommandLine) -> None:
    (command_line.folder / "out").mkdir()
    (command_line.folder / "out" / "stack.json").write_text(
        json.dumps(a_dead_stack(command_line.store_url))
    )
    command_line.run("agents", "seed")

    ran = command_line.run("doctor")

    lines = ran.said.splitlines()
    assert lines[0] == "Checking the stack on this machine …"
    assert ran.status == 1
    told = {line.split()[1]: line for line in lines if line.strip()[0] in "✓✗!–"}
    assert told["agents"].startswith("  ! agents     usable, but with remarks"), (
        "no tool is deployed"
    )
    assert told["webhook"].startswith("  ✗ webhook    can't be reached: ")
    assert told["billing"].startswith("  – billing    no Google Cloud project")
    assert "is `make stack` running?" in ran.said
    assert lines[-1] == "1 with limits, 2 wrong, 6 not tried"


def test_outputs_from_standard_input_for_scripts(command_line: CommandLine) -> None:
    text = dead_outputs().replace("firestore:my-project/ringdown", command_line.store_url)

    ran = command_line.run("doctor", "--outputs", "-", "--json", answers=text, environ={})

    document = json.loads(ran.said)
    assert document["where"] == "the deployment in project my-project"
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert states["handler"] == "wrong"
    assert states["billing"] == "untried"
    assert ran.status == 1


def test_the_environment_is_the_last_resort(command_line: CommandLine) -> None:
    stream_url = f"ws://127.0.0.1:{free_port()}"

    ran = command_line.run("doctor", environ={"STREAM_URL": stream_url})

    assert ran.said.startswith("Checking the deployment in the environment …")


def test_nothing_to_look_at_is_told(command_line: CommandLine, tmp_path: Path) -> None:
    ran = command_line.run("doctor", "--terraform", str(tmp_path), environ={})

    assert ran.status == 2
    assert "--outputs" in ran.complained
    assert "make stack" in ran.complained


@pytest.mark.parametrize("text", ["", "{}", "The state file is empty."])
def test_what_is_no_output_of_terraform_is_told(command_line: CommandLine, text: str) -> None:
    file = command_line.folder / "outputs.json"
    file.write_text(text)

    ran = command_line.run("doctor", "--outputs", str(file))

    assert ran.status == 1
    assert ran.complained.startswith(f"{file}: ")
    assert "`terraform output -json`" in ran.complained


def terraform(folder: Path, script: str) -> dict[str, str]:
    """A folder in which Terraform was run, and a PATH with this program as `terraform`."""
    (folder / ".terraform").mkdir(parents=True)
    program = folder / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
    program.chmod(0o755)
    return {"PATH": str(program.parent)}


def test_terraforms_own_state(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "infrastructure"
    text = dead_outputs().replace("firestore:my-project/ringdown", command_line.store_url)
    script = f"assert sys.argv[1:] == ['-chdir={folder}', 'output', '-json']\nprint({text!r})"
    monkeypatch.setenv("PATH", terraform(folder, script)["PATH"])

    ran = command_line.run("doctor", "--terraform", str(folder), environ={})

    assert ran.said.startswith("Checking the deployment in project my-project …")


def test_a_terraform_that_fails_is_told(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "infrastructure"
    script = "sys.exit('Error: Backend initialization required')"
    monkeypatch.setenv("PATH", terraform(folder, script)["PATH"])

    ran = command_line.run("doctor", "--terraform", str(folder), environ={})

    assert ran.status == 1
    assert "Backend initialization required" in ran.complained


def test_a_machine_without_terraform_is_told(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "infrastructure" / ".terraform").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))

    ran = command_line.run("doctor", "--terraform", str(tmp_path / "infrastructure"), environ={})

    assert ran.status == 1
    assert "ringdown doctor --outputs FILE" in ran.complained
