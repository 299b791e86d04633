"""Real applies of each scenario, and what must hold for their plans."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest
import yaml

from console.settings import read_settings as read_console_settings
from photo_page.reduce_photo import MEMORY_BYTES
from photo_page.sent import MOST_BYTES
from ringdown.agents import Agent
from ringdown.documents import to_record
from ringdown.errors import ConfigurationError
from ringdown.tools import Json, ToolDeclaration
from ringdown_cli.doctor.deployment import from_environ
from stream_handler.settings import read_settings
from tests.terraform import properties
from tests.terraform.deployable_reads import Recording
from tests.terraform.properties import Environment, deployables, environment, resources
from tests.terraform.scenarios import (
    CALLED_BEFORE_CALLS,
    DESTROYED,
    OTHER_IMAGE,
    SCENARIOS,
    Applied,
    Deployments,
    deployments,
)
from tests.terraform.stand_in import (
    PHONE_NUMBER,
    PROJECT,
    ROOT,
    SECRETS,
    TOOL_SECRET,
    needs_stand_in,
)

pytestmark = [needs_stand_in, pytest.mark.timeout(700)]

SECURITY_PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
SERVICE = "google_cloud_run_v2_service"
PLATFORM = {"HOST", "PORT", "K_REVISION"}  # set by Cloud Run, or left at their defaults
NOT_OFFERED = {
    # Only for `make talk`
    "FRAMED_BY",
    # For your own collector; Cloud Trace doesn't get words
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
}
STAND_INS = {"STORAGE_EMULATOR_HOST"}  # with which tests replace Google by a stand-in
EACH = pytest.mark.parametrize("name", SCENARIOS)
A_SECRET = "a-secret-of-forty-characters-0123456789a"
A_KEY = f"SK{'0' * 32}:{A_SECRET}"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployments:
    return deployments(tmp_path_factory)


@pytest.fixture(scope="module")
def everything(deployed: Deployments) -> Applied:
    return deployed["everything"]


# What is applied


@EACH
def test_a_second_plan_has_nothing_to_do(deployed: Deployments, name: str) -> None:
    changes = [
        change["address"]
        for change in deployed[name].plan["resource_changes"]
        if change["change"]["actions"] not in (["no-op"], ["read"])
    ]

    assert changes == []


@EACH
def test_no_secret_is_in_what_terraform_keeps(deployed: Deployments, name: str) -> None:
    texts = deployed[name].texts()

    looked_at = ("first.bin", "second.json", "applied.tfstate", "outputs.json", "gcloud.jsonl")
    assert [name for name in looked_at if PROJECT.encode() not in texts[name]] == []
    assert properties.secret_problems(texts, {**SECRETS, "tool secret": TOOL_SECRET}) == []


@pytest.mark.parametrize("name", DESTROYED)
def test_destroy_takes_everything_and_puts_the_number_back(
    deployed: Deployments, name: str
) -> None:
    before, during, after = (deployed[name].twilio[when] for when in ("before", "during", "after"))

    assert deployed[name].left == ""
    assert during["voice_url"] != before["voice_url"]
    assert after == {**before, "status_callback": "", "voice_fallback_url": ""}


@pytest.mark.parametrize("name", DESTROYED)
def test_destroy_deletes_no_words_and_no_end_of_life(deployed: Deployments, name: str) -> None:
    """Without protection, both are deleted with their database; with it, both stay."""
    seen = deployed[name].twilio
    protected = deployed[name].plan["variables"]["deletion_protection"]["value"]

    assert seen["documents_after"] == seen["documents"] != {}
    assert seen["expiring_after"] == seen["expiring"] != {}
    (database,) = (
        r for r in resources(deployed[name].plan) if r.type == "google_firestore_database"
    )
    assert database.values["deletion_policy"] == ("ABANDON" if protected else "DELETE")


@EACH
def test_every_property_holds(deployed: Deployments, name: str) -> None:
    plan = deployed[name].plan
    called_before_calls = (CALLED_BEFORE_CALLS,) if name == "everything" else ()

    assert properties.public_problems(plan) == []
    assert properties.invoker_problems(plan, called_before_calls) == []
    assert properties.careless_problems(plan) == []
    assert properties.wide_problems(plan) == []
    assert properties.line_problems(plan) == []
    store_url = deployed[name].outputs["store_url"]
    assert properties.recording_problems(plan, store_url) == []


def test_roles_are_those_of_the_table(deployed: Deployments) -> None:
    found = properties.grants(deployed["everything"].plan) | properties.grants(
        deployed["vertex"].plan
    )

    documented = properties.documented_grants(SECURITY_PAGE)
    assert properties.grant_problems(found, documented) == []


def test_in_europe_everything_is_kept_there(deployed: Deployments) -> None:
    applied = deployed["europe"]

    assert properties.residency_problems(applied.plan) == []
    (build,) = [call for call in applied.gcloud_calls() if call[:2] == ["builds", "submit"]]
    assert "--region=europe-west1" in build


def test_elsewhere_secrets_and_builds_are_wherever_google_likes(deployed: Deployments) -> None:
    (build,) = [c for c in deployed["minimal"].gcloud_calls() if c[:2] == ["builds", "submit"]]

    assert "--region=global" in build
    assert len(properties.residency_problems(deployed["minimal"].plan)) > 10


def test_nothing_wakes_the_line_unless_a_variable_asks_for_it(deployed: Deployments) -> None:
    assert properties.waking_problems(deployed["minimal"].plan) == []
    assert set(properties.waking_problems(deployed["everything"].plan)) == {
        "google_cloud_run_v2_service.stream_handler keeps 1 instances ready",
        "google_cloud_scheduler_job.scheduled_check[0] wakes it",
        "google_cloudfunctions2_function.incoming_call[0] keeps 1 instances ready",
        "google_monitoring_uptime_check_config.incoming_call[0] wakes it",
    }


def test_the_scheduled_check_has_what_the_doctor_needs(deployed: Deployments) -> None:
    for name, endpoints in (("everything", 3), ("vertex", 1)):
        applied = deployed[name]
        (job,) = (r for r in resources(applied.plan) if r.type == "google_cloud_run_v2_job")
        container = job.values["template"][0]["template"][0]["containers"][0]
        secret = {e["name"] for e in container["env"] if e["value_source"]}
        plain = {e["name"]: e["value"] for e in container["env"] if not e["value_source"]}
        found = from_environ({**plain, **dict.fromkeys(secret, A_SECRET)})

        assert found.webhook_url == applied.outputs["webhook_url"]
        assert found.stream_url == applied.outputs["stream_url"]
        assert found.store_url == applied.outputs["store_url"]
        assert (found.phone_numbers, found.twilio_auth_token) == ((PHONE_NUMBER,), A_SECRET)
        assert len(found.endpoints) == endpoints
        assert None not in found.endpoints, "every endpoint must have its key"


def test_without_vertex_nobody_may_use_it(deployed: Deployments) -> None:
    roles = {grant.role for grant in properties.grants(deployed["minimal"].plan)}

    assert "roles/aiplatform.user" not in roles


def test_without_traces_nobody_may_write_them(deployed: Deployments) -> None:
    for name, traced in (("minimal", False), ("everything", True)):
        plan = deployed[name].plan
        roles = {grant.role for grant in properties.grants(plan)}
        given = environment(deployables(plan)["stream_handler"]).names
        assert ("roles/telemetry.tracesWriter" in roles) is traced
        assert ("OTEL_EXPORTER_OTLP_ENDPOINT" in given) is traced


def test_the_first_apply_builds_the_image_from_its_files(deployed: Deployments) -> None:
    (build,) = [c for c in deployed["minimal"].gcloud_calls() if c[:2] == ["builds", "submit"]]

    image = deployed["minimal"].outputs["stream_handler_image"]
    dockerfile = "services/stream_handler/Dockerfile"
    assert f"--substitutions=_DOCKERFILE={dockerfile},_IMAGE={image}" in build
    assert image.startswith(f"us-east4-docker.pkg.dev/{PROJECT}/ringdown/stream-handler:src-")
    assert "--config=terraform/image.cloudbuild.yaml" in build


def test_an_image_that_is_given_is_used_and_nothing_is_built(deployed: Deployments) -> None:
    applied = deployed["staging"]

    (template,) = deployables(applied.plan)["stream_handler"].values["template"]
    assert template["containers"][0]["image"] == OTHER_IMAGE
    assert ["builds", "submit"] not in [c[:2] for c in applied.gcloud_calls()]


def test_the_console_is_reached_by_the_proxy_only(everything: Applied) -> None:
    console = deployables(everything.plan)["console"]
    given = environment(console)

    assert console.values["iap_enabled"] is True
    assert not console.values["invoker_iam_disabled"]
    assert given.plain["IAP_AUDIENCE"] == (
        "/projects/123456789012/locations/us-east4/services/ringdown-console"
    )
    may = {g.account for g in properties.grants(everything.plan) if g.on == "console"}
    assert may == {"the proxy", "each person"}
    assert everything.outputs["console_url"] == (
        "https://ringdown-console-123456789012.us-east4.run.app"
    )


def test_the_console_s_people_are_written_once(everything: Applied) -> None:
    seeds = [r for r in resources(everything.plan) if r.name == "people"]

    assert len(seeds) == 1
    builds = [c for c in everything.gcloud_calls() if c[:2] == ["builds", "submit"]]
    assert any("_DOCKERFILE=services/console/Dockerfile," in " ".join(c) for c in builds)
    assert ["beta", "services", "identity", "create"] in [c[:4] for c in everything.gcloud_calls()]


def test_where_grants_to_everybody_are_forbidden_there_are_none(deployed: Deployments) -> None:
    applied = deployed["restricted"]

    accounts = {grant.account for grant in properties.grants(applied.plan)}
    assert "allUsers" not in accounts
    (service,) = (
        r for r in resources(applied.plan) if (r.type, r.name) == (SERVICE, "incoming_call")
    )
    image = service.values["template"][0]["containers"][0]["image"]
    submitted = [c for c in applied.gcloud_calls() if c[:2] == ["builds", "submit"]]
    (build,) = (c for c in submitted if f"_IMAGE={image}" in " ".join(c))
    assert "_DOCKERFILE=functions/incoming_call/Dockerfile," in " ".join(build)
    url = "https://ringdown-webhook-123456789012.us-east4.run.app"
    assert applied.twilio["during"]["voice_url"] == applied.outputs["webhook_url"] == url


def test_the_callers_page_is_there_only_if_it_is_wanted(deployed: Deployments) -> None:
    wanted, minimal = deployed["everything"], deployed["minimal"]

    assert "caller_page" not in deployables(minimal.plan)
    assert "caller_page_url" not in minimal.outputs, "the output must be null"
    page = deployables(wanted.plan)["caller_page"]
    assert wanted.outputs["caller_page_url"] == (
        "https://ringdown-caller-page-123456789012.us-east4.run.app"
    )
    assert environment(page).secrets == {"UPLOAD_LINK_SECRET", "UPLOAD_LINK_SECRET_BEFORE"}
    of_page = {grant for grant in properties.grants(wanted.plan) if grant.account == "caller_page"}
    assert {(grant.role, grant.on) for grant in of_page} == {
        ("roles/datastore.user", "the database"),
        ("roles/secretmanager.secretAccessor", "its secrets"),
    }
    restricted = deployables(deployed["restricted"].plan)["caller_page"]
    assert restricted.values["invoker_iam_disabled"] is True


def test_photos_that_are_decoded_and_those_that_arrive_fit_into_an_instance(
    everything: Applied,
) -> None:
    (template,) = deployables(everything.plan)["caller_page"].values["template"]
    (container,) = template["containers"]
    (limits,) = container["resources"]
    memory = int(limits["limits"]["memory"].removesuffix("Mi")) * 1024 * 1024
    arriving = template["max_instance_request_concurrency"] * 2 * MOST_BYTES  # and being parsed
    process = 160 * 1024 * 1024  # measured: 80 MB without Firestore's library
    assert MEMORY_BYTES + arriving + process <= memory


def test_two_environments_have_nothing_in_common(deployed: Deployments) -> None:
    first = properties.identities(deployed["minimal"].plan)
    second = properties.identities(deployed["staging"].plan)

    assert first & second == set()
    assert len(first) > 30, "too few resources were compared"
    assert deployed["staging"].outputs["store_url"] == f"firestore:{PROJECT}/staging"


def test_the_number_asks_the_webhook(deployed: Deployments) -> None:
    url = "https://ringdown-incoming-call-123456789012.us-east4.run.app"

    assert deployed["minimal"].outputs["webhook_url"] == url
    number = deployed["minimal"].twilio["during"]
    assert (number["voice_url"], number["voice_method"]) == (url, "POST")
    assert number["voice_fallback_url"] == f"{url}/fallback"
    assert number["status_callback"] == f"{url}/status"
    assert number["status_callback_method"] == "POST"
    assert number["voice_application_sid"] == "", (
        "an application would take precedence over the URL"
    )


def test_clients_are_locked_out_of_the_database(deployed: Deployments) -> None:
    seen = deployed["minimal"].twilio

    name = f"projects/{PROJECT}/releases/cloud.firestore/ringdown"
    assert seen["releases"] == {name: f"projects/{PROJECT}/rulesets/1"}
    ((file,),) = (ruleset["source"]["files"] for ruleset in seen["rules"])
    assert "allow read, write: if false" in file["content"]


def test_the_outputs_finish_the_job(deployed: Deployments) -> None:
    outputs = deployed["minimal"].outputs

    assert f"Call {PHONE_NUMBER}" in outputs["next"]
    assert outputs["tools"]["lookup_account"] == "deployed"
    assert outputs["stream_url"].startswith("wss://ringdown-stream-handler-")


# The code reads the variables that are set


SERVICES: Mapping[str, Callable[[Mapping[str, str]], object]] = {
    "console": read_console_settings,
    "stream_handler": read_settings,
}


def reads(name: str, given: Environment) -> tuple[set[str], str | None]:
    """The variables that the deployable's code reads, and its message if it can't start."""
    secrets = {name: A_KEY if name == "TWILIO_API_KEY" else A_SECRET for name in given.secrets}
    values = {**given.plain, **secrets}
    if name in SERVICES:
        recording = Recording(values, ROOT)
        try:
            SERVICES[name](recording)
        except ConfigurationError as error:
            return recording.read, str(error)
        return recording.read, None
    main = ROOT / "functions" / name.replace("tool/", "tools/") / "main.py"
    program = str(ROOT / "tests" / "terraform" / "deployable_reads.py")
    done = subprocess.run(
        (sys.executable, program, str(main), json.dumps(values)),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    told = json.loads(done.stdout.rpartition("\n")[2])
    return set(told["read"]), told["problem"]


READ_IN = ("minimal", "everything", "vertex", "restricted")


@pytest.fixture(scope="module")
def set_and_read(deployed: Deployments) -> dict[str, tuple[set[str], set[str]]]:
    """For each part, the variables that any scenario sets, and those that it reads."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    given_before: list[tuple[str, Environment]] = []
    for applied in (deployed[scenario] for scenario in READ_IN):
        for name, deployable in deployables(applied.plan).items():
            given = environment(deployable)
            if (name, given) in given_before:
                continue
            given_before.append((name, given))
            read, problem = reads(name, given)
            assert problem is None, f"{name} does not start: {problem}"
            all_given, all_read = found.setdefault(name, (set(), set()))
            all_given |= given.names
            all_read |= read
    return found


def test_every_part_starts_and_reads_all_that_it_is_given(
    set_and_read: dict[str, tuple[set[str], set[str]]],
) -> None:
    for name, (given, read) in set_and_read.items():
        assert properties.environment_problems(given, read) == [], name


@pytest.mark.parametrize(
    "name",
    ["console", "caller_page", "incoming_call", "stream_handler", "agent_edited", "call_ended"],
)
def test_everything_that_is_read_can_be_set(
    set_and_read: dict[str, tuple[set[str], set[str]]], name: str
) -> None:
    given, read = set_and_read[name]

    assert read - given <= PLATFORM | NOT_OFFERED | STAND_INS


def test_a_missing_variable_is_told_by_its_reader(everything: Applied) -> None:
    whole = environment(deployables(everything.plan)["stream_handler"])
    planted = Environment(whole.plain, whole.secrets - {"STREAM_TOKEN_SECRET"})

    _, problem = reads("stream_handler", planted)

    assert problem is not None
    assert "STREAM_TOKEN_SECRET is not set" in problem


# Seeds


def seeds(applied: Applied) -> dict[str, Json]:
    """The documents that were written, by path."""
    database = f"{applied.outputs['store_url'].rpartition('/')[2]}/"
    return {
        path.removeprefix(database): properties.plain(document)
        for path, document in applied.twilio["documents"].items()
    }


def test_the_default_agent_is_the_packaged_one(everything: Applied) -> None:
    document = seeds(everything)["agents/default"]
    assert set(document.pop("status")) == {"checked_at"}, "agent_edited must not have checked it"
    agent = to_record(Agent, document, where="seed")

    packaged = to_record(
        Agent, _yaml(everything, "shared/ringdown/packaged/default.yaml"), where="packaged"
    )
    assert agent == packaged


def test_each_tool_is_declared_as_its_folder_says(everything: Applied) -> None:
    functions = deployables(everything.plan)
    documents = {
        path.removeprefix("tools/"): document
        for path, document in seeds(everything).items()
        if path.startswith("tools/")
    }

    assert {f"tool/{name}" for name in documents} == {n for n in functions if "/" in n}
    for name, document in documents.items():
        to_record(ToolDeclaration, document, where=f"tools/{name}")
        service = functions[f"tool/{name}"].values["name"]
        assert document.pop("url") == f"https://{service}-123456789012.us-east4.run.app"
        folder = _yaml(everything, f"functions/tools/{name}/tool.yaml")
        for_terraform = ("roles", "secrets", "settings")
        assert document == {n: value for n, value in folder.items() if n not in for_terraform}


def test_the_database_is_what_the_code_that_queries_wants(everything: Applied) -> None:
    wanted = _yaml(everything, "shared/ringdown/packaged/firestore.json")
    fields = [r for r in resources(everything.plan) if r.type == "google_firestore_field"]

    indexes = [
        {
            "collection_group": r.values["collection"],
            "fields": [{k: f[k] for k in ("field_path", "order")} for f in r.values["fields"]],
        }
        for r in resources(everything.plan)
        if r.type == "google_firestore_index"
    ]

    assert everything.twilio["expiring"] == {
        f"ringdown/{group}": "expires_at" for group in wanted["ttl"]["collection_groups"]
    }
    assert sorted(indexes, key=str) == sorted(wanted["indexes"], key=str)
    unindexed = [
        {"collection_group": r.values["collection"], "field": r.values["field"]} for r in fields
    ]
    assert sorted(unindexed, key=str) == sorted(wanted["index_exemptions"], key=str)


def _yaml(applied: Applied, path: str) -> dict[str, Json]:
    document: dict[str, Json] = yaml.safe_load((applied.folder / path).read_text("utf-8"))
    return document
