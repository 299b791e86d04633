"""What must hold for a deployment: pure functions that read a plan's JSON and return problems.

The plan is made after an apply, so everything in it is known.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from ringdown.calls import RETENTION
from ringdown.tools import Json
from ringdown_cli.store_choice import recordings_of

PUBLIC = frozenset({"incoming_call", "stream_handler"})
"""The parts that Twilio calls. It has no Google identity, so they check its signature."""
FOR_CALLERS = "caller_page"
"""The part that callers open, if it is deployed. It does nothing without a signed link."""
EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})

_FUNCTION = "google_cloudfunctions2_function"
_SERVICE = "google_cloud_run_v2_service"
_INVOKER = "google_cloud_run_v2_service_iam_member"

PLANS = {
    ("roles/browser", "the project"),
    ("roles/logging.logWriter", "the project"),
    ("roles/storage.objectViewer", "the state"),
}
"""The permissions allowed for an account that runs unreviewed code."""


@dataclass(frozen=True, slots=True)
class Resource:
    address: str
    type: str
    name: str
    key: str | int | None
    values: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Environment:
    """A deployable's environment: plain values, and the secrets by name."""

    plain: Mapping[str, str]
    secrets: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.plain) | self.secrets


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role granted to an account; `on` uses docs/security.md's words, such as "the database"."""

    account: str
    role: str
    on: str


def resources(plan: Json) -> list[Resource]:
    return [
        Resource(r["address"], r["type"], r["name"], r.get("index"), r["values"])
        for r in plan["planned_values"]["root_module"]["resources"]
        if r["mode"] == "managed"
    ]


def deployables(plan: Json) -> dict[str, Resource]:
    """Functions and the service, by name: `incoming_call`, `tool/lookup_account` …"""
    return {
        f"tool/{r.key}" if r.name == "tool" else r.name: r
        for r in resources(plan)
        if r.type in (_FUNCTION, _SERVICE)
    }


def environment(deployable: Resource) -> Environment:
    if deployable.type == _FUNCTION:
        (config,) = deployable.values["service_config"]
        secrets = config["secret_environment_variables"]
        return Environment(
            config["environment_variables"] or {}, frozenset(s["key"] for s in secrets)
        )
    (template,) = deployable.values["template"]
    (container,) = template["containers"]
    plain = {e["name"]: e["value"] for e in container["env"] if not e["value_source"]}
    return Environment(plain, frozenset(e["name"] for e in container["env"] if e["value_source"]))


def environment_problems(set_: AbstractSet[str], read: AbstractSet[str]) -> list[str]:
    """Variables that are set but never read. The deployable reports missing ones."""
    return [f"{name} is set, and nothing reads it" for name in sorted(set_ - read)]


def secret_problems(texts: Mapping[str, bytes], secrets: Mapping[str, str]) -> list[str]:
    """Places in which a secret's value is found; `texts` has plan, state and logs by kind."""
    return [
        f"{name} is in {where}"
        for where, text in texts.items()
        for name, value in secrets.items()
        if value.encode() in text
    ]


def public_problems(plan: Json) -> list[str]:
    """Everyone may invoke the parts that Twilio and callers reach, but must have no other role."""
    names = {r.values["name"]: name for name, r in deployables(plan).items()}
    problems = []
    public = {name for name, r in deployables(plan).items() if r.values.get("invoker_iam_disabled")}
    for resource in resources(plan):
        if not EVERYBODY & set(_members(resource)):
            continue
        target = names.get(resource.values.get("name", ""))
        if resource.type == _INVOKER and resource.values["role"] == "roles/run.invoker":
            public.add(str(target))
        else:
            problems.append(f"{resource.address} gives everybody {resource.values['role']}")
    problems += [f"{name} is open to everybody" for name in sorted(public - PUBLIC - {FOR_CALLERS})]
    if FOR_CALLERS in deployables(plan) and FOR_CALLERS not in public:
        problems.append(f"callers can't reach {FOR_CALLERS}")
    return problems + [f"Twilio cannot reach {name}" for name in sorted(PUBLIC - public)]


def grants(plan: Json) -> set[Grant]:
    """Every role that one of our accounts has, and on what."""
    every = resources(plan)
    accounts = {
        r.values["member"]: f"tool/{r.key}" if r.name == "tool" else r.name
        for r in every
        if r.type == "google_service_account"
    }
    targets = {r.values["name"]: name for name, r in deployables(plan).items()}
    return {
        Grant(_holder(member, accounts), r.values["role"], _target(r, targets))
        for r in every
        if "_iam_" in r.type
        for member in _members(r)
    }


def _holder(member: str, accounts: Mapping[str, str]) -> str:
    """Our account's name, the service of a Google account, or a person the proxy lets through."""
    agent = re.search(r"@gcp-sa-(\w+)\.iam\.", member)
    if agent is not None:
        return "the proxy" if agent[1] == "iap" else f"{agent[1]} agent"
    return "each person" if member.startswith("user:") else accounts.get(member, member)


def _target(grant: Resource, deployed: Mapping[str, str]) -> str:
    match grant.type:
        case "google_project_iam_member":
            for condition in grant.values["condition"]:
                only: str = condition["title"]
                return "the database" if "database" in only else only.replace("only ", "")
            return "the project"
        case "google_storage_bucket_iam_member":
            bucket: str = grant.values["bucket"]
            kind = bucket.rpartition("-")[2]
            return f"the {kind}" if kind in ("sources", "recordings") else "the state"
        case "google_cloud_run_v2_job_iam_member":
            return "scheduled_check"
        case "google_pubsub_subscription_iam_member":
            return "the ended calls"
        case "google_pubsub_topic_iam_member":
            is_of_calls = "call-ended" in grant.values["topic"]
            return "the ended calls" if is_of_calls else "the callbacks"
        case "google_secret_manager_secret_iam_member":
            return "its secrets"
        case "google_artifact_registry_repository_iam_member":
            return "the images"
        case "google_cloud_run_v2_service_iam_member":
            name = deployed.get(grant.values["name"], grant.values["name"])
            return "each tool" if name.startswith("tool/") else name
        case "google_iap_web_cloud_run_service_iam_member":
            return deployed[grant.values["cloud_run_service_name"]]
        case other:
            return other


def grant_problems(found: AbstractSet[Grant], documented: AbstractSet[Grant]) -> list[str]:
    """Tools are documented as one account, `tool`, with every role that a tool may request."""
    fixed = {grant for grant in found if not grant.account.startswith("tool/")}
    of_tools = {Grant("tool", g.role, g.on) for g in found - fixed}
    listed = {grant for grant in documented if grant.account != "tool"}
    return [
        *(f"{_words(g)}, which docs/security.md does not say" for g in sorted(fixed - listed)),
        *(f"not so, though in docs/security.md: {_words(g)}" for g in sorted(listed - fixed)),
        *(f"{_words(g)}, which docs/security.md does not say" for g in of_tools - documented),
    ]


def _words(grant: Grant) -> str:
    return f"{grant.account} has {grant.role} on {grant.on}"


def documented_grants(page: str) -> set[Grant]:
    """The rows of the table of roles in docs/security.md."""
    rows = re.findall(r"^\| `?([\w ]+?)`? \| `(roles/[\w.]+)` \| ([^|]+) \|", page, re.MULTILINE)
    return {Grant(account, role, on.strip("` ")) for account, role, on in rows}


def invoker_problems(plan: Json, called_before_calls: Collection[str] = ()) -> list[str]:
    """Only the stream handler may call each tool, and the webhook only the tools named."""
    accounts = {
        r.name: r.values["member"] for r in resources(plan) if r.type == "google_service_account"
    }
    handler = accounts["stream_handler"]
    problems = []
    for name, function in deployables(plan).items():
        if not name.startswith("tool/"):
            continue
        may = {
            member
            for r in resources(plan)
            if r.type == _INVOKER and r.values["name"] == function.values["name"]
            for member in _members(r)
        }
        if handler not in may:
            problems.append(f"the stream handler may not call {name}")
        others = may - {handler}
        if name.removeprefix("tool/") in called_before_calls:
            if accounts["incoming_call"] not in may:
                problems.append(f"the webhook may not call {name}")
            others -= {accounts["incoming_call"]}
        problems += [f"{other} may call {name}" for other in sorted(others)]
    return problems


def careless_problems(plan: Json) -> list[str]:
    """Roles that allow everything, images and secrets that change under a name, shared accounts."""
    problems = []
    for resource in resources(plan):
        for place, text in _texts(resource.values):
            if re.search(r"^roles/(owner|editor|viewer)$|\.admin$|Admin$", text):
                problems.append(f"{resource.address} gives {text}")
            if text == "latest" or text.endswith(":latest"):
                problems.append(f"{resource.address}.{place} is {text}, which can change")
        if resource.type == "google_cloudbuild_trigger":
            problems += _trigger_problems(resource, plan)
    accounts = [(name, _account(r)) for name, r in deployables(plan).items()]
    for name, account in accounts:
        if not account:
            problems.append(f"{name} runs as the project's default account")
        elif sum(account == other for _, other in accounts) > 1:
            problems.append(f"{name} shares its account")
    return problems


def _trigger_problems(trigger: Resource, plan: Json) -> Iterator[str]:
    """A trigger runs what a pushed commit says, so it must require approval and name one branch, or
    run as an account that can only read."""
    pushes = [push for github in trigger.values["github"] for push in github["push"]]
    if any(config["approval_required"] for config in trigger.values["approval_config"]):
        for push in pushes:
            if push["invert_regex"] or not re.fullmatch(r"\^[\w./\\-]+\$", push["branch"]):
                yield f"{trigger.address} runs what is pushed to {push['branch']}"
        return
    runs_as = [
        r.name
        for r in resources(plan)
        if r.type == "google_service_account"
        and r.values["id"] == trigger.values["service_account"]
    ]
    unapproved = f"{trigger.address} runs unapproved code"
    if not runs_as:
        yield f"{unapproved}, as {trigger.values['service_account']}"
    for grant in grants(plan):
        if grant.account in runs_as and (grant.role, grant.on) not in PLANS:
            yield f"{unapproved}, and {_words(grant)}"


def wide_problems(plan: Json) -> list[str]:
    """Roles on the whole project, and access to buckets, that could be narrower."""
    narrow = re.compile(r"roles/(storage|secretmanager|datastore|pubsub|run|cloudfunctions)\.")
    problems = [
        f"{_words(grant)}"
        for grant in sorted(grants(plan))
        if grant.on == "the project" and narrow.match(grant.role)
    ]
    for bucket in (r for r in resources(plan) if r.type == "google_storage_bucket"):
        if bucket.values["public_access_prevention"] != "enforced":
            problems.append(f"{bucket.address} could be made public")
        if bucket.values["uniform_bucket_level_access"] is not True:
            problems.append(f"{bucket.address} has separate permissions for each object")
    return problems


def recording_problems(plan: Json, store_url: str) -> list[str]:
    """Calls' audio must be kept as long as their records, and where commands look for it."""
    (bucket,) = (r for r in resources(plan) if r.address == "google_storage_bucket.recordings")
    problems = []
    lives_days = [
        condition["age"]
        for rule in bucket.values["lifecycle_rule"]
        for condition in rule["condition"]
        if [action["type"] for action in rule["action"]] == ["Delete"]
        and not condition.get("matches_prefix")
    ]
    if lives_days != [RETENTION.days]:
        problems.append(f"recordings live for {lives_days} days, and calls for {RETENTION.days}")
    if [p["retention_duration_seconds"] for p in bucket.values["soft_delete_policy"]] != [0]:
        problems.append("deleted recordings stay for a while")
    if any(versioning["enabled"] for versioning in bucket.values.get("versioning") or []):
        problems.append("deleted recordings stay as versions")
    found = recordings_of(store_url, {}, Path())
    if found is None or found.name != f"gs://{bucket.values['name']}":
        problems.append(f"commands look for them in {found} instead of {bucket.values['name']}")
    return problems


def residency_problems(plan: Json) -> list[str]:
    """The parts of a deployment in Europe that are stored elsewhere."""
    problems = []
    for resource in resources(plan):
        for place, text in _texts(resource.values):
            if re.search(r"(^|\.)(location|location_id|region)$", place) and not _is_european(text):
                problems.append(f"{resource.address}.{place} is {text}")
        if resource.type == "google_secret_manager_secret" and any(
            replication["auto"] for replication in resource.values["replication"]
        ):
            problems.append(f"{resource.address} is kept wherever Google likes")
        if resource.type == "google_pubsub_topic":
            allowed = [
                region
                for policy in resource.values["message_storage_policy"]
                for region in policy["allowed_persistence_regions"]
            ]
            if not allowed or not all(_is_european(region) for region in allowed):
                problems.append(f"{resource.address} is kept where it is published")
    return problems


def waking_problems(plan: Json) -> list[str]:
    """Anything that runs, or wakes the line, between calls."""
    kinds = ("google_cloud_scheduler_job", "google_monitoring_uptime_check_config")
    waking = [f"{r.address} wakes it" for r in resources(plan) if r.type in kinds]
    texts = [
        (r, place, value)
        for r in resources(plan)
        for place, value in _numbers(r.values)
        if place.endswith("min_instance_count")
    ]
    return waking + [f"{r.address} keeps {n} instances ready" for r, _, n in texts if n]


def _numbers(value: Json, place: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(value, int):
        yield place, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _numbers(item, f"{place}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item, place)


def _is_european(location: str) -> bool:
    return location.startswith("europe-") or location in ("eur3", "EU", "eu", "europe")


def line_problems(plan: Json) -> list[str]:
    """Whether calls of any length survive, and the handler knows how many it carries."""
    service = deployables(plan)["stream_handler"]
    (template,) = service.values["template"]
    (container,) = template["containers"]
    (resources_,) = container["resources"]
    streams = template["max_instance_request_concurrency"]
    max_calls = int(environment(service).plain["MAX_CALLS"])
    probes = [*container["startup_probe"], *container["liveness_probe"]]
    wanted = {
        "a call lives an hour": template["timeout"] == "3600s",
        "calls go to the newest revision": [
            (traffic["type"], traffic["percent"]) for traffic in service.values["traffic"]
        ]
        == [("TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", 100)],
        "session affinity is on": template["session_affinity"] is True,
        "a full instance still gets calls to refuse or take over": streams > max_calls,
        "instances are added before MAX_CALLS is reached": 0.6 * streams < max_calls,
        "both probes ask /ready": [p["http_get"][0]["path"] for p in probes] == ["/ready"] * 2,
        "the start has a boost": resources_["startup_cpu_boost"] is True,
        "records are written after the request": resources_["cpu_idle"] is False,
    }
    return [f"not so: {what}" for what, holds in wanted.items() if not holds]


def identities(plan: Json) -> set[tuple[str, str]]:
    """What exists only once in a project, so that two environments must not share it.

    A document's name counts within its database, an object's within its bucket, and so on.
    """
    parents = ("database", "bucket", "secret")
    own = ("account_id", "bucket_id", "secret_id", "repository_id", "name")
    return {
        (r.type, "/".join(str(r.values[f]) for f in (*parents, field) if r.values.get(f)))
        for r in resources(plan)
        for field in own
        if isinstance(r.values.get(field), str) and "_iam_" not in r.type
        if not r.values[field].startswith("projects/")  # Google's name, made from ours
    }


def plain(fields: Mapping[str, Json]) -> dict[str, Json]:
    """A Firestore document's typed JSON as plain values."""
    return {name: _plain(value) for name, value in fields.items()}


def _plain(typed: Json) -> Json:
    ((kind, value),) = typed.items()
    match kind:
        case "mapValue":
            return {name: _plain(item) for name, item in value["fields"].items()}
        case "arrayValue":
            return [_plain(item) for item in value["values"]]
        case "integerValue":
            return int(value)
        case "stringValue" | "booleanValue" | "doubleValue" | "nullValue" | "timestampValue":
            return value
        case _:
            raise ValueError(f"no type of Firestore's: {kind}")


def _account(deployable: Resource) -> str:
    if deployable.type == _FUNCTION:
        return str(deployable.values["service_config"][0]["service_account_email"] or "")
    return str(deployable.values["template"][0]["service_account"] or "")


def _members(resource: Resource) -> list[str]:
    members = resource.values.get("members") or [resource.values.get("member")]
    return [str(member) for member in members if member] if "_iam_" in resource.type else []


def _texts(value: Json, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, place)
