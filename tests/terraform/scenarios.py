"""The deployments under test: each scenario is applied once per run and examined by many tests."""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from ringdown.tools import Json
from tests.terraform.stand_in import ROOT, TOOL_SECRET, checkout

TOOL_FOLDERS = ROOT / "functions" / "tools"
CALLED_BEFORE_CALLS = "search_knowledge_base"
"""The tool that the scenario "everything" calls before calls; no tool that ships declares that."""
OTHER_IMAGE = f"europe-docker.pkg.dev/elsewhere/images/handler@sha256:{'a' * 64}"


def tool_secret_names() -> set[str]:
    """Every secret that a tool needs and the deployment doesn't have."""
    asked = {
        name
        for path in TOOL_FOLDERS.glob("*/tool.yaml")
        for name in yaml.safe_load(path.read_text("utf-8")).get("secrets") or {}
    }
    return asked - {"GEMINI_API_KEY", "TWILIO_AUTH_TOKEN", "UPLOAD_LINK_SECRET"}


EVERYTHING: Mapping[str, object] = {
    "alert_email": "oncall@example.com",
    "budget": {"billing_account": "012345-6789AB-CDEF01", "amount": 200},
    "caller_page": True,
    "calls_per_instance": 30,
    "check_schedule": "*/30 * * * *",
    "ci": {
        "owner": "us",
        "repository": "ringdown",
        "service_account": "deployer@our-project-1.iam.gserviceaccount.com",
        "state_bucket": "our-state",
    },
    "console_people": {"anna@example.com": "editor", "vera@example.com": "viewer"},
    "dead_letter_days": 60,
    "deletion_protection": False,
    "enabled_tool_secrets": dict.fromkeys(sorted(tool_secret_names()), 1),
    "fallback_number": "+14155550199",
    "firestore_location": "nam5",
    "gemini_base_url": "https://gemini.example",
    "max_instances": 9,
    "memory_model": "gemini-flash-latest",
    "model_endpoints": ["vertex:us-central1", "vertex:europe-west4"],
    "min_instances": 1,
    "secret_versions": {
        "stream_token_secret": 2,
        "twilio_auth_token": 2,
        "twilio_shared_key_secret": 1,
        "upload_link_secret": 2,
    },
    "tool_settings": {
        "search_knowledge_base": {
            "AWS_REGION": "us-east-1",
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/ringdown",
            "KNOWLEDGE_BASE_ID": "ABCDEFGHIJ",
        }
    },
    "tool_secrets": dict.fromkeys(sorted(tool_secret_names()), TOOL_SECRET),
    "traces": True,
    "uptime_check": True,
}

SCENARIOS: Mapping[str, Mapping[str, object]] = {
    "minimal": {},
    "everything": EVERYTHING,
    "vertex": {"gemini_backend": "vertex", "check_schedule": "0 6 * * *"},
    "europe": {"region": "europe-west1", "ci": EVERYTHING["ci"], "uptime_check": True},
    "restricted": {
        "caller_page": True,
        "domain_restricted_sharing": True,
        "enabled_tool_secrets": {"TWILIO_API_KEY": 1},
        "tool_secrets": {"TWILIO_API_KEY": TOOL_SECRET},
    },
    "staging": {"name": "staging", "stream_handler_image": OTHER_IMAGE},
}
DESTROYED = ("minimal", "everything")
WITH_EVERY_TOOL = ("everything", "restricted")
"""The others have only one tool, which is faster."""

_APPLY = (
    "terraform init -backend=false -input=false -no-color > init.txt",
    "terraform plan -input=false -no-color -out=first.bin > first.txt",
    "terraform apply -input=false -no-color first.bin > apply.txt",
    "terraform output -json > outputs.json",
    "cp terraform.tfstate applied.tfstate",
    "terraform plan -input=false -no-color -detailed-exitcode -out=second.bin > second.txt",
    "terraform show -json second.bin > second.json",
)
_DESTROY = (
    "terraform destroy -refresh=false -input=false -auto-approve -no-color > destroy.txt",
    "terraform state list > left.txt",
)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply created, and what a destroy left, if the scenario is destroyed.

    `plan` is the second one, in which everything is known. `twilio` has the number `before`,
    `during` and `after`; the `rules` and `releases` of the database; and its `documents` and the
    fields that expire in it (`expiring`), before the destroy and at the end (`documents_after`,
    `expiring_after`).
    """

    folder: Path
    plan: Json
    outputs: Mapping[str, Json]
    twilio: Mapping[str, Json]

    @property
    def terraform(self) -> Path:
        return self.folder / "terraform"

    @property
    def left(self) -> str:
        """The addresses of what the destroy left."""
        return (self.terraform / "left.txt").read_text("utf-8")

    def texts(self) -> dict[str, bytes]:
        """Everything that Terraform stored, printed, or passed to gcloud."""
        kept = [
            path
            for path in self.terraform.iterdir()
            if path.suffix in (".bin", ".json", ".txt", ".tfstate") and "auto" not in path.name
        ]
        return {path.name: _content(path) for path in (*kept, self._gcloud_log)}

    def gcloud_calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self._gcloud_log.read_text("utf-8").splitlines()]

    @property
    def _gcloud_log(self) -> Path:
        return self.folder / "gcloud.jsonl"


def _content(path: Path) -> bytes:
    if path.suffix != ".bin":
        return path.read_bytes()
    with ZipFile(path) as plan:
        return b"".join(plan.read(name) for name in plan.namelist())


class Deployments:
    """Applies and destroys each scenario when it is first needed.

    Several test processes may share `folder`: the first applies, and the others wait for it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._applied: dict[str, Applied] = {}

    def __getitem__(self, name: str) -> Applied:
        if name not in self._applied:
            self._applied[name] = self._apply(name)
        return self._applied[name]

    def _apply(self, name: str) -> Applied:
        folder, twilio = self._folder / name, self._folder / f"{name}-twilio.json"
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not twilio.exists():
                twilio.write_text(json.dumps(_live_through(folder, name)), "utf-8")
        plan, outputs, seen = (
            json.loads(path.read_text("utf-8"))
            for path in (
                folder / "terraform/second.json",
                folder / "terraform/outputs.json",
                twilio,
            )
        )
        return Applied(folder, plan, {key: out["value"] for key, out in outputs.items()}, seen)


def _live_through(folder: Path, name: str) -> dict[str, Json]:
    """Apply the scenario, destroy it if it should be, and return what Twilio and the database
    had at each step."""
    with checkout(folder, SCENARIOS[name], every_tool=name in WITH_EVERY_TOOL) as copy:
        if name == "everything":
            tool_yaml = copy.folder / "functions/tools" / CALLED_BEFORE_CALLS / "tool.yaml"
            tool_yaml.write_text(f"{tool_yaml.read_text('utf-8')}before_call: true\n", "utf-8")
        seen: dict[str, Json] = {"before": dict(copy.twilio.number)}
        copy.succeed(*_APPLY)
        seen["during"] = dict(copy.twilio.number)
        google = copy.twilio.google
        seen["documents"], seen["expiring"] = dict(google.documents), dict(google.expiring)
        if name in DESTROYED:
            copy.succeed(*_DESTROY)
            seen["after"] = copy.twilio.number
        return {
            **seen,
            "rules": google.rulesets,
            "releases": google.releases,
            "documents_after": google.documents,
            "expiring_after": google.expiring,
        }


def deployments(factory: pytest.TempPathFactory) -> Deployments:
    """Shared by all test processes in a run."""
    base = factory.getbasetemp()
    return Deployments((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "applied")
