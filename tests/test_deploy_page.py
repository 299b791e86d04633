"""docs/deploy.md names what is in terraform/ and what the commands have, and nothing else."""

import re
from pathlib import Path

import pytest

from deploy.terraform_binary import PINNED
from ringdown.gemini.models import MODELS, TEXT_MODELS, Api
from ringdown_cli.doctor.checks import CHECKS
from ringdown_cli.doctor.deployment import from_outputs
from tests.cli.doctor.test_deployment import outputs

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
TERRAFORM = "\n".join(path.read_text("utf-8") for path in (ROOT / "terraform").glob("*.tf"))
VARIABLES = frozenset(re.findall(r'^variable "(\w+)"', TERRAFORM, re.MULTILINE))
OUTPUTS = frozenset(re.findall(r'^output "(\w+)"', TERRAFORM, re.MULTILINE))
HEADINGS = frozenset(re.findall(r"^## (.+)$", PAGE, re.MULTILINE))

VARIABLE_PATTERNS = (
    r"TF_VAR_(\w+)",
    r"-var='?(\w+)=",
    r"^ {4}(\w+) += [\"{0-9]",  # lines of a tfvars file
    r"`(\w+) = [^`]+`",
)
OUTPUT_PATTERNS = (r"output -raw (\w+)", r"the output `(\w+)`")
RESOURCES = r"`(?:terraform_data|google_\w+|time_sleep)\.\w+"


def test_capacity_md_calculates_with_terraforms_defaults() -> None:
    capacity = (ROOT / "docs" / "capacity.md").read_text("utf-8")
    defaults = re.findall(
        r'variable "(calls_per_instance|max_instances|min_instances)" {.*?default\s+= (\d+)',
        TERRAFORM,
        re.DOTALL,
    )

    assert len(defaults) == 3
    assert [f"`{name} = {value}`" in capacity for name, value in defaults] == [True] * 3
    assert re.search(r'cpu\s+= "1"\s+memory = "1Gi"', TERRAFORM), "the page says 1 vCPU and 1 GiB"


def named(*patterns: str) -> set[str]:
    return {name for pattern in patterns for name in re.findall(pattern, PAGE, re.MULTILINE)}


def test_every_variable_that_is_named_exists() -> None:
    variables = named(*VARIABLE_PATTERNS)

    assert len(variables) > 6, "the patterns find too little on the page"
    assert variables <= VARIABLES


def test_every_variable_without_a_default_is_asked_for() -> None:
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', TERRAFORM, re.MULTILINE | re.DOTALL)
    needed = {name for name, body in blocks if not re.search(r"^ {2}default", body, re.MULTILINE)}

    assert needed
    assert needed <= named(*VARIABLE_PATTERNS)


def test_three_values_are_typed_and_the_rest_is_made() -> None:
    steps = PAGE.split("## The same by hand\n")[1].split("\n## ")[0]

    typed = re.findall(r"^ {4}(\w+) += (?:\"[^$]|\{)", steps, re.MULTILINE)
    typed += re.findall(r"^ {4}read -rs TF_VAR_(\w+)", steps, re.MULTILINE)
    made = re.findall(r"^ {4}(?:export TF_VAR_)?(\w+) *= ?\"?\$\(", steps, re.MULTILINE)

    assert sorted(typed) == ["phone_numbers", "twilio_account_sid", "twilio_auth_token"]
    assert sorted(made) == ["gemini_api_key", "project_id"]


def test_every_output_that_is_named_exists() -> None:
    outputs_named = named(*OUTPUT_PATTERNS)

    assert outputs_named
    assert outputs_named <= OUTPUTS


@pytest.mark.parametrize("resource", sorted(set(re.findall(RESOURCES, PAGE))))
def test_every_resource_that_is_shown_exists(resource: str) -> None:
    kind, name = resource.strip("`").split(".")

    assert re.search(rf'^resource "{kind}" "{name}"', TERRAFORM, re.MULTILINE), resource


def test_terraform_gives_the_doctor_what_it_reads() -> None:
    read = {"project_id", "webhook_url", "stream_url", "store_url", "phone_numbers", "secret_ids"}
    read |= {
        "twilio_account_sid",
        "twilio_region",
        "fallback_url",
        "gemini_backend",
        "vertex_location",
        "model_endpoints",
    }

    assert read <= OUTPUTS
    assert from_outputs(outputs(), {}, {}).project == "my-project"


def test_every_check_of_the_doctor_is_explained_in_order() -> None:
    section = PAGE.split("## The doctor\n")[1].split("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [check.name for check in CHECKS]


def test_the_terraform_that_make_deploy_downloads_is_named() -> None:
    assert f"downloads Terraform {PINNED} " in PAGE
    assert f"/terraform/.build/{PINNED}:" in PAGE


def test_the_models_of_vertex_are_named() -> None:
    section = PAGE.split("## Vertex AI instead of a key\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(gemini-[\w.-]+)`", section))

    assert named - {TEXT_MODELS[Api.VERTEX]} == {
        name for name, model in MODELS.items() if Api.VERTEX in model.apis
    }
    assert TEXT_MODELS[Api.VERTEX] in named


def test_links_lead_somewhere() -> None:
    anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in HEADINGS}
    files = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if "://" not in link]

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
    assert files
    assert [link for link in files if not (ROOT / "docs" / link).exists()] == []
