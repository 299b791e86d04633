"""checkov finds nothing in what is deployed, except what .checkov.yaml explains.

Its parser also covers the role for AWS, because a plan of that would need AWS.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ringdown.tools import Json
from tests.terraform.clean_machine import clean_environment
from tests.terraform.stand_in import ROOT

REQUIREMENTS = ROOT / "tests" / "terraform" / "checkov" / "requirements.txt"
OURS = (
    ".checkov.yaml",
    "cli/Dockerfile",
    "functions/caller_page/Dockerfile",
    "functions/incoming_call/Dockerfile",
    "services/stream_handler/Dockerfile",
)
PLANTED = {
    "planted/main.tf": """
        resource "google_storage_bucket" "open" {
          name     = "open"
          location = "US"
        }
        """,
    "planted/aws/main.tf": """
        data "aws_iam_policy_document" "everything" {
          statement {
            actions   = ["*"]
            resources = ["*"]
          }
        }
        """,
    "planted/Dockerfile": "FROM python:latest\n",
}


pytestmark = pytest.mark.timeout(300)  # the first time, packages are installed


def test_nothing_is_found_but_what_was_planted(tmp_path: Path) -> None:
    for name in OURS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "terraform", tmp_path / "terraform", ignore=_not_ours)
    for name, text in PLANTED.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")

    failed = [check for report in reports(tmp_path) for check in report["results"]["failed_checks"]]

    found = {check["file_path"].lstrip("/") for check in failed}
    ours = [f"{c['check_id']} {c['resource']}" for c in failed if "planted" not in c["file_path"]]
    assert ours == []
    assert found == PLANTED.keys()


def reports(folder: Path) -> list[Json]:
    """checkov's report about each kind of file in the folder."""
    told = run("checkov", "--config-file", ".checkov.yaml", "--output", "json", cwd=folder)
    found: list[Json] = json.loads(told)
    return found


def test_aws_trusts_one_account_and_lets_it_read_one_knowledge_base() -> None:
    parsed = json.loads(run("hcl2tojson", "terraform/aws/main.tf", cwd=ROOT))

    policies = {
        name: policy["statement"]
        for block in parsed["data"]
        for name, policy in block.get("aws_iam_policy_document", {}).items()
    }
    ((trust,), (retrieve,)) = (policies.pop("trust"), policies.pop("retrieve"))
    conditions = {c["variable"][0]: (*c["test"], *c["values"]) for c in trust["condition"]}
    ours = ("StringEquals", ["${var.account_unique_id}"])
    assert policies == {}
    assert conditions == {
        "accounts.google.com:aud": ours,
        "accounts.google.com:oaud": ("StringEquals", ["sts.amazonaws.com"]),
        "accounts.google.com:sub": ours,
    }
    assert retrieve == {
        "actions": [["bedrock:Retrieve"]],
        "resources": [["${local.knowledge_base}"]],
    }


def run(program: str, *arguments: str, cwd: Path) -> str:
    """The output of a program in checkov's environment, whose status depends on the findings."""
    done = subprocess.run(
        (str(clean_environment(REQUIREMENTS) / "bin" / program), *arguments),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout


def _not_ours(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in (".terraform", ".build")]
