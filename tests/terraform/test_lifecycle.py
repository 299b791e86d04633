"""What applies and destroys do to the number, agents, tools and the expiry of records."""

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ringdown.tools import Json
from tests.terraform.little_twilio import LittleAccount
from tests.terraform.stand_in import (
    ACCOUNT_SID,
    COPIED,
    PHONE_NUMBER,
    ROOT,
    Checkout,
    checkout,
    needs_stand_in,
    put_tree,
)

pytestmark = [needs_stand_in, pytest.mark.timeout(900)]

INIT = "terraform init -backend=false -input=false -no-color"
APPLY = "terraform apply -input=false -auto-approve -no-color"
DESTROY = "terraform destroy -input=false -auto-approve -no-color"
BEFORE = "https://before.example/voice"
WEBHOOK = "https://ringdown-incoming-call-123456789012.us-east4.run.app"
AGENT, TOOL = "ringdown/agents/default", "ringdown/tools/lookup_account"
SECOND = "+14155550101"
EDITED = {"stringValue": "as the operators like it"}
OLD_LAYOUTS = ("05a189b", "6d33eb3")
"""Commits with one `phone_number`. In the first, Terraform also managed seeds and TTLs."""


@contextmanager
def applied(folder: Path, **variables: object) -> Iterator[Checkout]:
    """A deployed line, with an agent and a tool that operators have edited since."""
    with checkout(folder, variables) as copy:
        copy.succeed(INIT, APPLY)
        edit(copy)
        yield copy


def edit(copy: Checkout) -> None:
    for path in (AGENT, TOOL):
        copy.twilio.google.documents.setdefault(path, {})["description"] = EDITED


def words_of_operators(copy: Checkout) -> list[Json]:
    documents = copy.twilio.google.documents
    return [documents[path]["description"] for path in (AGENT, TOOL)]


def test_to_vertex_and_back_the_line_stays_up(tmp_path: Path) -> None:
    with applied(tmp_path) as copy:
        to_vertex = copy.with_variables(gemini_backend="vertex").succeed(APPLY)
        back = copy.succeed(APPLY)

        assert copy.twilio.account.voice_urls == [WEBHOOK], "the URL is set only once"
        assert words_of_operators(copy) == [EDITED, EDITED]
    # Running parts read their key until they are replaced, and keep their role.
    for key_reader in ("incoming_call", "stream_handler"):
        ended = f'secret_iam_member.this["{key_reader}/GEMINI_API_KEY"]: Destruction complete'
        assert to_vertex.index(ended) > replaced(to_vertex, key_reader)
        ended = f'google_project_iam_member.vertex_user["{key_reader}"]: Destruction complete'
        assert back.index(ended) > replaced(back, key_reader)


def replaced(output: str, name: str) -> int:
    """The position in the output where it says that this part was changed."""
    found = re.search(rf"\.{name}(\[0\])?: Modifications complete", output)
    assert found is not None, output
    return found.start()


def test_a_secret_before_stays_until_nothing_reads_it(tmp_path: Path) -> None:
    versions = 'google_secret_manager_secret_version.this["TWILIO_AUTH_TOKEN/{}"]'
    with applied(tmp_path) as copy:
        copy.with_variables(secret_versions={"twilio_auth_token": 2}).succeed(APPLY)
        # The stand-in has the same version for everything, which would leave both parts unchanged.
        others = {"fallback_number": "+14155550199", "calls_per_instance": 30}
        third = copy.with_variables(secret_versions={"twilio_auth_token": 3}, **others).succeed(
            APPLY
        )
        left = copy.succeed("terraform state list")

    assert [n for n in (1, 2, 3) if versions.format(n) in left] == [2, 3]
    ended = third.index(f"{versions.format(1)}: Destruction complete")
    assert ended > replaced(third, "incoming_call")
    assert ended > replaced(third, "stream_handler")


def test_a_fallback_of_twilios_own_is_set_and_taken_back(tmp_path: Path) -> None:
    static = "https://handler.twilio.com/twiml/EH0123456789abcdef0123456789abcdef"
    with applied(tmp_path) as copy:
        copy.with_variables(fallback_url=static).succeed(APPLY)
        fallback = copy.twilio.number["voice_fallback_url"]
        copy.succeed(APPLY)

        assert fallback == static
        assert copy.twilio.number["voice_fallback_url"] == f"{WEBHOOK}/fallback"
        assert copy.twilio.number["voice_url"] == WEBHOOK


def test_another_region_sets_the_number_there_without_restoring_it(tmp_path: Path) -> None:
    there = WEBHOOK.replace("us-east4", "europe-west1")
    with applied(tmp_path) as copy:
        expiring = dict(copy.twilio.google.expiring)
        moved = copy.with_variables(region="europe-west1")
        moved.succeed(APPLY)

        assert copy.twilio.account.voice_urls == [WEBHOOK, there]
        assert words_of_operators(copy) == [EDITED, EDITED]
        address = copy.twilio.google.documents[TOOL]["url"]["stringValue"]
        assert address == "https://ringdown-lookup-account-123456789012.europe-west1.run.app"
        assert copy.twilio.google.expiring == expiring
        moved.succeed(DESTROY)
        assert copy.twilio.number["voice_url"] == BEFORE


def test_another_account_gets_its_number_and_the_old_one_its_own_back(tmp_path: Path) -> None:
    account_sid, token = "AC" + "f" * 32, "canary-other-token-4711"
    with applied(tmp_path) as copy:
        other = LittleAccount(account_sid, token, PHONE_NUMBER)
        copy.twilio.accounts.append(other)
        (copy.folder / "latest-token").write_text(token, "utf-8")
        changed = replace(
            copy.with_variables(
                twilio_account_sid=account_sid, secret_versions={"twilio_auth_token": 2}
            ),
            environ={"TF_VAR_twilio_auth_token": token},
        )
        changed.succeed(APPLY)

        assert copy.twilio.account.voice_urls == [WEBHOOK, BEFORE]
        assert other.voice_urls == [WEBHOOK]


def test_a_move_to_another_region_of_twilios_and_back_leaves_no_call_unanswered(
    tmp_path: Path,
) -> None:
    """Calls go to the old region until someone routes the number, which an apply doesn't do."""
    token = "canary-token-of-ireland-4711"
    with applied(tmp_path) as copy:
        ireland = LittleAccount(ACCOUNT_SID, token, PHONE_NUMBER, region="ie1")
        ireland.number["voice_url"] = "https://ireland.example/voice"
        copy.twilio.accounts.append(ireland)
        (copy.folder / "latest-token").write_text(token, "utf-8")
        there = replace(
            copy.with_variables(twilio_region="ie1", secret_versions={"twilio_auth_token": 2}),
            environ={"TF_VAR_twilio_auth_token": token},
        )
        there.succeed(APPLY)
        assert copy.twilio.account.voice_urls == [WEBHOOK]
        assert ireland.voice_urls == [WEBHOOK]

        (copy.folder / "latest-token").unlink()
        copy.with_variables(secret_versions={"twilio_auth_token": 3}).succeed(APPLY, DESTROY)
        assert copy.twilio.account.voice_urls == [WEBHOOK, BEFORE], (
            "this region's number must be as it was before"
        )


def test_many_numbers_come_and_go_one_by_one(tmp_path: Path) -> None:
    night = {SECOND: {"agent": "night"}}
    day: dict[str, dict[str, str]] = {PHONE_NUMBER: {}}
    seeded = f"ringdown/numbers/{SECOND}"
    with checkout(tmp_path, {}, numbers=(PHONE_NUMBER, SECOND)) as copy:
        account, documents = copy.twilio.account, copy.twilio.google.documents
        copy.succeed(INIT, APPLY)
        both = copy.with_variables(phone_numbers={**day, **night})
        both.succeed(APPLY)
        assert account.changes == [(PHONE_NUMBER, WEBHOOK), (SECOND, WEBHOOK)]
        assert documents[seeded] == {"agent": {"stringValue": "night"}}

        documents[seeded] = {"agent": {"stringValue": "as operators say"}}
        day_too = copy.with_variables(phone_numbers={**day, SECOND: {"agent": "default"}})
        output = day_too.succeed(APPLY)
        assert documents[seeded] == {"agent": {"stringValue": "as operators say"}}
        assert f"numbers/{SECOND} already exists, so it wasn't changed." in output
        assert "ringdown numbers set" in output

        copy.with_variables(phone_numbers=night).succeed(APPLY)
        assert account.changes[2:] == [(PHONE_NUMBER, BEFORE)]
        copy.with_variables(phone_numbers=night).succeed(DESTROY)
        assert account.changes[3:] == [(SECOND, BEFORE)]


def test_a_number_that_was_released_stops_neither_change_nor_destroy(tmp_path: Path) -> None:
    with applied(tmp_path) as copy:
        copy.twilio.account.numbers.clear()
        output = copy.succeed(DESTROY, "terraform state list")

    assert f"{PHONE_NUMBER}: Its previous URLs weren't restored" in output
    assert "Set its URLs by hand, or release it" in output


def test_of_many_numbers_one_that_was_released_stops_none_of_the_others(tmp_path: Path) -> None:
    with checkout(tmp_path, {}, numbers=(PHONE_NUMBER, SECOND)) as copy:
        both = copy.with_variables(phone_numbers={PHONE_NUMBER: {}, SECOND: {}})
        both.succeed(INIT, APPLY)
        copy.twilio.account.numbers.pop(0)
        moved = both.run(f"{APPLY} -var=region=europe-west1")
        there = WEBHOOK.replace("us-east4", "europe-west1")
        assert moved.status == 1
        assert f"{PHONE_NUMBER}: The Twilio account has no such number" in moved.output
        assert copy.twilio.account.changes[2:] == [(SECOND, there)]

        one = copy.with_variables(phone_numbers={SECOND: {}}, region="europe-west1")
        output = one.succeed(APPLY)
        assert f"{PHONE_NUMBER}: Its previous URLs weren't restored" in output
        assert copy.twilio.account.changes[3:] == []


def test_two_environments_on_one_number_are_told(tmp_path: Path) -> None:
    """Destroyed in the wrong order, the second would get the first one's dead URL."""
    with (
        applied(tmp_path / "first") as first,
        checkout(tmp_path / "second", {"name": "staging"}) as second,
    ):
        staging = replace(second, twilio=first.twilio)
        came = staging.succeed(INIT, APPLY)
        left = first.succeed(DESTROY)
        went = staging.succeed(DESTROY)

    assert f"Until now another deployment answered it: {WEBHOOK}" in came
    assert "Someone has changed its URLs in the meantime" in left
    assert f"the deployment that had it before: {WEBHOOK}" in went
    assert "If that one is gone, its calls fail" in went


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("google_monitoring_alert_policy", "404: Cannot find metric(s) that match type"),
        ("google_eventarc_trigger", "Permission denied while using the Eventarc Service Agent"),
    ],
)
def test_what_google_refuses_at_first_keeps_nobody_from_answering(
    tmp_path: Path, kind: str, message: str
) -> None:
    with checkout(tmp_path, {}) as copy:
        copy.refuse(kind, message, times=1)
        copy.succeed(INIT)
        first = copy.run(APPLY)
        answered = copy.twilio.number["voice_url"]
        copy.succeed(APPLY)

    assert first.status == 1
    assert message in first.output
    assert answered == WEBHOOK
    assert copy.twilio.account.voice_urls == [WEBHOOK]


@pytest.mark.parametrize("commit", OLD_LAYOUTS)
def test_an_upgrade_from_one_number_touches_nothing_that_is_in_use(
    tmp_path: Path, commit: str
) -> None:
    old = tmp_path / "old"
    extract(commit, old)
    with checkout(tmp_path / "now", {"phone_number": PHONE_NUMBER}, source=old) as found:
        copy = replace(found, environ={"TWILIO_API_URL": f"{found.twilio.url}/api.twilio.com"})
        copy.succeed(INIT, APPLY)
        edit(copy)
        put_tree(ROOT, copy.folder)
        output = copy.succeed(INIT, APPLY)

        assert copy.twilio.account.voice_urls == [WEBHOOK]
        assert f"{PHONE_NUMBER}: Its calls come here, as before." in output
        assert words_of_operators(copy) == [EDITED, EDITED]
        assert "google_firestore_field.ttl" not in taken(output)
        assert "google_firestore_document" not in taken(output)
        assert len(copy.twilio.google.expiring) > 5
        copy.succeed(DESTROY)
        assert copy.twilio.number["voice_url"] == BEFORE


def taken(output: str) -> str:
    """The output lines that say what was destroyed."""
    return "\n".join(line for line in output.splitlines() if ": Destr" in line)


def extract(commit: str, folder: Path) -> None:
    """A commit's tree, if this clone has it."""
    git = shutil.which("git") or "git"
    archive = subprocess.run(
        (git, "archive", commit, *(name for name in COPIED if name != "cli")),
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    if archive.returncode != 0:
        pytest.skip(f"the history, with {commit}. Fetch it: git fetch --unshallow")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tree:
        tree.extractall(folder, filter="data")
