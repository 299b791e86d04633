"""The two pipelines: their steps run in order, with recorders in place of the commands they call.

Substitutions and `$$` are read as Cloud Build reads them.
"""

import json
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
APPLY, PLAN = ROOT / "cloudbuild.yaml", ROOT / "cloudbuild.plan.yaml"
DIGEST = f"us-east4-docker.pkg.dev/p/ringdown/stream-handler@sha256:{'b' * 64}"
GIVEN = {
    "_IMAGE": "us-east4-docker.pkg.dev/p/ringdown/stream-handler",
    "_STATE_BUCKET": "our-state",
    "COMMIT_SHA": "c0ffee",
    "PROJECT_ID": "our-project-1",
}
RECORDER = """#!/bin/sh
echo "$(basename "$0") $* image=$TF_VAR_stream_handler_image" >> "$RECORDED"
env > "$RECORDED.env"
[ "$1" = inspect ] && echo "$DIGEST"
[ "$1" = output ] && echo "$DEPLOYED"
[ "$1" = storage ] && echo "$VARIABLES" > terraform.tfvars
[ "$(basename "$0")/$1" = "$FAILS" ] && exit 1
exit 0
"""


@dataclass(frozen=True, slots=True)
class Build:
    status: int
    commands: list[str]
    said: str
    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the last command."""
        lines = (self.folder / "recorded.txt.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)


def document(file: Path = APPLY) -> Json:
    return yaml.safe_load(file.read_text("utf-8"))


_VARIABLE = re.compile(r"\$\$|\$(?P<name>[A-Z_][A-Z0-9_]*)|\$\{(?P<braced>[A-Z_][A-Z0-9_]*)\}")


def substituted(text: str, values: Mapping[str, str]) -> str:
    """Replace $NAME and ${NAME} like Cloud Build; $$ is a dollar, and unknown names are errors."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values[match["name"] or match["braced"]]

    return _VARIABLE.sub(value, text)


def run_build(
    folder: Path,
    file: Path = APPLY,
    *,
    fails: str = "",
    deployed: str = DIGEST,
    variables: str = "",
) -> Build:
    """Run a build's steps; `fails` names a command that fails, such as `make/test`."""
    build, workspace = document(file), folder / "workspace"
    values = {**build["substitutions"], **GIVEN}
    tools = folder / "bin"
    (workspace / "terraform").mkdir(parents=True)
    tools.mkdir()
    for name in ("make", "docker", "cp", "gcloud"):
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
                "DEPLOYED": deployed,
                "VARIABLES": variables,
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
    build = run_build(tmp_path)
    assert build.status == 0, build.said
    assert [line.split(" image=")[0].split()[:2] for line in build.commands] == [
        ["make", "test"],
        ["docker", "build"],
        ["docker", "push"],
        ["docker", "inspect"],
        ["cp", "/bin/terraform"],
        ["gcloud", "storage"],
        ["terraform-binary", "init"],
        ["terraform-binary", "plan"],
        ["terraform-binary", "apply"],
    ]
    assert "cp gs://our-state/ringdown/terraform.tfvars ." in build.commands[5]
    assert "-backend-config=bucket=our-state -backend-config=prefix=ringdown" in build.commands[6]
    assert 'backend "gcs"' in (tmp_path / "workspace/terraform/backend.tf").read_text()


def test_what_is_deployed_is_named_by_its_digest(tmp_path: Path) -> None:
    build = run_build(tmp_path)
    images = [c.split(" image=")[1] for c in build.commands if c.startswith("terraform-")]
    assert images == [DIGEST] * 3


def test_another_branch_is_tested_and_planned_by_the_state_alone(tmp_path: Path) -> None:
    build = run_build(tmp_path, PLAN)
    assert build.status == 0, build.said
    assert [line.split()[:2] for line in build.commands] == [
        ["make", "test"],
        ["cp", "/bin/terraform"],
        ["gcloud", "storage"],
        ["terraform-binary", "init"],
        ["terraform-binary", "output"],
        ["terraform-binary", "plan"],
    ]
    assert "plan -refresh=false -lock=false" in build.commands[-1]


def test_a_plan_has_no_secret_and_names_none() -> None:
    build = document(PLAN)
    assert "availableSecrets" not in build
    assert [step["id"] for step in build["steps"] if "secretEnv" in step] == []
    assert "gcloud secrets" not in PLAN.read_text("utf-8")


def test_a_plan_gives_tools_placeholders_for_secrets(tmp_path: Path) -> None:
    """Terraform wants a value for each enabled secret."""
    variables = "enabled_tool_secrets = { TWILIO_API_KEY = 1, AWS_SECRET_ACCESS_KEY = 2 }"
    build = run_build(tmp_path, PLAN, variables=variables)
    given = json.loads(build.environ["TF_VAR_tool_secrets"])
    assert given == dict.fromkeys(
        ("AWS_SECRET_ACCESS_KEY", "TWILIO_API_KEY"), "not-known-to-a-plan"
    )


@pytest.mark.parametrize(("deployed", "kept"), [(DIGEST, DIGEST), ("host/handler:src-1", "")])
def test_a_plan_keeps_the_image_that_a_pipeline_deployed(
    deployed: str, kept: str, tmp_path: Path
) -> None:
    build = run_build(tmp_path, PLAN, deployed=deployed)
    assert build.commands[-1].endswith(f"image={kept}")


@pytest.mark.parametrize(
    ("fails", "last"),
    [
        ("make/test", "make test"),
        ("docker/push", "docker push"),
        ("terraform-binary/plan", "terraform-binary plan"),
    ],
)
def test_nothing_follows_a_step_that_fails(tmp_path: Path, fails: str, last: str) -> None:
    build = run_build(tmp_path, fails=fails)
    assert build.status != 0
    assert build.commands[-1].startswith(last)


@pytest.mark.parametrize("file", [APPLY, PLAN], ids=["apply", "plan"])
def test_without_variables_nothing_is_planned(file: Path, tmp_path: Path) -> None:
    """An apply with defaults would take down what a person set up."""
    build = run_build(tmp_path, file, fails="gcloud/storage")
    assert build.status != 0
    assert "gcloud storage cp terraform/terraform.tfvars gs://our-state/ringdown/" in build.said
    assert not [line for line in build.commands if line.startswith("terraform-")]


def test_no_secret_is_in_an_argument(tmp_path: Path) -> None:
    build = run_build(tmp_path)
    assert "canary-secret" not in "\n".join(build.commands)
    asked = {name for step in document()["steps"] for name in step.get("secretEnv", ())}
    assert asked == {s["env"] for s in document()["availableSecrets"]["secretManager"]}


def test_the_triggers_give_every_substitution_there_is() -> None:
    triggers = (ROOT / "terraform" / "cloudbuild_trigger.tf").read_text("utf-8")
    given = set(re.findall(r"^\s+(_[A-Z_]+)\s+=", triggers, re.MULTILINE))
    assert given == set(document(APPLY)["substitutions"]) - {"_TERRAFORM"}
    assert given - {"_IMAGE"} == set(document(PLAN)["substitutions"]) - {"_TERRAFORM"}


def test_both_pipelines_have_one_terraform() -> None:
    first, second = (document(file)["substitutions"]["_TERRAFORM"] for file in (APPLY, PLAN))
    assert first == second


def test_every_variable_it_sets_is_one_of_terraforms() -> None:
    declared = {
        name
        for path in (ROOT / "terraform").glob("variables*.tf")
        for name in re.findall(r'^variable "(\w+)"', path.read_text("utf-8"), re.MULTILINE)
    }
    text = APPLY.read_text("utf-8") + PLAN.read_text("utf-8")
    assert set(re.findall(r"TF_VAR_(\w+)", text)) <= declared
