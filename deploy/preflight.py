"""Checks that run before anything is created. If one fails, it raises Stop with what to do."""

import json
import re
from collections.abc import Callable
from typing import Any

from deploy.commands import Commands, Stop
from deploy.failures import BUILD_REGIONS

_REFUSED_REGION = "cannot run builds in this region"
_PLACE = re.compile(r"(eu|us|europe|asia|australia)|[a-z]+-[a-z]+\d+")
_CONTINENTS = {"eu": "europe"}
_SIGN_IN = "gcloud auth login --update-adc"
_FOR_PROGRAMS = ("gcloud", "auth", "application-default", "print-access-token", "--quiet")
_NOT_ENABLED_YET = re.compile("has not been used in project|SERVICE_DISABLED|it is disabled")
_PROBE = "deploy/probe.cloudbuild.yaml"


def signed_in(commands: Commands) -> str:
    """Return the account that is signed in to gcloud."""
    done = commands.read(
        "gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=value(account)"
    )
    if done.status == 127:
        raise Stop("gcloud isn't installed: https://cloud.google.com/sdk/docs/install")
    if not done.output:
        raise Stop(f"You aren't signed in to gcloud. Run:\n  {_SIGN_IN}")
    if not commands.read(*_FOR_PROGRAMS).ok:
        raise Stop(
            f"gcloud has no credentials for the doctor, which runs at the end. Run:\n  {_SIGN_IN}"
        )
    return done.output


def project_number(commands: Commands, project: str) -> str:
    done = commands.read("gcloud", "projects", "describe", project, "--format=value(projectNumber)")
    if not done.ok:
        raise Stop(
            f"Project {project} doesn't exist, or you don't have access to it. Find its id at"
            f" https://console.cloud.google.com/projectselector2\n  gcloud says: {done.errors}"
        )
    return done.output


def billing_is_on(commands: Commands, project: str) -> bool:
    """Whether billing is on; False if gcloud doesn't say. Raises Stop if it is off."""
    done = commands.read(
        *("gcloud", "billing", "projects", "describe", project, "--format=value(billingEnabled)")
    )
    if done.ok and done.output.lower() != "true":
        raise Stop(
            f"Billing is off for {project}. Link an account:\n"
            f"  https://console.cloud.google.com/billing/linkedaccount?project={project}"
        )
    return done.ok


def forbids_all_users(commands: Commands, project: str) -> bool | None:
    """Whether the organisation has domain-restricted sharing; None if gcloud doesn't say.

    Checks both the older constraint and the managed one. Raises Stop if services without
    authentication are forbidden as well.
    """
    policy = _list_policy(commands, project, "iam.allowedPolicyMemberDomains")
    managed = _enforced(commands, project, "iam.managed.allowedPolicyMembers")
    restricted = bool(
        policy and (policy.get("allowedValues") or policy.get("allValues") == "DENY")
    ) or bool(managed and not any(word in managed for word in ("allUsers", "public:all")))
    if not restricted:
        return None if policy is None else False
    if _enforced(commands, project, "run.managed.requireInvokerIam"):
        raise Stop(
            "Your organisation forbids grants to allUsers and services without authentication, but"
            " Twilio has no Google identity. An administrator must allow one of the two for this"
            " project: docs/deploy.md, In an organisation that forbids allUsers."
        )
    return True


def region_is_allowed(commands: Commands, project: str, region: str) -> None:
    policy = _list_policy(commands, project, "gcp.resourceLocations") or {}
    allowed = policy.get("allowedValues", [])
    places = [value.removeprefix("in:").removesuffix("-locations") for value in allowed]
    if not places or not all(_PLACE.fullmatch(place) for place in places):
        return  # an unknown group of regions: the apply says whether it contains this one
    if not any(f"{region}-".startswith(f"{_CONTINENTS.get(place, place)}-") for place in places):
        raise Stop(
            f"Your organisation doesn't allow {region}, only: {', '.join(allowed)}. Set `region` in"
            " terraform/terraform.tfvars to one that it allows."
        )


def builds_run(
    commands: Commands, project: str, region: str, sleep: Callable[[float], None]
) -> bool:
    """Whether Cloud Build accepts builds in `region`. Tries one that does nothing."""
    commands.change(
        "gcloud", "services", "enable", "cloudbuild.googleapis.com", f"--project={project}"
    )
    submit = (
        *("gcloud", "builds", "submit", "--no-source", "--async", f"--config={_PROBE}"),
        *(f"--region={region}", f"--project={project}", "--quiet"),
    )
    done = commands.change(*submit)
    for pause_s in (20, 40):  # once enabled, the API takes a while to answer
        if not _NOT_ENABLED_YET.search(done.errors):
            break
        sleep(pause_s)
        done = commands.change(*submit)
    return _REFUSED_REGION not in done.errors


def choose_build_region(ask: Callable[[str, str], str]) -> str:
    region = ask(f"Which region should it build in ({', '.join(BUILD_REGIONS)})?", BUILD_REGIONS[0])
    if region not in BUILD_REGIONS:
        raise Stop(f"{region} isn't one of them. Start again.")
    return region


def _list_policy(commands: Commands, project: str, constraint: str) -> Any:
    """Read a list policy. None if that fails; then the apply says what the policy forbids."""
    done = commands.read(
        *("gcloud", "resource-manager", "org-policies", "describe", constraint, "--effective"),
        *(f"--project={project}", "--format=json"),
    )
    return json.loads(done.output or "{}").get("listPolicy", {}) if done.ok else None


def _enforced(commands: Commands, project: str, constraint: str) -> str:
    """Return the rules that enforce a managed constraint, as JSON; empty if there are none.

    The command that `_list_policy` uses doesn't know these constraints.
    """
    done = commands.read(
        *("gcloud", "org-policies", "describe", constraint, "--effective"),
        *(f"--project={project}", "--format=json"),
    )
    rules = json.loads(done.output or "{}").get("spec", {}).get("rules", []) if done.ok else []
    enforced = [rule for rule in rules if rule.get("enforce")]
    return json.dumps(enforced) if enforced else ""
