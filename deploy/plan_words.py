"""Describes a plan's JSON in plain words."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

_KINDS = {
    "google_cloudfunctions2_function": ("function", "functions"),
    "google_cloud_run_v2_service": ("service", "services"),
    "google_firestore_database": ("database", "databases"),
    "google_firestore_field": ("index exemption", "index exemptions"),
    "google_firestore_index": ("index", "indexes"),
    "google_logging_metric": ("metric", "metrics"),
    "google_monitoring_alert_policy": ("alert", "alerts"),
    "google_project_service": ("API", "APIs"),
    "google_secret_manager_secret": ("secret", "secrets"),
    "google_service_account": ("account", "accounts"),
}
_GRANT = ("grant", "grants")
_OTHER = ("other thing", "other things")
_NUMBER = "terraform_data.number"
_NUMBER_BEFORE = "terraform_data.number_before"


def changes(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the actions on each address that changes."""
    return {
        change["address"]: change["change"]["actions"]
        for change in plan.get("resource_changes", ())
        if change["change"]["actions"] not in (["no-op"], ["read"])
    }


def secrets_stored_anew(plan: Mapping[str, Any]) -> set[str]:
    """Return the existing secrets that get a new version, by the variable that holds each."""
    found = changes(plan)
    versions = {
        address.partition('["')[2].removesuffix('"]').partition("/")[0]
        for address, actions in found.items()
        if address.startswith("google_secret_manager_secret_version.") and "create" in actions
    }
    return {
        name for name in versions if f'google_secret_manager_secret.this["{name}"]' not in found
    }


def summary(plan: Mapping[str, Any]) -> list[str]:
    """List what the plan does, one line each; empty if it does nothing."""
    found = changes(plan)
    kinds = {change["address"]: change["type"] for change in plan.get("resource_changes", ())}
    made = [address for address, actions in found.items() if actions == ["create"]]
    lines = []
    if made:
        lines.append(f"create {len(made)}: {_counted(kinds[address] for address in made)}")
    for title, actions in (("change", ["update"]), ("delete", ["delete"])):
        lines += [f"{title} {address}" for address, done in found.items() if done == actions]
    lines += [f"replace {address}" for address, done in found.items() if len(done) > 1]
    for address, done in found.items():
        kind, _, number = address.removesuffix('"]').partition('["')
        if kind == _NUMBER and "create" in done:
            lines.append(f"set the URLs of {number}, so that its calls come here")
        if kind == _NUMBER_BEFORE and "delete" in done:
            lines.append(f"restore the previous URLs of {number}")
    return lines


def _counted(kinds: Any) -> str:
    counted = Counter(_GRANT if "_iam_" in kind else _KINDS.get(kind, _OTHER) for kind in kinds)
    others = counted.pop(_OTHER, 0)
    words = [f"{n} {names[n != 1]}" for names, n in sorted(counted.items())]
    return ", ".join([*words, *([f"{others} {_OTHER[others != 1]}"] if others else [])])
