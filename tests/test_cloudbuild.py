"""cloudbuild.yaml, its steps run in order with what they call replaced by recorders.

Substitutions and `$$` are read as Cloud Build reads them.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ringdown.tools import Json

ROOT = Path(__file__).parents[1]
FILE = ROOT / "cloudbuild.yaml"
DIGEST = f"us-east4-docker.pkg.dev/p/ringdown/stream-handler@sha256:{'b' * 64}"
GIVEN = {
    "_IMAGE": "us-east4-docker.pkg.dev/p/ringdown/stream-handler",
    "_STATE_BUCKET": "our-state",
    "COMMIT_SHA": "c0ffee",
    "PROJECT_ID": "our-project-1",
}
RECORDER = """#!/bin/sh
echo "$(basename "$0") $* image=$TF_VAR_stream_handler_image" >> "$RECORDED"
[ "$1" = inspect ] && echo "$DIGEST"
[ "$(basename "$0")/$1" = "$FAILS" ] && exit 1
exit 0
"""


@dataclass(frozen=True, slots=True)
class Build:
    status: int
    commands: list[str]
    said: str
    folder: Path


def document() -> Json:
    return yaml.safe_load(FILE.read_text("utf-8"))


_VARIABLE = re.compile(r"\$\$|\$(?P<name>[A-Z_][A-Z0-9_]*)|\$\{(?P<braced>[A-Z_][A-Z0-9_]*)\}")


def substituted(text: str, values: Mapping[str, str]) -> str:
    """As Cloud Build does it: $NAME and ${NAME}, and $$ for a dollar; unknown names are errors."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values[match["name"] or match["braced"]]

    return _VARIABLE.sub(value, text)


def run_build(folder: Path, branch: str, *, fails: str = "", tfvars: bool = True) -> Build:
    """`fails` names a command, such as `make/test`, that does."""
    build, workspace = document(), folder / "workspace"
    values = {**build["substitutions"], **GIVEN, "BRANCH_NAME": branch}
    tools = folder / "bin"
    (workspace / "terraform").mkdir(parents=True)
    if tfvars:
        (workspace / "terraform" / "terraform.tfvars").touch()
    tools.mkdir()
    for name in ("make", "docker", "cp"):
        (tools / name).write_text(RECORDER)
        (tools / name).chmod(0o755)
    (workspace / "terraform-binary").write_text(RECORDER)
    (workspace / "terraform-binary").chmod(0o755)
    recorded = folder / "recorded.txt"
    said = ""
    for step in build["steps"]:
        entrypoint = step.get("entrypoint") or step["name"].rpartition("/")[2]
        words = [_here(substituted(word, values), workspace) for word in step["args"]]
        environ = dict(substituted(one, values).split("=", 1) for one in step.get("env", ()))
        done = subprocess.run(
            (entrypoint, *words),
            cwd=workspace,
            env={
                **environ,
                **dict.fromkeys(step.get("secretEnv", ()), "canary-secret"),
                "PATH": f"{tools}:{os.environ['PATH']}",
                "RECORDED": str(recorded),
                "DIGEST": DIGEST,
                "FAILS": fails,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said += done.stdout
        if done.returncode != 0:
            break
    return Build(done.returncode, recorded.read_text().splitlines(), said, folder)


def _here(text: str, workspace: Path) -> str:
    return text.replace("/workspace", str(workspace))


def test_a_push_to_main_is_tested_built_pushed_planned_and_applied(tmp_path: Path) -> None:
    build = run_build(tmp_path, "main")
    assert build.status == 0, build.said
    assert [line.split(" image=")[0].split()[:2] for line in build.commands] == [
        ["make", "test"],
        ["docker", "build"],
        ["docker", "push"],
        ["docker", "inspect"],
        ["cp", "/bin/terraform"],
        ["terraform-binary", "init"],
        ["terraform-binary", "plan"],
        ["terraform-binary", "apply"],
    ]
    assert "-backend-config=bucket=our-state -backend-config=prefix=ringdown" in build.commands[5]
    assert 'backend "gcs"' in (tmp_path / "workspace/terraform/backend.tf").read_text()


def test_what_is_deployed_is_named_by_its_digest(tmp_path: Path) -> None:
    build = run_build(tmp_path, "main")
    images = [c.split(" image=")[1] for c in build.commands if c.startswith("terraform-")]
    assert images == [DIGEST] * 3


def test_another_branch_is_planned_and_not_applied(tmp_path: Path) -> None:
    build = run_build(tmp_path, "an-idea")
    assert build.status == 0, build.said
    assert build.commands[-1].startswith("terraform-binary plan")
    assert "an-idea is not main" in build.said


@pytest.mark.parametrize(
    ("fails", "last"),
    [
        ("make/test", "make test"),
        ("docker/push", "docker push"),
        ("terraform-binary/plan", "terraform-binary plan"),
    ],
)
def test_nothing_follows_a_step_that_fails(tmp_path: Path, fails: str, last: str) -> None:
    build = run_build(tmp_path, "main", fails=fails)
    assert build.status != 0
    assert build.commands[-1].startswith(last)


def test_without_variables_nothing_is_planned(tmp_path: Path) -> None:
    """An apply with defaults would take down what a person asked for."""
    build = run_build(tmp_path, "main", tfvars=False)
    assert build.status != 0
    assert "Commit the variables" in build.said
    assert not [line for line in build.commands if line.startswith("terraform-")]


def test_no_secret_is_in_an_argument(tmp_path: Path) -> None:
    build = run_build(tmp_path, "main")
    assert "canary-secret" not in "\n".join(build.commands)
    asked = {name for step in document()["steps"] for name in step.get("secretEnv", ())}
    assert asked == {s["env"] for s in document()["availableSecrets"]["secretManager"]}


def test_the_trigger_gives_every_substitution_there_is() -> None:
    trigger = (ROOT / "terraform" / "cloudbuild_trigger.tf").read_text("utf-8")
    given = set(re.findall(r"^\s+(_[A-Z_]+)\s+=", trigger, re.MULTILINE))
    assert given == set(document()["substitutions"]) - {"_TERRAFORM"}


def test_every_variable_it_sets_is_one_of_terraforms() -> None:
    declared = {
        name
        for path in (ROOT / "terraform").glob("variables*.tf")
        for name in re.findall(r'^variable "(\w+)"', path.read_text("utf-8"), re.MULTILINE)
    }
    text = FILE.read_text("utf-8")
    assert set(re.findall(r"TF_VAR_(\w+)", text)) <= declared
