"""Diagnoses a failed apply: whether to wait and retry, or what to do."""

import re
from dataclasses import dataclass

BUILD_REGIONS = (
    *("us-central1", "us-west2", "europe-west1", "asia-east1", "australia-southeast1"),
    "southamerica-east1",
)
"""Where projects with restricted builds can build: https://cloud.google.com/build/docs/locations"""


@dataclass(frozen=True, slots=True)
class Passing:
    """A failure that goes away by itself: wait, and try again."""

    pattern: str
    wait_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Lasting:
    pattern: str
    advice: str


_PASSING = (
    Passing(r"Cannot find metric", 300, "new metrics aren't known everywhere yet"),
    Passing(r"Eventarc Service Agent", 120, "Google's account for events isn't ready yet"),
    Passing(
        r"has not been used in project|SERVICE_DISABLED|it is disabled",
        90,
        "a newly enabled API doesn't answer yet",
    ),
    Passing(r"Quota exceeded.*per minute|RATE_LIMIT_EXCEEDED", 60, "too many requests per minute"),
    Passing(
        r"Error 50[0234]\b|connection reset|TLS handshake timeout|i/o timeout"
        r"|[Cc]an't reach Twilio",
        30,
        "Google, Twilio or the network didn't answer",
    ),
    Passing(r"contention|underlying data", 30, "too many concurrent changes to the database"),
    Passing(
        r"(?i)permission .*denied|does not have .*(permission|access)",
        90,
        "a new permission isn't in force yet",
    ),
)
_LASTING = (
    Lasting(
        r"allowedPolicyMember|do(es)? not belong to a permitted customer",
        "Your organisation forbids grants to allUsers. Set `domain_restricted_sharing = true` in"
        " terraform/terraform.tfvars.",
    ),
    Lasting(
        r"requireInvokerIam",
        "Your organisation forbids services without authentication. An administrator must allow"
        " them for this project.",
    ),
    Lasting(
        r"cannot run builds in this region",
        f"This project can only build in these regions: {', '.join(BUILD_REGIONS)}. Set `region` in"
        " terraform/terraform.tfvars to one of them.",
    ),
    Lasting(
        r"resourceLocations",
        "Your organisation allows only certain regions. Set `region` and `firestore_location` in"
        " terraform/terraform.tfvars to one of them.",
    ),
    Lasting(
        r"constraints/",
        "An organisation policy forbids this; the message names it. An administrator can make an"
        " exception for this project.",
    ),
    Lasting(
        r"Quota exceeded(?!.*per minute)|maxScale may not exceed|Max instances must be",
        "The project's quota is too small: lower `max_instances` in terraform/terraform.tfvars, or"
        " ask for more at https://console.cloud.google.com/iam-admin/quotas",
    ),
    Lasting(
        r"Database already exists",
        "An earlier deployment left a database of this name. docs/deploy.md, under this error, says"
        " how to reuse it.",
    ),
    Lasting(
        r"Twilio refuses the account SID|has no such number",
        "Compare the account SID, the token and the number with https://console.twilio.com",
    ),
    Lasting(
        r"(?i)billing.*(disabled|not enabled|is off)", "Link a billing account to the project."
    ),
)

KNOWN = (*_PASSING, *_LASTING)


def diagnose(output: str) -> Passing | Lasting | None:
    """Return the first lasting failure, or else the passing one with the longest wait; None if the
    failure is unknown."""
    for lasting in _LASTING:
        if re.search(lasting.pattern, output):
            return lasting
    found = [passing for passing in _PASSING if re.search(passing.pattern, output)]
    return max(found, key=lambda passing: passing.wait_s, default=None)
