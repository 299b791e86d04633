"""`ringdown numbers set` and what Twilio does with the number's calls."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringdown.tools import Json
from tests.cli.agents.stored_agents import DOCUMENT, write
from tests.cli.command_line import CommandLine, Ran
from tests.cli.doctor.test_deployment import outputs
from tests.terraform.little_twilio import LittleAccount, LittleTwilio

NUMBER, OTHER = "+14155550100", "+14155550101"
ACCOUNT_SID, TOKEN = "AC0123456789abcdef0123456789abcdef", "the-auth-token-of-the-account"
WEBHOOK = "https://ours.example"
BEFORE = "https://before.example/voice"


@pytest.fixture
def twilio() -> Iterator[LittleTwilio]:
    with LittleTwilio(ACCOUNT_SID, TOKEN, NUMBER, OTHER).serving() as twilio:
        yield twilio


@pytest.fixture
def line(command_line: CommandLine, twilio: LittleTwilio) -> CommandLine:
    write(command_line, DOCUMENT)
    command_line.environ = {
        "PUBLIC_URL": WEBHOOK,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_URL": twilio.url_pattern,
    }
    return command_line


def give(line: CommandLine, number: str, *options: str) -> Ran:
    """Give the number to the agent `shop`, ignoring deployments on this machine."""
    return line.run("numbers", "set", number, "shop", "--terraform", f"{line.folder}", *options)


def agents(line: CommandLine) -> dict[str, str]:
    found: dict[str, str] = json.loads(line.run("numbers", "list", "--json").said)
    return found


def test_a_number_that_leads_elsewhere_is_told_and_left_alone(
    line: CommandLine, twilio: LittleTwilio
) -> None:
    twilio.number["voice_application_sid"] = ""

    ran = give(line, NUMBER)

    assert ran.status == 1
    assert ran.said.startswith(f"shop now answers {NUMBER}")
    assert f"At Twilio: calls go to {BEFORE}, not to {WEBHOOK}." in ran.said
    assert f"  ringdown numbers set {NUMBER} shop --set-urls\n" in ran.said
    assert twilio.account.changes == []
    assert agents(line) == {NUMBER: "shop"}, "who answers is set all the same"


def test_on_request_its_urls_are_set_and_what_it_had_is_told(
    line: CommandLine, twilio: LittleTwilio
) -> None:
    ran = give(line, OTHER, "--set-urls")
    again = give(line, OTHER)

    assert (ran.status, again.status) == (0, 0), ran.all
    assert f"The voice URL was {BEFORE}, the fallback URL empty" in ran.said
    assert (
        "At Twilio: calls and status callbacks reach the webhook, which is also the fallback.\n"
        in again.said
    )
    assert twilio.account.changes == [(OTHER, WEBHOOK)]
    number = twilio.account.numbers[1]
    assert number["voice_fallback_url"] == f"{WEBHOOK}/fallback"
    assert number["status_callback"] == f"{WEBHOOK}/status"
    assert (number["voice_method"], number["voice_application_sid"]) == ("POST", "")


def test_it_sets_what_terraform_sets(line: CommandLine, twilio: LittleTwilio) -> None:
    """The command sets one number, and the script that every apply runs sets the other."""
    from tests.terraform.test_terraform import run

    give(line, OTHER, "--set-urls")
    given = {"FALLBACK_URL": f"{WEBHOOK}/fallback", "STATUS_URL": f"{WEBHOOK}/status"}
    run(line.folder, twilio, "set", token=TOKEN, VOICE_URL=WEBHOOK, **given)

    ours, theirs = twilio.account.numbers
    own: dict[str, Json] = {name: theirs[name] for name in ("sid", "phone_number")}
    assert {**ours, **own} == theirs


def test_a_number_of_another_region(line: CommandLine, twilio: LittleTwilio) -> None:
    ireland = LittleAccount(ACCOUNT_SID, "the-token-of-ireland", NUMBER, region="ie1")
    twilio.accounts.append(ireland)
    line.environ |= {"TWILIO_REGION": "ie1", "TWILIO_AUTH_TOKEN": "the-token-of-ireland"}

    good = give(line, NUMBER, "--set-urls")
    ireland.routed = {}
    bad = give(line, NUMBER)

    assert (good.status, ireland.changes) == (0, [(NUMBER, WEBHOOK)])
    assert twilio.account.changes == []
    assert bad.status == 1
    assert "At Twilio: Twilio processes its calls in us1" in bad.said


def test_a_number_that_terraform_does_not_know_is_told(
    line: CommandLine, twilio: LittleTwilio, tmp_path: Path
) -> None:
    file = tmp_path / "outputs.json"
    known = outputs(
        webhook_url=WEBHOOK,
        fallback_url="https://fallback.example",
        twilio_account_sid=ACCOUNT_SID,
        twilio_region="us1",
    )
    file.write_text(known.replace(OTHER, "+14155550199"), "utf-8")

    unknown = give(line, OTHER, "--set-urls", "--outputs", f"{file}")
    listed = give(line, NUMBER, "--set-urls", "--outputs", f"{file}")

    assert "Add it to phone_numbers in terraform.tfvars as well" in unknown.said
    assert (unknown.status, listed.status) == (0, 0)
    assert "phone_numbers" not in listed.said
    assert twilio.number["voice_fallback_url"] == "https://fallback.example"


def test_a_number_of_somebody_else(line: CommandLine) -> None:
    ran = give(line, "+14155550188", "--set-urls")

    assert ran.status == 1
    assert "At Twilio: the number doesn't belong to this account." in ran.said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"TWILIO_AUTH_TOKEN": ""}, "Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        ({"PUBLIC_URL": "http://127.0.0.1:8080"}, "Set PUBLIC_URL to the URL where Twilio reaches"),
        ({"PUBLIC_URL": "", "STREAM_URL": ""}, "No deployment found"),
        ({"TWILIO_REGION": "de1"}, "TWILIO_REGION is 'de1'"),
    ],
)
def test_without_a_line_nothing_is_checked_and_that_is_said(
    line: CommandLine, twilio: LittleTwilio, changes: dict[str, str], reason: str
) -> None:
    line.environ = {name: v for name, v in {**line.environ, **changes}.items() if v}

    checked = give(line, NUMBER)
    wanted = give(line, NUMBER, "--set-urls")

    assert checked.status == 0
    assert f"Couldn't check where Twilio sends its calls. {reason}" in checked.complained
    assert wanted.status == 1
    assert f"Its URLs at Twilio weren't set. {reason}" in wanted.complained
    assert agents(line) == {NUMBER: "shop"}
    assert twilio.account.changes == []


def test_a_token_that_twilio_refuses_is_told(line: CommandLine) -> None:
    line.environ["TWILIO_AUTH_TOKEN"] = "another-token-0123456789"

    ran = give(line, NUMBER, "--set-urls")

    assert ran.status == 1
    assert "Its URLs at Twilio weren't set: Twilio doesn't accept this account" in ran.complained
    assert "another-token" not in ran.all
