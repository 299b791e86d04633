"""The roles needed to deploy without being Owner: see docs/deploy.md, Who may deploy."""

import json
import urllib.error
import urllib.request

from deploy.commands import Commands

ROLES = {
    "roles/artifactregistry.admin": "artifactregistry.repositories.create",
    "roles/cloudbuild.builds.editor": "cloudbuild.builds.create",
    "roles/cloudfunctions.admin": "cloudfunctions.functions.create",
    "roles/cloudscheduler.admin": "cloudscheduler.jobs.create",
    "roles/datastore.owner": "datastore.databases.create",
    "roles/eventarc.admin": "eventarc.triggers.create",
    "roles/firebaserules.admin": "firebaserules.rulesets.create",
    "roles/iam.serviceAccountAdmin": "iam.serviceAccounts.create",
    "roles/iam.serviceAccountUser": "iam.serviceAccounts.actAs",
    "roles/iap.admin": "iap.webServices.setIamPolicy",
    "roles/logging.configWriter": "logging.sinks.create",
    "roles/monitoring.editor": "monitoring.alertPolicies.create",
    "roles/pubsub.admin": "pubsub.topics.create",
    "roles/resourcemanager.projectIamAdmin": "resourcemanager.projects.setIamPolicy",
    "roles/run.admin": "run.services.setIamPolicy",
    "roles/secretmanager.admin": "secretmanager.secrets.create",
    "roles/serviceusage.serviceUsageAdmin": "serviceusage.services.enable",
    "roles/storage.admin": "storage.buckets.create",
}
"""Each role with a permission to test for, because roles may come from a group or a folder."""
_WITHIN_S = 30


def missing_roles(commands: Commands, api_url: str, project: str) -> list[str] | None:
    """Return the roles whose permissions the person lacks; None if Google doesn't say."""
    token = commands.read("gcloud", "auth", "print-access-token", "--quiet")
    request = urllib.request.Request(  # noqa: S310 - Google's URL, or a test's
        f"{api_url}/v1/projects/{project}:testIamPermissions",
        json.dumps({"permissions": list(ROLES.values())}).encode(),
        {"Authorization": f"Bearer {token.output}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:  # noqa: S310
            granted = json.load(answer).get("permissions", [])
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        return None
    return [role for role, permission in ROLES.items() if permission not in granted]
