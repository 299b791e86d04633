"""What is deployed in the tests: each scenario applied once, and looked at by many."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ringdown.tools import Json
from tests.terraform.stand_in import ROOT, TOOL_SECRET, Checkout, checkout, reopened

TOOL_FOLDERS = ROOT / "functions" / "tools"
OTHER_IMAGE = f"europe-docker.pkg.dev/elsewhere/images/handler@sha256:{'a' * 64}"


def tool_secret_names() -> set[str]:
    """Every secret that a tool asks for and the deployment has not itself."""
    asked = {
        name
        for path in TOOL_FOLDERS.glob("*/tool.yaml")
        for name in yaml.safe_load(path.read_text("utf-8")).get("secrets") or {}
    }
    return asked - {"GEMINI_API_KEY", "TWILIO_AUTH_TOKEN"}


EVERYTHING: Mapping[str, object] = {
    "alert_email": "oncall@example.com",
    "budget": {"billing_account": "012345-6789AB-CDEF01", "usd": 200},
    "calls_per_instance": 30,
    "ci": {
        "owner": "us",
        "repository": "ringdown",
        "service_account": "deployer@our-project-1.iam.gserviceaccount.com",
        "state_bucket": "our-state",
    },
    "dead_letter_days": 60,
    "deletion_protection": False,
    "enabled_tool_secrets": dict.fromkeys(sorted(tool_secret_names()), 1),
    "fallback_number": "+14155550199",
    "firestore_location": "nam5",
    "gemini_base_url": "https://gemini.example",
    "max_instances": 9,
    "memory_model": "gemini-flash-latest",
    "min_instances": 1,
    "secret_versions": {"twilio_shared_key_secret": 1, "twilio_auth_token": 2},
    "tool_settings": {
        "search_knowledge_base": {
            "AWS_REGION": "us-east-1",
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/ringdown",
            "KNOWLEDGE_BASE_ID": "ABCDEFGHIJ",
        }
    },
    "tool_secrets": dict.fromkeys(sorted(tool_secret_names()), TOOL_SECRET),
    "uptime_check": True,
}

SCENARIOS: Mapping[str, Mapping[str, object]] = {
    "minimal": {},
    "everything": EVERYTHING,
    "vertex": {"gemini_backend": "vertex"},
    "image": {"stream_handler_image": OTHER_IMAGE},
    "second": {"name": "staging"},
}

_APPLY = (
    "terraform init -backend=false -input=false -no-color > init.txt",
    "terraform plan -input=false -no-color -out=first.bin > first.txt",
    "terraform show -json first.bin > first.json",
    "terraform apply -input=false -no-color first.bin > apply.txt",
    "terraform show -json > state.json",
    "terraform output -json > outputs.json",
    "cp terraform.tfstate applied.tfstate",
    "terraform plan -input=false -no-color -detailed-exitcode -out=second.bin > second.txt",
    "terraform show -json second.bin > second.json",
)


@dataclass(frozen=True, slots=True)
class Applied:
    """A deployment that stands; `plan` is the second one, in which everything is known."""

    checkout: Checkout
    plan: Json
    outputs: Mapping[str, Json]
    number: Mapping[str, Json]

    def texts(self) -> dict[str, bytes]:
        """Everything that Terraform wrote down or printed."""
        kept = [
            path
            for path in self.checkout.terraform.iterdir()
            if path.suffix in (".bin", ".json", ".txt", ".tfstate") and "auto" not in path.name
        ]
        return {path.name: path.read_bytes() for path in kept}


class Deployments:
    """Applies each scenario when it is first asked for.

    `folder` may be that of other test processes, too: the first applies, the others wait for it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._applied: dict[str, Applied] = {}
        self._open = ExitStack()

    def __getitem__(self, name: str) -> Applied:
        if name not in self._applied:
            self._applied[name] = self._apply(name)
        return self._applied[name]

    def _apply(self, name: str) -> Applied:
        twilio_is = self._folder / f"{name}-twilio.json"
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not twilio_is.exists():
                folder, all_tools = self._folder / name, name == "everything"
                with checkout(folder, SCENARIOS[name], every_tool=all_tools) as copy:
                    copy.succeed(*_APPLY)
                    twilio_is.write_text(json.dumps(copy.twilio.kept()), "utf-8")
        copy = self._open.enter_context(reopened(self._folder / name, SCENARIOS[name]))
        copy.twilio.remember(json.loads(twilio_is.read_text("utf-8")))
        outputs = {key: output["value"] for key, output in copy.json("outputs.json").items()}
        return Applied(copy, copy.json("second.json"), outputs, dict(copy.twilio.number))

    def close(self) -> None:
        self._open.close()


def deployments(factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    base = factory.getbasetemp()
    every = Deployments((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "applied")
    try:
        yield every
    finally:
        every.close()
