"""Finding Terraform, the choices, a plan in plain words, and the meaning of failures."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy import preflight, terraform_binary
from deploy.choices import Choices
from deploy.commands import Commands, Stop
from deploy.failures import KNOWN, Lasting, Passing, diagnose
from deploy.plan_words import secrets_stored_anew, summary
from deploy.terraform import Terraform
from deploy.terraform_binary import find_terraform

OLD, NEW = "1.5.7", "1.12.0"


def program(path: Path, version: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n', "utf-8")
    path.chmod(0o755)


def commands(folder: Path) -> Commands:
    environ = {"PATH": f"{folder / 'bin'}{os.pathsep}/bin{os.pathsep}/usr/bin"}
    return Commands(folder, environ, lambda _: None, dry_run=False)


def never(url: str) -> bytes:
    raise AssertionError(f"{url} was fetched")


def a_zip(version: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        script = f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n'
        archive.writestr("terraform", script)
    return content.getvalue()


def test_a_terraform_that_is_new_enough_is_used(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "terraform", NEW)

    found = find_terraform(commands(tmp_path), tmp_path / "kept", never, "linux_amd64", print)

    assert found == "terraform"


def test_what_was_fetched_once_is_used_again(tmp_path: Path) -> None:
    """Cloud Shell's own Terraform is too old, and it keeps only the home folder."""
    program(tmp_path / "bin" / "terraform", OLD)
    kept = tmp_path / "kept" / terraform_binary.PINNED / "terraform"
    program(kept, terraform_binary.PINNED)

    found = find_terraform(commands(tmp_path), tmp_path / "kept", never, "linux_amd64", print)

    assert found == str(kept)


def test_what_is_not_the_pinned_one_is_not_run(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "terraform", OLD)

    with pytest.raises(Stop, match="its SHA-256 differs"):
        find_terraform(
            commands(tmp_path), tmp_path / "kept", lambda _: a_zip(NEW), "linux_amd64", print
        )

    assert [path for path in (tmp_path / "kept").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("machine", ["windows_amd64", "linux_riscv64"])
def test_a_machine_without_a_pinned_one_is_told(tmp_path: Path, machine: str) -> None:
    program(tmp_path / "bin" / "terraform", OLD)

    with pytest.raises(Stop, match=f"No Terraform is pinned for {machine}"):
        find_terraform(commands(tmp_path), tmp_path / "kept", never, machine, print)


def test_every_pinned_hash_is_one() -> None:
    assert {len(bytes.fromhex(digest)) for digest in terraform_binary.SHA256.values()} == {32}


# Regions that an organisation allows


@pytest.mark.parametrize(
    ("allowed", "region", "is_allowed"),
    [
        ([], "us-east4", True),
        (["in:us-locations"], "us-east4", True),
        (["in:eu-locations"], "europe-west1", True),
        (["in:europe-west1-locations", "us-east4"], "us-east4", True),
        (["in:low-carbon-locations"], "us-east4", True),  # we can't know what that group contains
        (["in:eu-locations"], "us-east4", False),
        (["us-east1"], "us-east4", False),
    ],
)
def test_a_region_is_compared_with_the_policy(
    tmp_path: Path, allowed: list[str], region: str, is_allowed: bool
) -> None:
    policy = json.dumps({"listPolicy": {"allowedValues": allowed}})
    gcloud = tmp_path / "bin" / "gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(f"#!/bin/sh\necho '{policy}'\n", "utf-8")
    gcloud.chmod(0o755)

    with contextlib.nullcontext() if is_allowed else pytest.raises(Stop, match="doesn't allow"):
        preflight.region_is_allowed(commands(tmp_path), "our-project-1", region)


# Choices


def test_what_people_wrote_is_read_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "terraform.tfvars"
    file.write_text(
        'project_id   = "mine"\nmax_instances = 3 # more\nci = {\n  a = 1\n}\n', "utf-8"
    )

    choices = Choices(file, dry_run=False)
    choices.keep("domain_restricted_sharing", "true")
    assert not Choices(file, dry_run=False).has("domain_restricted_sharing"), (
        "not written yet, because it may be a mistake"
    )
    choices.write()

    assert choices.get("project_id") == "mine"
    assert choices.has("ci")
    assert Choices(file, dry_run=False).values == {
        "domain_restricted_sharing": "true",
        "max_instances": "3",
        "project_id": "mine",
    }


def test_a_last_line_without_an_end_is_not_spoilt(tmp_path: Path) -> None:
    file = tmp_path / "terraform.tfvars"
    file.write_text('project_id = "mine"', "utf-8")

    choices = Choices(file, dry_run=False)
    choices.keep("region", "us-east4")
    choices.write()

    assert Choices(file, dry_run=False).values == {"project_id": "mine", "region": "us-east4"}


@pytest.mark.parametrize(
    "text",
    [
        'phone_numbers = {"+14155550100" = {agent = "default"}, "+14155550101" = {}} # two\n',
        'phone_numbers = {\n  "+14155550100" = {\n  }\n  "+14155550101" = {}\n}\n',
    ],
)
def test_numbers_are_read_as_people_write_them(tmp_path: Path, text: str) -> None:
    file = tmp_path / "terraform.tfvars"
    file.write_text(f'name = "ours"\n{text}region = "us-east4"\n', "utf-8")

    choices = Choices(file, dry_run=False)

    assert choices.phone_numbers == ["+14155550100", "+14155550101"]
    assert choices.get("region") == "us-east4"


def test_the_one_number_of_earlier_releases_becomes_the_first_of_many(tmp_path: Path) -> None:
    file = tmp_path / "terraform.tfvars"
    file.write_text('phone_number = "+14155550100"\nname = "ours"', "utf-8")

    for dry_run in (True, False):
        choices = Choices(file, dry_run=dry_run)
        choices.keep_numbers(["+14155550100"])
        if dry_run:
            choices.write()
    assert file.read_text("utf-8") == 'phone_number = "+14155550100"\nname = "ours"'
    choices.write()

    kept = 'phone_numbers = {"+14155550100" = {agent = "default"}}\n'
    assert file.read_text("utf-8") == f'name = "ours"\n{kept}'
    assert Choices(file, dry_run=False).phone_numbers == ["+14155550100"]


def test_a_dry_run_writes_no_choice(tmp_path: Path) -> None:
    choices = Choices(tmp_path / "terraform.tfvars", dry_run=True)
    choices.keep("project_id", "mine")
    choices.write()

    assert choices.get("project_id") == "mine"
    assert list(tmp_path.iterdir()) == []


# Plans and failures


def change(address: str, *actions: str) -> dict[str, object]:
    kind = address.split(".")[0]
    return {"address": address, "type": kind, "change": {"actions": [*actions]}}


def test_a_plan_is_told_in_plain_words() -> None:
    plan = {
        "resource_changes": [
            change("google_service_account.build", "create"),
            change("google_service_account.incoming_call", "create"),
            change("google_project_iam_member.build", "create"),
            change("time_sleep.apis", "create"),
            change("google_monitoring_dashboard.this", "update"),
            change("google_storage_bucket.sources", "no-op"),
            change("google_artifact_registry_repository.images", "delete", "create"),
            change('terraform_data.number["+14155550100"]', "delete", "create"),
            change('terraform_data.number_before["+14155550101"]', "delete"),
        ]
    }

    assert summary(plan) == [
        "create 4: 2 accounts, 1 grant, 1 other thing",
        "change google_monitoring_dashboard.this",
        'delete terraform_data.number_before["+14155550101"]',
        "replace google_artifact_registry_repository.images",
        'replace terraform_data.number["+14155550100"]',
        "set the URLs of +14155550100, so that its calls come here",
        "restore the previous URLs of +14155550101",
    ]


def test_a_plan_without_changes_says_nothing() -> None:
    assert summary({"resource_changes": [change("time_sleep.apis", "no-op")]}) == []


def test_which_secrets_are_stored_anew_is_told() -> None:
    """Secrets of a first apply don't count, because nothing was stored before it."""
    version = "google_secret_manager_secret_version.this"
    plan = {
        "resource_changes": [
            change('google_secret_manager_secret.this["STREAM_TOKEN_SECRET"]', "create"),
            change(f'{version}["STREAM_TOKEN_SECRET/1"]', "create"),
            change(f'{version}["TWILIO_AUTH_TOKEN/1"]', "no-op"),
            change(f'{version}["TWILIO_AUTH_TOKEN/2"]', "create"),
            change(f'{version}["GEMINI_API_KEY"]', "create", "delete"),
            change(f'{version}["AWS_ACCESS_KEY_ID"]', "delete"),
        ]
    }

    assert secrets_stored_anew(plan) == {"GEMINI_API_KEY", "TWILIO_AUTH_TOKEN"}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ('Cannot find metric(s) that match type = "logging', Passing),
        ("Permission denied while using the Eventarc Service Agent", Passing),
        ("Cloud Run Admin API has not been used in project 1 before or it is disabled", Passing),
        ("Aborted due to cross-transaction contention", Passing),
        ("constraints/iam.allowedPolicyMemberDomains", Lasting),
        ("due to quota restrictions, cannot run builds in this region", Lasting),
        ("Cannot find metric(s); also: Quota exceeded", Lasting),
        ("Quota exceeded for quota metric 'Writes' and limit 'Writes per minute' of", Passing),
        ("googleapi: Error 503: The service is currently unavailable", Passing),
        ("constraints/iam.managed.allowedPolicyMembers", Lasting),
        ("403: Permission denied by constraints/run.allowedIngress", Lasting),
        ("Error: something never seen before", type(None)),
    ],
)
def test_a_failure_passes_or_lasts(output: str, expected: type) -> None:
    assert isinstance(diagnose(output), expected)


def test_each_failure_that_is_known_has_a_row_in_the_docs_or_says_what_to_do() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "deploy.md").read_text("utf-8")
    says_what_to_do = (root / "terraform" / "scripts" / "twilio_number.py").read_text("utf-8")
    table = page.split("\n## What can go wrong\n")[1].split("\n## ")[0]
    shown = "\n".join(row.split(" | ")[0] for row in table.splitlines())

    explained = f"{shown}\n{says_what_to_do}"
    assert [known.pattern for known in KNOWN if not re.search(known.pattern, explained)] == []


def test_of_two_that_pass_the_longer_wait_counts() -> None:
    found = diagnose("Cannot find metric(s)\nPermission denied: the Eventarc Service Agent")

    assert isinstance(found, Passing)
    assert found.wait_s == 300


# Running programs

_SLOW_TO_STOP = """
import os, pathlib, signal
signal.signal(signal.SIGINT, lambda *_: None)
os.killpg(0, signal.SIGINT)  # Ctrl-C reaches every process in a terminal
for _ in range(50_000):  # more than a pipe holds: a reader that stops can't get to the end
    print("stopping", flush=True)
pathlib.Path("saved").touch()
"""
_PRESSED = """
import pathlib, sys
from deploy.commands import Commands
commands = Commands(pathlib.Path(), {}, print, dry_run=False)
words = (sys.executable, "slow.py")
try:
    if sys.argv[1] == "follow":
        commands.follow(*words, on_line=lambda _: None)
    commands.read(*words)
except KeyboardInterrupt:
    print("stopped", pathlib.Path("saved").exists())
"""


@pytest.mark.parametrize("how", ["read", "follow"])
def test_whoever_presses_ctrl_c_waits_for_what_runs(tmp_path: Path, how: str) -> None:
    """Terraform saves its state, and unlocks it, before it ends."""
    (tmp_path / "slow.py").write_text(_SLOW_TO_STOP, "utf-8")

    done = subprocess.run(
        (sys.executable, "-c", _PRESSED, how),
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        start_new_session=True,
    )

    assert done.stdout.splitlines()[-2:] == [
        f"  Waiting for {Path(sys.executable).name} to stop …",
        "stopped True",
    ], done


def test_nobody_who_answers_stops_it_plainly(tmp_path: Path) -> None:
    program(tmp_path / "terraform", NEW)
    program(tmp_path / "gcloud", NEW)

    done = subprocess.run(
        (sys.executable, "-m", "deploy", "--dry-run"),
        cwd=Path(__file__).parents[2],
        env={"PATH": f"{tmp_path}{os.pathsep}/bin{os.pathsep}/usr/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 130
    assert done.stdout.endswith("Stopped. To continue from here, run `make deploy` again.\n")
    assert "Traceback" not in done.stdout


_TERRAFORM = """#!/bin/sh
echo "$@" >> calls
lock=terraform/.terraform.lock.hcl
case "$2" in
  init) test -e $lock || echo mine > $lock ;;
  providers) echo everybody > $lock ;;
esac
"""


def a_terraform(folder: Path, *, dry_run: bool) -> Terraform:
    (folder / "terraform").mkdir(exist_ok=True)
    program(folder / "bin" / "terraform", NEW)
    (folder / "bin" / "terraform").write_text(_TERRAFORM, "utf-8")
    environ = {"PATH": f"{folder / 'bin'}{os.pathsep}/bin{os.pathsep}/usr/bin"}
    runner = Commands(folder, environ, lambda _: None, dry_run=dry_run)
    return Terraform(runner, folder / "terraform", "terraform")


def test_providers_are_locked_for_every_machine_once(tmp_path: Path) -> None:
    """`terraform init` alone would lock them for this machine only. A dry run locks nothing."""
    lock = tmp_path / "terraform" / ".terraform.lock.hcl"

    a_terraform(tmp_path, dry_run=True).init()
    assert not lock.exists()
    assert a_terraform(tmp_path, dry_run=False).init()
    assert lock.read_text("utf-8") == "everybody\n"
    assert not a_terraform(tmp_path, dry_run=False).init()
    assert a_terraform(tmp_path, dry_run=True).init() is False
    assert lock.exists()
    calls = (tmp_path / "calls").read_text("utf-8").splitlines()
    assert [call.split()[1] for call in calls] == ["init", "providers", "init", "init", "init"]


def test_only_a_state_that_is_a_file_moves(tmp_path: Path) -> None:
    """Once a state has moved, its file is empty. Migrating again could then copy another
    environment's state over this one's."""
    state = tmp_path / "terraform" / "terraform.tfstate"
    terraform = a_terraform(tmp_path, dry_run=False)
    for text in ("{}", ""):
        state.write_text(text, "utf-8")
        terraform.init()

    calls = (tmp_path / "calls").read_text("utf-8").splitlines()
    inits = [call for call in calls if " init " in call]
    assert ["-migrate-state" in call for call in inits] == [True, False]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "-m deploy"),
        (("--no-print-directory",), "-m deploy"),
        (("--dry-run",), "-m deploy --dry-run"),
        (("--no-print-directory", "-n"), "-m deploy --dry-run"),
    ],
)
def test_make_hands_its_dry_run_on(options: tuple[str, ...], expected: str) -> None:
    """make's own dry run would run nothing, and so ask nothing and plan nothing."""
    make = shutil.which("make") or "make"
    done = subprocess.run(
        (make, *options, "deploy", "PYTHON=echo"),
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == expected
