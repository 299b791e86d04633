"""Terraform's checks, and the script that sets the number."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terraform.little_twilio import DOMAINS, LittleAccount, LittleTwilio
from tests.terraform.stand_in import (
    ACCOUNT_SID,
    PHONE_NUMBER,
    ROOT,
    SECRETS,
    checkout,
    needs_stand_in,
)

VOICE_URL = "https://ours.example"
KEPT = "Its previous URLs are saved."


@needs_stand_in
@pytest.mark.timeout(700)
def test_terraform_finds_it_well_formed_and_its_own_tests_pass(tmp_path: Path) -> None:
    with checkout(tmp_path, {}) as copy:
        output = copy.succeed(
            "rm given.auto.tfvars.json",
            "terraform fmt -check -recursive -diff",
            "terraform init -backend=false -input=false -no-color",
            "terraform validate -no-color",
            "terraform test -no-color",
        )

    assert "Success! The configuration is valid." in output
    assert "0 failed" in output


# The script


@pytest.fixture
def twilio() -> Iterator[LittleTwilio]:
    with LittleTwilio(ACCOUNT_SID, SECRETS["twilio_auth_token"], PHONE_NUMBER).serving() as twilio:
        yield twilio


def run(folder: Path, twilio: LittleTwilio, act: str, **changes: str) -> tuple[int, str]:
    """The script's status and output; `token` and `fails` are gcloud's."""
    gcloud = folder / "gcloud"
    token = changes.pop("token", SECRETS["twilio_auth_token"])
    fails = changes.pop("fails", "no-word")
    gcloud.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{fails}*) echo "it is forbidden" >&2; exit 1;; esac\n'
        f'case "$*" in *access*) echo {token};;\n'
        f'*"cp -"*) cat > {folder}/memory;; *cat*) cat {folder}/memory;; esac\n',
        "utf-8",
    )
    gcloud.chmod(0o755)
    environ = {
        "ACCOUNT_SID": ACCOUNT_SID,
        "MEMORY_URL": "gs://bucket/twilio",
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PHONE_NUMBER": PHONE_NUMBER,
        "FALLBACK_URL": f"{VOICE_URL}/fallback",
        "STATUS_URL": f"{VOICE_URL}/status",
        "TOKEN_SECRET": "projects/p/secrets/s",
        "TWILIO_DOMAIN": "twilio.com",
        "TWILIO_REGION": "us1",
        "TWILIO_URL": twilio.url_pattern,
        "VOICE_URL": VOICE_URL,
    }
    done = subprocess.run(
        (sys.executable, str(ROOT / "terraform" / "scripts" / "twilio_number.py"), act),
        env={**environ, **changes},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def test_what_was_there_is_put_back(tmp_path: Path, twilio: LittleTwilio) -> None:
    before = dict(twilio.number)

    assert run(tmp_path, twilio, "set")[0] == 0
    assert twilio.number["voice_url"] == VOICE_URL
    assert run(tmp_path, twilio, "restore")[0] == 0

    assert twilio.number == {**before, "status_callback": "", "voice_fallback_url": ""}


def test_setting_it_twice_does_not_forget_what_was_there(
    tmp_path: Path, twilio: LittleTwilio
) -> None:
    for _ in range(2):
        run(tmp_path, twilio, "set")

    kept = json.loads((tmp_path / "memory").read_text("utf-8"))
    assert kept["VoiceUrl"] == "https://before.example/voice"


def test_a_number_that_has_its_urls_already_is_not_touched(
    tmp_path: Path, twilio: LittleTwilio
) -> None:
    first, second = (run(tmp_path, twilio, "set") for _ in range(2))

    assert first == (0, f"{PHONE_NUMBER}: Its calls come here now. {KEPT}\n")
    assert second == (0, f"{PHONE_NUMBER}: Its calls come here, as before.\n")
    assert twilio.account.voice_urls == [VOICE_URL]
    twilio.number["voice_fallback_url"] = ""
    run(tmp_path, twilio, "set")
    assert twilio.number["voice_fallback_url"] == f"{VOICE_URL}/fallback"


def test_a_number_that_was_pointed_elsewhere_is_left_alone(
    tmp_path: Path, twilio: LittleTwilio
) -> None:
    run(tmp_path, twilio, "set")
    twilio.number["voice_url"] = "https://somebody.example"

    status, said = run(tmp_path, twilio, "restore")

    assert (status, twilio.number["voice_url"]) == (0, "https://somebody.example")
    assert "Someone has changed its URLs" in said


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"token": "wrong-token-0123456789"}, "Copy both from the first page"),
        ({"PHONE_NUMBER": "+14155550123"}, "has no such number"),
        ({"fails": "access"}, "gcloud secrets versions failed: it is forbidden"),
        ({"TWILIO_URL": "http://127.0.0.1:9/{host}"}, "Can't reach Twilio"),
        ({"ACCOUNT_SID": "AC" + "f" * 32}, "refuses the account SID with this auth token (401)"),
    ],
)
def test_it_says_what_to_do(
    tmp_path: Path, twilio: LittleTwilio, changes: dict[str, str], advice: str
) -> None:
    before = dict(twilio.number)

    status, said = run(tmp_path, twilio, "set", **changes)

    assert status == 1
    assert advice in said
    assert "Traceback" not in said
    assert SECRETS["twilio_auth_token"] not in said
    assert twilio.number == before


@pytest.mark.parametrize(
    "changes",
    [
        {"token": "wrong-token-0123456789"},
        {"PHONE_NUMBER": "+14155550123"},
        {"fails": "access"},
        {"fails": "storage"},
        {"memory": "half of a do"},
        {"memory": "[]"},
        {"PATH": "/nowhere"},
        {"TWILIO_URL": "http://127.0.0.1:9/{host}"},
    ],
)
def test_what_cannot_be_restored_stops_no_destroy(
    tmp_path: Path, twilio: LittleTwilio, changes: dict[str, str]
) -> None:
    run(tmp_path, twilio, "set")
    if memory := changes.get("memory"):
        (tmp_path / "memory").write_text(memory, "utf-8")

    status, said = run(tmp_path, twilio, "restore", **changes)

    assert (status, twilio.number["voice_url"]) == (0, VOICE_URL)
    assert "previous URLs weren't restored" in said
    assert "https://console.twilio.com, Phone Numbers" in said


@pytest.mark.parametrize(
    "change", [("us-east4", "europe-west1"), ("incoming-call", "webhook")], ids=["region", "kind"]
)
def test_a_deployment_knows_its_number_after_it_has_moved(
    tmp_path: Path, twilio: LittleTwilio, change: tuple[str, str]
) -> None:
    old = "https://ringdown-incoming-call-1.us-east4.run.app"
    moved = {"VOICE_URL": old.replace(*change)}
    run(tmp_path, twilio, "set", VOICE_URL=old)
    run(tmp_path, twilio, "set", **moved)

    run(tmp_path, twilio, "restore", **moved)

    assert twilio.number["voice_url"] == "https://before.example/voice"


def test_a_sip_trunk_that_gets_the_calls_is_told(tmp_path: Path, twilio: LittleTwilio) -> None:
    _, said = run(tmp_path, twilio, "set")
    assert "trunk" not in said
    twilio.number["trunk_sid"] = "TK0123456789abcdef0123456789abcdef"

    _, said = run(tmp_path, twilio, "set")

    assert "belongs to a SIP trunk, which gets its calls" in said


IRELAND = {"TWILIO_DOMAIN": DOMAINS["ie1"], "TWILIO_REGION": "ie1"}


@pytest.mark.parametrize("region", DOMAINS)
def test_each_region_has_its_own_record_and_token(
    tmp_path: Path, twilio: LittleTwilio, region: str
) -> None:
    token = f"the-token-of-{region}-0123456789"
    there = LittleAccount(ACCOUNT_SID, token, PHONE_NUMBER, region=region)
    twilio.accounts.append(there)
    given = {"token": token, "TWILIO_DOMAIN": DOMAINS[region], "TWILIO_REGION": region}

    status, said = run(tmp_path, twilio, "set", **given)
    run(tmp_path, twilio, "restore", **given)

    assert (status, said) == (0, f"{PHONE_NUMBER}: Its calls come here now. {KEPT}\n")
    assert there.voice_urls == [VOICE_URL, "https://before.example/voice"]
    assert twilio.account.voice_urls == []


def test_the_token_of_another_region_is_told(tmp_path: Path, twilio: LittleTwilio) -> None:
    status, said = run(tmp_path, twilio, "set", **IRELAND)

    assert status == 1
    assert "the token for the region in twilio_region" in said


@pytest.mark.parametrize(("routed", "processed_in"), [({}, "us1"), ({PHONE_NUMBER: "au1"}, "au1")])
def test_a_number_whose_calls_another_region_processes_is_told(
    tmp_path: Path, twilio: LittleTwilio, routed: dict[str, str], processed_in: str
) -> None:
    there = LittleAccount(ACCOUNT_SID, SECRETS["twilio_auth_token"], PHONE_NUMBER, region="ie1")
    there.routed = routed
    twilio.accounts.append(there)

    status, said = run(tmp_path, twilio, "set", **IRELAND)

    assert (status, there.voice_urls) == (0, [VOICE_URL])
    assert f"Twilio processes its calls in {processed_in}, where it has other URLs" in said
    assert "Route it to ie1 (https://console.twilio.com, the number, Regional)" in said
    assert f'or set twilio_region = "{processed_in}"' in said


def test_a_number_is_set_even_if_twilio_does_not_say_where_its_calls_go(
    tmp_path: Path, twilio: LittleTwilio
) -> None:
    twilio.account.routed = None

    status, said = run(tmp_path, twilio, "set")

    assert (status, twilio.account.voice_urls) == (0, [VOICE_URL])
    assert "Can't tell in which region Twilio processes its calls. Twilio answers 503" in said


def test_the_regions_hosts_are_those_of_the_one_list() -> None:
    packaged = ROOT / "shared" / "ringdown" / "packaged" / "twilio_regions.json"

    assert json.loads(packaged.read_text("utf-8")) == DOMAINS


def test_what_cannot_be_kept_is_not_changed(tmp_path: Path, twilio: LittleTwilio) -> None:
    before = dict(twilio.number)

    status, said = run(tmp_path, twilio, "set", fails="storage")

    assert (status, twilio.number) == (1, before)
    assert "gcloud storage cp failed" in said


def test_variables_secrets_and_state_are_neither_uploaded_nor_committed(tmp_path: Path) -> None:
    for name in (".gcloudignore", ".gitignore"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    kept = (
        *("terraform.tfvars", "staging.tfvars", "other.auto.tfvars", "s.auto.tfvars.json"),
        *("terraform.tfstate", "terraform.tfstate.backup", ".env", "deployer.key", "twilio.pem"),
    )
    (tmp_path / "terraform").mkdir()
    for name in (*kept, "main.tf"):
        (tmp_path / "terraform" / name).touch()

    uploaded = _listed("gcloud", "meta", "list-files-for-upload", cwd=tmp_path)
    _listed("git", "init", "--quiet", cwd=tmp_path)
    committed = _listed("git", "ls-files", "--others", "--exclude-standard", cwd=tmp_path)

    assert {name for name in uploaded if name.startswith("terraform/")} == {"terraform/main.tf"}
    assert {name for name in committed if name.startswith("terraform/")} == {"terraform/main.tf"}


def test_nothing_that_git_ignores_was_committed_all_the_same() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("git's history, in a clone of the repository")
    ignored = ("ls-files", "--cached", "--ignored", "--exclude-standard")

    assert _listed("git", *ignored, cwd=ROOT) == []


def _listed(program: str, *arguments: str, cwd: Path) -> list[str]:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program}")
    done = subprocess.run(
        (found, *arguments), cwd=cwd, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.splitlines()
