"""The deployer's roles match the documentation, and suffice for every kind of resource."""

import pytest

from deploy.roles import ROLES
from tests.terraform.properties import resources
from tests.terraform.scenarios import deployments
from tests.terraform.stand_in import ROOT, needs_stand_in

PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
SECTION = PAGE.split("## Who may deploy\n", 1)[1].split("\n## ", 1)[0]
MADE_BY = {
    "artifact_registry": "artifactregistry.admin",
    "cloud_run_v2": "run.admin",
    "cloud_scheduler": "cloudscheduler.admin",
    "cloudbuild": "cloudbuild.builds.editor",
    "cloudfunctions2": "cloudfunctions.admin",
    "eventarc": "eventarc.admin",
    "firestore": "datastore.owner",
    "iap": "iap.admin",
    "logging": "logging.configWriter",
    "monitoring": "monitoring.editor",
    "project_iam": "resourcemanager.projectIamAdmin",
    "project_service": "serviceusage.serviceUsageAdmin",
    "pubsub": "pubsub.admin",
    "secret_manager": "secretmanager.admin",
    "service_account": "iam.serviceAccountAdmin",
    "storage": "storage.admin",
}
"""The role that creates a resource, by how its type begins."""
BY_SCRIPTS = {"firebaserules.admin", "iam.serviceAccountUser"}
"""Roles that no resource needs: for the rules that a script sets, and for running parts as their
accounts."""


def test_the_page_grants_them() -> None:
    loop = SECTION.split("for role in ", 1)[1].split(";", 1)[0]
    assert [f"roles/{name}" for name in loop.replace("\\", " ").split()] == list(ROLES)


@needs_stand_in
@pytest.mark.timeout(700)
def test_they_make_everything_there_is_and_no_role_is_too_many(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made = {r.type for r in resources(deployments(tmp_path_factory)["everything"].plan)}
    google = {kind.removeprefix("google_") for kind in made if kind.startswith("google_")}
    billing = {
        kind for kind in google if kind.startswith("billing_")
    }  # needs a role on the billing account

    used = {
        kind: role
        for kind in google - billing
        for beginning, role in MADE_BY.items()
        if kind.startswith(beginning)
    }

    assert google - billing - used.keys() == set(), "no role allows creating these"
    assert {f"roles/{role}" for role in {*used.values(), *BY_SCRIPTS}} == ROLES.keys()
