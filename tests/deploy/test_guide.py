"""A complete `make deploy`, with a scripted gcloud, Twilio's REST API and real Terraform."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.commands import Commands, Stop
from deploy.guide import Guide
from deploy.terminal import Terminal
from tests.terraform.little_twilio import LittleAccount
from tests.terraform.stand_in import (
    ACCOUNT_SID,
    PHONE_NUMBER,
    PROJECT,
    ROOT,
    SECRETS,
    STRICTER,
    Checkout,
    checkout,
    needs_stand_in,
)

pytestmark = [needs_stand_in, pytest.mark.timeout(600)]

WEBHOOK = "https://ringdown-incoming-call-123456789012.us-east4.run.app"
TOKEN = SECRETS["twilio_auth_token"]
_GCLOUD = '''#!{python}
"""Plays gcloud as scripted in responses.json; the stand-in answers everything else."""
import json, os, pathlib, re, sys
folder = pathlib.Path({folder!r})
words = " ".join(sys.argv[1:])
for pattern, status, output, errors in json.loads((folder / "responses.json").read_text()):
    if re.search(pattern, words):
        with (folder / "gcloud.jsonl").open("a") as log:
            log.write(json.dumps(sys.argv[1:]) + "\\n")
        print(output)
        print(errors, file=sys.stderr)
        sys.exit(status)
os.execv({plain!r}, [{plain!r}, *sys.argv[1:]])
'''
Response = tuple[str, int, str, str]
FINE: tuple[Response, ...] = (
    ("^auth list", 0, "somebody@example.com", ""),
    ("^config get project", 0, PROJECT, ""),
    ("^projects describe", 0, "123456789012", ""),
    ("^billing projects describe", 0, "True", ""),
    ("^resource-manager org-policies describe", 0, "{}", ""),
    ("^org-policies describe", 0, "{}", ""),
    ("^storage buckets list", 0, "", ""),
    ("^services api-keys create", 0, SECRETS["gemini_api_key"], ""),
)


class Person(Terminal):
    """Answers questions that contain a given word, and keeps everything that was said."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.heard: list[str] = []

    def say(self, text: str) -> None:
        self.heard.append(text)

    def ask(self, question: str, default: str = "") -> str:
        self.heard.append(f"{question} [{default}]")
        return next((a for word, a in self.answers.items() if word in question), default)

    def ask_secret(self, question: str) -> str:
        return self.ask(question)


@dataclass(slots=True)
class Deployer:
    copy: Checkout
    person: Person = field(
        default_factory=lambda: Person({"Account SID": ACCOUNT_SID, "Auth token": TOKEN})
    )
    pauses: list[float] = field(default_factory=list)

    def script(self, *responses: Response) -> None:
        text = json.dumps([*responses, *FINE])
        (self.copy.folder / "responses.json").write_text(text, "utf-8")

    def run(self, *, dry_run: bool = False) -> str:
        folder, url = self.copy.folder, self.copy.twilio.url
        environ = {
            "HOME": os.environ["HOME"],
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "TWILIO_URL": self.copy.twilio.url_pattern,
            "FIREBASE_RULES_API_URL": url,
            "FIRESTORE_API_URL": url,
        }
        commands = Commands(folder, environ, self.person.say, dry_run=dry_run)
        google, sleep = self.copy.twilio.url, self.pauses.append
        pattern = self.copy.twilio.url_pattern
        Guide(folder, commands, self.person, pattern, google, sleep=sleep, download=never).run()
        return "\n".join(self.person.heard)

    def stopped(self) -> str:
        with pytest.raises(Stop) as stop:
            self.run()
        return str(stop.value)

    def gcloud_calls(self) -> list[str]:
        log = self.copy.folder / "gcloud.jsonl"
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        return [" ".join(json.loads(line)) for line in lines]


def never(url: str) -> bytes:
    raise AssertionError(f"{url} was fetched")


@pytest.fixture
def deployer(tmp_path: Path) -> Iterator[Deployer]:
    with checkout(tmp_path, {}) as copy:
        folder, bin_folder = copy.folder, copy.folder / "bin"
        plain = bin_folder / "gcloud-plain"
        (bin_folder / "gcloud").rename(plain)
        terraform = shutil.which("terraform")
        programs = {
            bin_folder / "gcloud": _GCLOUD.format(
                python=sys.executable, folder=str(folder), plain=str(plain)
            ),
            bin_folder / "terraform": "#!/bin/sh\n"
            f"exec {os.environ['TERRAFORM_STANDIN']} {sys.executable} {STRICTER} {folder}"
            f' {terraform} "$@"\n',
            bin_folder / "make": "#!/bin/sh\n",
            folder / ".venv" / "bin" / "ringdown": "#!/bin/sh\necho '✓ everything'\n",
        }
        for path, text in programs.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            path.chmod(0o755)
        # Google's buckets and the registry don't exist here.
        (copy.terraform / "backend.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        (copy.terraform / ".terraform.lock.hcl").touch()
        found = Deployer(copy)
        found.script()
        # Secret Manager is empty before the first apply.
        found.script(("^secrets versions access latest --project", 1, "", "not found"))
        yield found


def test_from_nothing_to_a_line_that_answers(deployer: Deployer) -> None:
    heard = deployer.run()

    assert deployer.copy.twilio.number["voice_url"] == WEBHOOK
    assert heard.endswith(f"Call {PHONE_NUMBER}: the agent answers.")
    assert f"set the URLs of {PHONE_NUMBER}, so that its calls come here" in heard
    assert "✓ everything" in heard
    kept = (deployer.copy.terraform / "terraform.tfvars").read_text("utf-8")
    assert f'phone_numbers = {{"{PHONE_NUMBER}" = {{agent = "default"}}}}' in kept
    for text in (heard, kept, *deployer.gcloud_calls()):
        assert not [name for name, value in SECRETS.items() if value in text]


def test_what_passes_is_waited_for_and_tried_again(deployer: Deployer) -> None:
    message = "404: Cannot find metric(s) that match type"
    deployer.copy.refuse("google_monitoring_alert_policy", message, times=1)

    heard = deployer.run()

    assert deployer.pauses == [300]
    assert "new metrics aren't known everywhere yet. Retrying" in heard
    assert heard.endswith("the agent answers.")


def test_what_lasts_stops_it_and_it_goes_on_from_there(deployer: Deployer) -> None:
    message = "due to quota restrictions, cannot run builds in this region"
    deployer.copy.refuse("google_cloudfunctions2_function", message, times=1)

    said = deployer.stopped()
    assert deployer.pauses == []
    assert "can only build in these regions: us-central1, us-west2" in said
    assert "run `make deploy` again" in said

    deployer.person.answers = {}
    deployer.script(("access latest .*gemini", 0, SECRETS["gemini_api_key"], ""))
    assert deployer.run().endswith("the agent answers.")


def test_a_dry_run_shows_everything_and_changes_nothing(deployer: Deployer) -> None:
    (deployer.copy.terraform / "backend.tf").unlink()
    before = dict(deployer.copy.twilio.number)

    heard = deployer.run(dry_run=True)

    assert "would run: gcloud storage buckets create gs://our-project-1-terraform" in heard
    assert "would run: gcloud builds submit --no-source" in heard
    assert "create " in heard
    assert "Dry run: nothing was changed" in heard
    assert deployer.copy.twilio.number == before
    assert not (deployer.copy.terraform / "terraform.tfvars").exists()
    assert not (deployer.copy.terraform / "backend.tf").exists()
    reading = r" (list|get|describe|access|print-access-token)( |$)"
    changing = [call for call in deployer.gcloud_calls() if not re.search(reading, f" {call}")]
    assert changing == []
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    shown = _without_counts("Plan\n" + page.split("    Plan\n", 1)[1].split("\n## ", 1)[0])
    assert _without_counts(heard)[-len(shown) :] == shown, (
        "must match the page, except for the counts: one tool is deployed here"
    )


def test_a_state_that_is_kept_needs_no_bucket(deployer: Deployer) -> None:
    (deployer.copy.terraform / "backend.tf").unlink()
    deployer.script(
        ("^storage buckets list .*--project=our-project-1", 0, "our-project-1-terraform", ""),
        ("^secrets versions access latest --project", 1, "", ""),
    )

    heard = deployer.run(dry_run=True)

    assert "✓ in gs://our-project-1-terraform" in heard
    assert "buckets create" not in heard


def test_another_environment_keeps_its_state_below_its_name(deployer: Deployer) -> None:
    backend = deployer.copy.terraform / "backend.tf"
    backend.unlink()
    (deployer.copy.terraform / "terraform.tfvars").write_text('name = "staging"\n', "utf-8")
    deployer.script(
        ("^auth print-access-token", 1, "", "expired"),  # before Terraform asks for the bucket
        ("^secrets versions access latest --project", 1, "", "not found"),
    )

    assert "sign-in has expired" in deployer.stopped()
    assert 'prefix = "staging"' in backend.read_text("utf-8")


def _without_counts(transcript: str) -> list[str]:
    lines = (line.strip() for line in transcript.splitlines())
    return [re.sub(r"^create .+", "create …", line) for line in lines if line]


DOMAINS = json.dumps({"listPolicy": {"allowedValues": ["C0abc"]}})
PLACES = json.dumps({"listPolicy": {"allowedValues": ["in:europe-west1-locations"]}})
ENFORCED = json.dumps({"spec": {"rules": [{"enforce": True}]}})
SUBJECTS = {"parameters": {"allowedMemberSubjects": ["allUsers"]}}


@pytest.mark.parametrize(
    ("responses", "advice"),
    [
        ([("^auth list", 0, "", "")], "gcloud auth login --update-adc"),
        ([("^auth application-default", 1, "", "none")], "gcloud auth login --update-adc"),
        ([("^projects describe", 1, "", "denied")], "Project our-project-1 doesn't exist"),
        ([("^billing", 0, "False", "")], "console.cloud.google.com/billing/linkedaccount"),
        ([("describe gcp.resourceL", 0, PLACES, "")], "doesn't allow us-east4, only"),
        (
            [
                ("describe iam.allowed", 0, DOMAINS, ""),
                ("describe run.managed", 0, ENFORCED, ""),
            ],
            "An administrator must allow one of the two",
        ),
        (
            [("^services api-keys", 1, "", "denied"), ("access latest", 1, "", "")],
            "create a Gemini key",
        ),
        ([("^auth print-access-token", 1, "", "expired")], "gcloud auth login"),
    ],
)
def test_each_refusal_stops_before_anything_is_made(
    deployer: Deployer, responses: list[Response], advice: str
) -> None:
    deployer.script(*responses, ("^secrets versions access latest --project", 1, "", ""))

    assert advice in deployer.stopped()
    assert not (deployer.copy.terraform / "terraform.tfstate").exists()


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("Which project", [("^projects describe", 1, "", "denied")]),
        ("Account SID", []),
        ("Which of Twilio's regions", []),
    ],
)
def test_a_mistake_is_not_kept(deployer: Deployer, answer: str, refused: list[Response]) -> None:
    """The next run asks again."""
    right = dict(deployer.person.answers)
    deployer.person.answers[answer] = "au1" if "region" in answer else f"AC{'0' * 32}"
    deployer.script(*refused, ("^secrets versions access latest --project", 1, "", ""))
    deployer.stopped()

    deployer.person.answers = {**right, "Do it": "no"}
    deployer.script(("^secrets versions access latest --project", 1, "", ""))
    assert "Nothing was changed" in deployer.stopped()
    kept = (deployer.copy.terraform / "terraform.tfvars").read_text("utf-8")
    for line in (f"project_id = {PROJECT!r}", f"account_sid = {ACCOUNT_SID!r}", "region = 'us1'"):
        assert line.replace("'", '"') in kept


def test_what_google_does_not_say_is_not_called_good(deployer: Deployer) -> None:
    denied = [
        (command, 1, "", "denied") for command in ("^billing", "^resource-m", "^org-policies")
    ]
    deployer.script(*denied, ("^secrets versions access latest --project", 1, "", ""))
    deployer.copy.twilio.google.refused = [403]
    deployer.person.answers["Do it"] = "no"

    assert "Nothing was changed" in deployer.stopped()
    told = [line.strip() for line in deployer.person.heard if line.strip().startswith("–")]
    assert [line.split(".")[0] for line in told] == [
        "– gcloud doesn't say whether billing is on",
        "– Google doesn't say which roles you have",
        "– gcloud doesn't list the organisation policies",
    ]
    assert "with billing on" not in "\n".join(deployer.person.heard)


@pytest.mark.parametrize(
    ("rules", "restricted"), [([{"enforce": True}], True), ([{"enforce": True} | SUBJECTS], False)]
)
def test_the_managed_policy_on_members_is_found(
    deployer: Deployer, rules: list[object], restricted: bool
) -> None:
    policy = json.dumps({"spec": {"rules": rules}})
    deployer.script(
        ("describe iam.managed.allowedPolicyMembers", 0, policy, ""),
        ("^secrets versions access latest --project", 1, "", ""),
    )
    deployer.person.answers["Do it"] = "no"

    deployer.stopped()
    kept = (deployer.copy.terraform / "terraform.tfvars").read_text("utf-8")
    assert ("domain_restricted_sharing = true" in kept) is restricted


def test_a_number_that_the_account_does_not_have_stops_it_before_anything_is_made(
    deployer: Deployer,
) -> None:
    file = deployer.copy.terraform / "terraform.tfvars"
    file.write_text('phone_numbers = {"+14155550177" = {}}\n', "utf-8")

    assert "no voice number +14155550177" in deployer.stopped()
    assert not (deployer.copy.terraform / "terraform.tfstate").exists()


def test_neither_an_old_secret_nor_another_environment_is_applied_unasked(
    deployer: Deployer,
) -> None:
    """Otherwise an earlier run's value would be stored again, and Twilio's new one refused. A new
    name would replace the existing line."""
    deployer.run()
    file = deployer.copy.terraform / "terraform.tfvars"
    with file.open("a") as text:
        text.write("secret_versions = { twilio_auth_token = 2 }\n")
    deployer.script(("access latest .*gemini", 0, SECRETS["gemini_api_key"], ""))

    assert "The plan stores a new value of TWILIO_AUTH_TOKEN" in deployer.stopped()

    file.write_text(f'name = "staging"\n{file.read_text().partition("secret_versions")[0]}')
    deployer.script()
    assert "Nothing was changed" in deployer.stopped(), "staging is another environment"
    assert "leaves the database behind" in "\n".join(deployer.person.heard)


def test_what_the_doctor_cannot_try_spoils_nothing(deployer: Deployer) -> None:
    doctor = deployer.copy.folder / ".venv" / "bin" / "ringdown"
    doctor.write_text("#!/bin/sh\nexit 3\n", "utf-8")

    assert deployer.run().endswith("the agent answers.")
    doctor.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    deployer.script(("access latest .*gemini", 0, SECRETS["gemini_api_key"], ""))
    assert "Not everything works yet" in deployer.stopped()


def test_missing_roles_are_named_before_anything_is_made(deployer: Deployer) -> None:
    google = deployer.copy.twilio.google
    google.lacking = {"run.services.setIamPolicy", "datastore.databases.create"}

    said = deployer.stopped()

    heard = [line.strip() for line in deployer.person.heard]
    assert [line for line in heard if line.startswith("roles/")] == [
        "roles/datastore.owner",
        "roles/run.admin",
    ]
    assert "Who may deploy" in said
    assert [call for call in deployer.gcloud_calls() if "enable" in call] == []


@pytest.mark.parametrize(
    ("refused", "answer"), [([403], "not asked"), ([], "yes")], ids=["no answer", "a custom role"]
)
def test_roles_that_google_cannot_tell_stop_nobody(
    deployer: Deployer, refused: list[int], answer: str
) -> None:
    """If a role is really missing, the apply says so."""
    google = deployer.copy.twilio.google
    google.lacking, google.refused = {"run.services.setIamPolicy"}, refused
    deployer.person.answers |= {"Continue anyway": answer, "Do it": "no"}

    assert "Nothing was changed" in deployer.stopped()


def test_a_refused_token_is_told(deployer: Deployer) -> None:
    deployer.person.answers["Auth token"] = "another-token-0123456789"

    assert "Copy both from the first page" in deployer.stopped()


def test_a_region_where_nothing_can_be_built_is_changed(deployer: Deployer) -> None:
    refused = "FAILED_PRECONDITION: due to quota restrictions, cannot run builds in this region"
    deployer.script(
        ("^builds submit --no-source", 1, "", refused),
        ("^secrets versions access latest --project", 1, "", ""),
    )
    deployer.person.answers["Which region should it build in"] = "europe-west1"
    deployer.person.answers["Do it"] = "no"

    assert "Nothing was changed" in deployer.stopped()
    assert 'region = "europe-west1"' in (deployer.copy.terraform / "terraform.tfvars").read_text(
        "utf-8"
    )


def test_a_probe_that_comes_before_its_api_is_tried_again(deployer: Deployer) -> None:
    late = "Cloud Build API has not been used in project 1 before or it is disabled"
    deployer.script(
        ("^builds submit --no-source", 1, "", late),
        ("^secrets versions access latest --project", 1, "", ""),
    )
    deployer.person.answers["Do it"] = "no"

    assert "Nothing was changed" in deployer.stopped()
    assert deployer.pauses == [20, 40]


def test_of_several_numbers_some_are_chosen(deployer: Deployer) -> None:
    account = deployer.copy.twilio.account
    for number, voice in (("+14155550111", True), ("+14155550122", False), ("+14155550133", True)):
        account.numbers.append(
            {
                **account.number,
                "phone_number": number,
                "voice_url": "",
                "capabilities": {"voice": voice},
            }
        )
    deployer.person.answers |= {"Which numbers": "2, 3", "Do it": "no"}

    deployer.stopped()

    heard = "\n".join(deployer.person.heard)
    assert "2  +14155550111  now: nothing" in heard
    assert "+14155550122" not in heard, "it can't take calls"
    assert "✓ number +14155550111\n  ✓ number +14155550133\n" in heard
    assert "set the URLs of +14155550133, so that its calls come here" in heard
    kept = (deployer.copy.terraform / "terraform.tfvars").read_text("utf-8")
    chosen = ("+14155550111", "+14155550133")
    answered = ", ".join(f'"{number}" = {{agent = "default"}}' for number in chosen)
    assert f"phone_numbers = {{{answered}}}\n" in kept


@pytest.mark.parametrize("answer", ["4", "0", "1 2", "one"])
def test_what_is_not_in_the_list_is_told(deployer: Deployer, answer: str) -> None:
    account = deployer.copy.twilio.account
    account.numbers.append({**account.number, "phone_number": "+14155550111"})
    deployer.person.answers["Which numbers"] = answer

    assert f"{answer} isn't in the list" in deployer.stopped()


def test_a_number_in_ireland(deployer: Deployer) -> None:
    """Twilio in Ireland has another host and token, and the guide suggests a Google region near
    it. The number isn't routed there yet."""
    token = "canary-token-of-ireland-4711"
    ireland = LittleAccount(ACCOUNT_SID, token, PHONE_NUMBER, region="ie1")
    ireland.routed = {}
    deployer.copy.twilio.accounts.append(ireland)
    (deployer.copy.folder / "latest-token").write_text(token, "utf-8")
    deployer.person.answers |= {"Which of Twilio's regions": "ie1", "Auth token for ie1": token}
    deployer.person.answers.pop("Auth token")

    heard = deployer.run()

    there = WEBHOOK.replace("us-east4", "europe-west1")
    assert ireland.changes == [(PHONE_NUMBER, there)]
    assert deployer.copy.twilio.account.changes == []
    assert "✓ region europe-west1" in heard
    assert "Twilio processes its calls in us1, so they would fail" in heard
    assert f"{PHONE_NUMBER}: Twilio processes its calls in us1, where it has other URLs" in heard


def test_what_twilio_does_not_say_stops_nothing(deployer: Deployer) -> None:
    deployer.copy.twilio.account.routed = None
    deployer.person.answers["Do it"] = "no"

    assert "Nothing was changed" in deployer.stopped()
    heard = "\n".join(deployer.person.heard)
    assert "Can't tell in which region Twilio processes its calls. Twilio answers 503" in heard


def test_a_region_that_twilio_does_not_have_is_told(deployer: Deployer) -> None:
    deployer.person.answers["Which of Twilio's regions"] = "de1"

    assert "de1 isn't one of au1, ie1, us1" in deployer.stopped()


def test_the_one_number_of_an_earlier_release_is_taken_over(deployer: Deployer) -> None:
    file = deployer.copy.terraform / "terraform.tfvars"
    file.write_text(f'phone_number = "{PHONE_NUMBER}"\n', "utf-8")

    heard = deployer.run()

    assert "Which of Twilio's regions" not in heard, "the number stays in its region"
    kept = file.read_text("utf-8")
    assert "phone_number =" not in kept
    assert f'phone_numbers = {{"{PHONE_NUMBER}" = ' in kept
    assert deployer.copy.twilio.account.changes == [(PHONE_NUMBER, WEBHOOK)]


def test_domain_restricted_sharing_is_found(deployer: Deployer) -> None:
    deployer.script(
        ("describe iam.allowed", 0, DOMAINS, ""),
        ("^secrets versions access latest --project", 1, "", ""),
    )

    deployer.run()

    webhook = "https://ringdown-webhook-123456789012.us-east4.run.app"
    assert deployer.copy.twilio.number["voice_url"] == webhook


@pytest.mark.parametrize(
    "line", [f'phone_numbers = {{"{PHONE_NUMBER}" = {{}}}}', f'phone_number = "{PHONE_NUMBER}"']
)
@pytest.mark.parametrize(("answer", "kept"), [("no", "false"), ("yes", "true")])
def test_a_policy_that_is_newer_than_the_line_moves_it_only_if_asked(
    deployer: Deployer, line: str, answer: str, kept: str
) -> None:
    file = deployer.copy.terraform / "terraform.tfvars"
    file.write_text(f"{line}\n", "utf-8")
    deployer.script(
        ("describe iam.allowed", 0, DOMAINS, ""),
        ("^secrets versions access latest --project", 1, "", ""),
    )
    deployer.person.answers |= {"Working without them": answer, "Do it": "no"}

    deployer.stopped()
    assert f"domain_restricted_sharing = {kept}\n" in file.read_text("utf-8")


def test_the_secrets_of_tools_are_taken_from_earlier_runs(deployer: Deployer) -> None:
    file = deployer.copy.terraform / "terraform.tfvars"
    file.write_text("enabled_tool_secrets = { TWILIO_API_KEY = 1 }\n", "utf-8")
    tool = deployer.copy.folder / "functions" / "tools" / "send_text_message"
    shutil.copytree(ROOT / "functions" / "tools" / "send_text_message", tool)
    deployer.person.answers["Do it"] = "no"
    assert "has no value. Set TF_VAR_tool_secrets" in deployer.stopped()

    deployer.script(
        ("access latest .*ringdown-twilio-api-key", 0, "SK4711:secret", ""),
        ("^secrets versions access latest --project", 1, "", ""),
    )
    assert "Nothing was changed" in deployer.stopped()
    assert "SK4711" not in "\n".join((*deployer.person.heard, *deployer.gcloud_calls()))


def test_a_secret_in_tfvars_is_refused(deployer: Deployer) -> None:
    file = deployer.copy.terraform / "terraform.tfvars"
    file.write_text('twilio_auth_token = "x"\n', "utf-8")

    assert "has twilio_auth_token in it. Others read that file" in deployer.stopped()
