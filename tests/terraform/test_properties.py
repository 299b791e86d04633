"""Each property finds a mistake that is planted in a real plan."""

import copy
from collections.abc import Callable

import pytest

from ringdown.tools import Json
from tests.terraform import properties
from tests.terraform.properties import Grant
from tests.terraform.scenarios import CALLED_BEFORE_CALLS, Applied, deployments
from tests.terraform.stand_in import ROOT, needs_stand_in

pytestmark = [needs_stand_in, pytest.mark.timeout(700)]

SECURITY_PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")


@pytest.fixture(scope="module")
def europe(tmp_path_factory: pytest.TempPathFactory) -> Applied:
    return deployments(tmp_path_factory)["europe"]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Applied:
    return deployments(tmp_path_factory)["everything"]


def planted(applied: Applied, change: Callable[[list[Json]], None]) -> Json:
    plan = copy.deepcopy(applied.plan)
    change(plan["planned_values"]["root_module"]["resources"])
    return plan


def one(every: list[Json], kind: str, name: str, key: str | int | None = None) -> Json:
    (found,) = (
        r for r in every if r["type"] == kind and r["name"] == name and r.get("index") == key
    )
    return found["values"]


INVOKER = "google_cloud_run_v2_service_iam_member"
HANDLER = ("google_cloud_run_v2_service", "stream_handler")


def test_a_public_tool_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        one(every, INVOKER, "stream_handler_calls_tool", "lookup_account")["member"] = "allUsers"

    plan = planted(everything, change)

    assert properties.public_problems(plan) == ["tool/lookup_account is open to everybody"]
    assert set(properties.invoker_problems(plan, (CALLED_BEFORE_CALLS,))) == {
        "the stream handler may not call tool/lookup_account",
        "allUsers may call tool/lookup_account",
    }


def test_a_tool_that_the_webhook_may_call_without_its_consent_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        account = one(every, "google_service_account", "incoming_call")["member"]
        for grant in ("stream_handler_calls_tool", "incoming_call_calls_tool"):
            one(every, INVOKER, grant, CALLED_BEFORE_CALLS)["member"] = account

    problems = properties.invoker_problems(planted(everything, change))

    assert len(problems) == 2
    assert problems[0] == f"the stream handler may not call tool/{CALLED_BEFORE_CALLS}"
    assert problems[1].endswith(f"may call tool/{CALLED_BEFORE_CALLS}")


def test_a_webhook_that_twilio_cannot_reach_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        one(every, INVOKER, "anybody_calls_incoming_call", 0)["member"] = "serviceAccount:x"

    problems = properties.public_problems(planted(everything, change))

    assert problems == ["Twilio cannot reach incoming_call"]


def test_a_page_that_callers_cannot_reach_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        one(every, INVOKER, "anybody_opens_caller_page", 0)["member"] = "serviceAccount:x"

    problems = properties.public_problems(planted(everything, change))

    assert problems == ["callers can't reach caller_page"]


def test_a_service_that_asks_nobody_who_calls_is_found(everything: Applied) -> None:
    """This is as bad as a grant to everyone, on a part that Twilio doesn't need to reach."""

    def change(every: list[Json]) -> None:
        handler = one(every, *HANDLER)
        every.append(
            {
                "address": "planted",
                "mode": "managed",
                "type": HANDLER[0],
                "name": "planted",
                "values": {**handler, "name": "planted", "invoker_iam_disabled": True},
            }
        )

    assert properties.public_problems(planted(everything, change)) == [
        "planted is open to everybody"
    ]


def test_a_role_for_everybody_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        one(every, "google_project_iam_member", "event_receiver")["member"] = "allUsers"

    (problem,) = properties.public_problems(planted(everything, change))

    assert "gives everybody roles/eventarc.eventReceiver" in problem


def test_a_role_too_many_and_one_too_few_are_found(everything: Applied) -> None:
    documented = properties.documented_grants(SECURITY_PAGE)
    found = properties.grants(everything.plan)
    few = {grant for grant in found if grant.account == "build"}
    more = Grant("build", "roles/storage.objectUser", "the project")

    problems = properties.grant_problems((found - few) | {more}, documented)

    assert "build has roles/storage.objectUser on the project" in problems[0]
    assert sum("not so" in p and ": build has" in p for p in problems) == len(few)


def test_a_tools_role_that_is_not_listed_is_found(everything: Applied) -> None:
    documented = properties.documented_grants(SECURITY_PAGE)
    more = Grant("tool/lookup_account", "roles/run.developer", "the project")

    problems = properties.grant_problems(documented | {more}, documented)

    assert any("roles/run.developer" in problem for problem in problems)


@pytest.mark.parametrize(
    ("kind", "name", "field", "value"),
    [
        ("google_project_iam_member", "event_receiver", "role", "roles/editor"),
        ("google_project_iam_member", "event_receiver", "role", "roles/owner"),
        ("google_cloudfunctions2_function", "agent_edited", "description", "image:latest"),
    ],
)
def test_carelessness_is_found(
    everything: Applied, kind: str, name: str, field: str, value: str
) -> None:
    def change(every: list[Json]) -> None:
        one(every, kind, name)[field] = value

    (problem,) = properties.careless_problems(planted(everything, change))

    assert value in problem


def test_a_pipeline_that_anybody_starts_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        trigger = one(every, "google_cloudbuild_trigger", "push", 0)
        trigger["approval_config"] = []
        trigger["github"][0]["push"][0]["branch"] = ".*"

    problems = properties.careless_problems(planted(everything, change))

    deployer = "deployer@our-project-1.iam.gserviceaccount.com"
    (problem,) = problems
    assert problem.startswith("google_cloudbuild_trigger.push[0] runs unapproved code, as")
    assert problem.endswith(deployer)


def test_an_approval_that_is_asked_for_any_branch_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        trigger = one(every, "google_cloudbuild_trigger", "push", 0)
        trigger["github"][0]["push"][0]["branch"] = ".*"

    problems = properties.careless_problems(planted(everything, change))

    assert problems == ["google_cloudbuild_trigger.push[0] runs what is pushed to .*"]


def test_a_plan_of_anybodys_branch_that_could_do_more_than_read_is_found(
    everything: Applied,
) -> None:
    def change(every: list[Json]) -> None:
        one(every, "google_project_iam_member", "plan", "roles/browser")["role"] = "roles/viewer"

    problems = properties.careless_problems(planted(everything, change))

    assert any("plan has roles/viewer on the project" in problem for problem in problems)


def test_a_secret_that_such_a_plan_could_read_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        secret = one(
            every,
            "google_secret_manager_secret_iam_member",
            "this",
            "stream_handler/GEMINI_API_KEY",
        )
        secret["member"] = one(every, "google_service_account", "plan", 0)["member"]

    (problem,) = properties.careless_problems(planted(everything, change))

    assert "plan has roles/secretmanager.secretAccessor on its secrets" in problem


@pytest.mark.parametrize(
    ("kind", "name", "key", "field", "value", "found"),
    [
        ("google_project_iam_member", "build_functions", None, "condition", [], "build has"),
        (
            *("google_project_iam_member", "store_user", "stream_handler", "condition", []),
            "stream_handler has",
        ),
        (
            *(
                "google_project_iam_member",
                "event_receiver",
                None,
                "role",
                "roles/pubsub.publisher",
            ),
            "agent_edited has roles/pubsub.publisher on the project",
        ),
        (
            *("google_storage_bucket", "sources", None, "public_access_prevention", "inherited"),
            "could be made public",
        ),
        (
            *("google_storage_bucket", "recordings", None, "public_access_prevention", "inherited"),
            "could be made public",
        ),
        (
            *("google_storage_bucket", "sources", None, "uniform_bucket_level_access", False),
            "has separate permissions for each object",
        ),
    ],
)
def test_a_right_to_more_than_is_ours_is_found(
    everything: Applied,
    kind: str,
    name: str,
    key: str | None,
    field: str,
    value: Json,
    found: str,
) -> None:
    def change(every: list[Json]) -> None:
        one(every, kind, name, key)[field] = value

    (problem,) = properties.wide_problems(planted(everything, change))

    assert found in problem


def a_rule(age: int) -> Json:
    return {"action": [{"type": "Delete"}], "condition": [{"age": age}]}


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("lifecycle_rule", [], "recordings live for [] days, and calls for 30"),
        ("lifecycle_rule", [a_rule(31)], "recordings live for [31] days, and calls for 30"),
        (
            "soft_delete_policy",
            [{"retention_duration_seconds": 604_800}],
            "deleted recordings stay for a while",
        ),
        ("soft_delete_policy", [], "deleted recordings stay for a while"),
        ("versioning", [{"enabled": True}], "deleted recordings stay as versions"),
        ("name", "another", "commands look for them in"),
    ],
)
def test_a_recording_that_outlives_its_call_is_found(
    everything: Applied, field: str, value: Json, found: str
) -> None:
    def change(every: list[Json]) -> None:
        one(every, "google_storage_bucket", "recordings")[field] = value

    plan = planted(everything, change)

    (problem,) = properties.recording_problems(plan, everything.outputs["store_url"])
    assert found in problem


@pytest.mark.parametrize(
    ("kind", "name", "key", "field", "value"),
    [
        (
            *("google_secret_manager_secret", "this", "TWILIO_AUTH_TOKEN", "replication"),
            [{"auto": [{}], "user_managed": []}],
        ),
        (
            *("google_secret_manager_secret", "this", "TWILIO_AUTH_TOKEN", "replication"),
            [{"auto": [], "user_managed": [{"replicas": [{"location": "us-east4"}]}]}],
        ),
        ("google_pubsub_topic", "callbacks", None, "message_storage_policy", []),
        ("google_logging_project_bucket_config", "dead_letters", None, "location", "global"),
        ("google_firestore_database", "this", None, "location_id", "nam5"),
        ("google_storage_bucket", "sources", None, "location", "US"),
        ("google_storage_bucket", "recordings", None, "location", "US"),
        ("google_cloud_run_v2_service", "stream_handler", None, "location", "us-east4"),
        ("google_cloudbuild_trigger", "push", 0, "location", "global"),
    ],
)
def test_what_leaves_europe_is_found(
    europe: Applied, kind: str, name: str, key: str | int | None, field: str, value: Json
) -> None:
    def change(every: list[Json]) -> None:
        one(every, kind, name, key)[field] = value

    (problem,) = properties.residency_problems(planted(europe, change))

    assert f"{kind}.{name}" in problem


def test_a_shared_account_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        function = one(every, "google_cloudfunctions2_function", "incoming_call", 0)
        handler = one(every, *HANDLER)["template"][0]
        handler["service_account"] = function["service_config"][0]["service_account_email"]

    problems = properties.careless_problems(planted(everything, change))

    both = ["incoming_call shares its account", "stream_handler shares its account"]
    assert sorted(problems) == both


def test_a_default_account_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        one(every, *HANDLER)["template"][0]["service_account"] = None

    problems = properties.careless_problems(planted(everything, change))

    assert problems == ["stream_handler runs as the project's default account"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout", "300s"),
        ("session_affinity", False),
        ("max_instance_request_concurrency", 30),  # as MAX_CALLS
        ("max_instance_request_concurrency", 80),
    ],
)
def test_a_line_that_breaks_calls_is_found(everything: Applied, field: str, value: Json) -> None:
    def change(every: list[Json]) -> None:
        one(every, *HANDLER)["template"][0][field] = value

    assert len(properties.line_problems(planted(everything, change))) == 1


def test_what_wakes_a_line_that_nobody_calls_is_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        one(every, *HANDLER)["template"][0]["scaling"][0]["min_instance_count"] = 2

    problems = properties.waking_problems(planted(everything, change))

    assert "google_cloud_run_v2_service.stream_handler keeps 2 instances ready" in problems
    assert "google_cloud_scheduler_job.scheduled_check[0] wakes it" in problems


def test_calls_that_stay_with_an_old_revision_are_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        one(every, *HANDLER)["traffic"] = []

    (problem,) = properties.line_problems(planted(everything, change))

    assert problem == "not so: calls go to the newest revision"


def test_a_variable_that_nobody_reads_is_found() -> None:
    problems = properties.environment_problems({"STORE_URL", "STORE_ULR"}, {"STORE_URL"})

    assert problems == ["STORE_ULR is set, and nothing reads it"]


def test_a_secret_in_a_state_is_found() -> None:
    texts = {"plan": b"nothing", "state": b'{"secret_data": "canary"}'}

    assert properties.secret_problems(texts, {"token": "canary"}) == ["token is in state"]


def test_environments_that_share_a_secret_are_found(everything: Applied) -> None:
    def change(every: list[Json]) -> None:
        for resource in every:
            if resource["type"] != "google_secret_manager_secret":
                resource["values"] = {}

    shared = properties.identities(everything.plan) & properties.identities(
        planted(everything, change)
    )

    assert ("google_secret_manager_secret", "ringdown-twilio-auth-token") in shared
