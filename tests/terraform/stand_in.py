"""Runs Terraform on stand-in providers, in a copy of the tree, and plays gcloud and Twilio.

TERRAFORM_STANDIN names a program that runs a command with stand-ins for the providers: no network,
no cloud, but Terraform itself and the providers' own schemas. stricter_provider.py adds what
Google's provider does beyond its schema.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ringdown.tools import Json
from tests.terraform.little_twilio import LittleTwilio

ROOT = Path(__file__).parents[2]
STRICTER = Path(__file__).with_name("stricter_provider.py")
ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
PHONE_NUMBER = "+14155550100"
PROJECT = "our-project-1"
SECRETS = {
    "gemini_api_key": "canary-gemini-key-4711",
    "twilio_auth_token": "canary-twilio-token-4711",
    "twilio_shared_key_secret": "canary-shared-key-4711",
}
TOOL_SECRET = "canary-tool-secret-4711"
REQUIRED = {
    "project_id": PROJECT,
    "phone_numbers": {PHONE_NUMBER: {"agent": "default"}},
    "twilio_account_sid": ACCOUNT_SID,
}
WITHIN_S = 600.0  # an apply takes seconds on an idle machine

COPIED = ("cli", "terraform", "functions", "services", "shared", ".dockerignore", ".gcloudignore")
_NOT_COPIED = shutil.ignore_patterns(
    "__pycache__", ".terraform*", "*.tfstate*", "*.tfvars", ".build", ".mypy_cache"
)
_GCLOUD = '''#!{python}
"""Plays gcloud: records its arguments, and stores objects and one secret."""
import json, pathlib, sys
folder, words = pathlib.Path({folder!r}), sys.argv[1:]
with (folder / "gcloud.jsonl").open("a") as log:
    log.write(json.dumps(words) + "\\n")
match words:
    case ["secrets", "versions", "access", version, *_]:
        newer = folder / "latest-token"
        print(newer.read_text() if version == "latest" and newer.exists() else {token!r})
    case ["storage", "cp", "-", url, *_]:
        (folder / url.replace("/", "-")).write_text(sys.stdin.read())
    case ["storage", "cat", url, *_]:
        print((folder / url.replace("/", "-")).read_text())
    case ["auth", "print-access-token", *_]:
        print("an-access-token")
'''

needs_stand_in = pytest.mark.skipif(
    "TERRAFORM_STANDIN" not in os.environ or shutil.which("terraform") is None,
    reason="Terraform, and in TERRAFORM_STANDIN a program that runs it on stand-in providers."
    " Install Terraform: https://developer.hashicorp.com/terraform/install",
)


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    output: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of what Terraform reads, to run it in."""

    folder: Path
    twilio: LittleTwilio
    variables: Mapping[str, object]
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def terraform(self) -> Path:
        return self.folder / "terraform"

    def refuse(self, kind: str, message: str, times: int) -> None:
        """Make the next `times` creations of a resource type fail."""
        refusals = {kind: {"message": message, "times": times}}
        (self.folder / "refusals.json").write_text(json.dumps(refusals), "utf-8")

    def with_variables(self, **changes: object) -> "Checkout":
        """The same folder and services with different variables."""
        return replace(self, variables={**self.variables, **changes})

    def run(self, *commands: str) -> Ran:
        """Run shell commands in terraform/, until one fails."""
        variables = self.terraform / "given.auto.tfvars.json"
        variables.write_text(json.dumps(self.variables), "utf-8")
        secrets = {f"TF_VAR_{name}": value for name, value in SECRETS.items()}
        script = self.folder / "run.sh"
        fakes = f'export PATH="{self.folder / "bin"}:$PATH"'
        script.write_text("\n".join(("set -e", fakes, *commands)), "utf-8")
        done = subprocess.run(
            (
                os.environ["TERRAFORM_STANDIN"],
                *(sys.executable, str(STRICTER), str(self.folder), "bash", str(script)),
            ),
            cwd=self.terraform,
            env={
                **{name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ},
                **secrets,
                "GOGC": "400",  # Terraform spends a fifth of its time on garbage collection
                "TWILIO_URL": self.twilio.url_pattern,
                "FIREBASE_RULES_API_URL": self.twilio.url,
                "FIRESTORE_API_URL": self.twilio.url,
                **self.environ,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    def succeed(self, *commands: str) -> str:
        ran = self.run(*commands)
        assert ran.status == 0, ran.output[-6000:]
        return ran.output

    def json(self, name: str) -> Json:
        return json.loads((self.terraform / name).read_text("utf-8"))


@contextmanager
def checkout(
    folder: Path,
    variables: Mapping[str, object],
    *,
    source: Path = ROOT,
    every_tool: bool = False,
    full_zips: bool = False,
    numbers: tuple[str, ...] = (PHONE_NUMBER,),
) -> Iterator[Checkout]:
    """A copy of the tree, or of another checkout, with the required variables and `variables`.
    Twilio's account has `numbers`.

    By default, the copy has only one tool and nearly empty zips, because Terraform writes every
    zip's content to its state again with each resource that it creates.
    """
    put_tree(source, folder, every_tool=every_tool, full_zips=full_zips)
    gcloud = folder / "bin" / "gcloud"
    gcloud.parent.mkdir()
    token = SECRETS["twilio_auth_token"]
    gcloud.write_text(_GCLOUD.format(python=sys.executable, folder=str(folder), token=token))
    gcloud.chmod(0o755)
    sleep = folder / "bin" / "sleep"
    sleep.write_text("#!/bin/sh\n", "utf-8")  # stand-ins need no time for changes to take effect
    sleep.chmod(0o755)
    with LittleTwilio(ACCOUNT_SID, token, *numbers).serving() as twilio:
        yield Checkout(folder, twilio, {**REQUIRED, **variables})


def put_tree(
    source: Path, folder: Path, *, every_tool: bool = False, full_zips: bool = False
) -> None:
    """Copy what Terraform reads over an earlier copy, whose state is kept."""
    for name in COPIED:
        if not (source / name).exists():
            continue  # not in the tree's earlier layout
        if (source / name).is_dir():
            for old in (folder / name).glob("**/*.tf"):
                old.unlink()
            shutil.copytree(source / name, folder / name, ignore=_NOT_COPIED, dirs_exist_ok=True)
        else:
            shutil.copy(source / name, folder / name)
    if not every_tool:
        _keep_one_tool(folder / "functions" / "tools")
    if not full_zips:
        _lighten(folder)


def _keep_one_tool(tools: Path) -> None:
    for tool in tools.iterdir():
        if tool.name != "lookup_account":
            shutil.rmtree(tool)


def _lighten(folder: Path) -> None:
    for requirements in (folder / "functions").rglob("requirements.txt"):
        requirements.write_text("", "utf-8")
    for part in (folder / "shared" / "ringdown").iterdir():
        if part.is_dir() and part.name != "packaged":
            shutil.rmtree(part)
        elif part.suffix == ".py" and part.name != "__init__.py":
            part.unlink()
