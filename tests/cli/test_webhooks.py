import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ringdown.stores.paths import WEBHOOKS
from ringdown.webhooks import MOST_RECEIVERS, LostWebhook, Receivers, read_receivers
from tests.cli.agents.stored_agents import DOCUMENT, write
from tests.cli.command_line import CommandLine
from tests.http_server import Requests, serving
from tests.ringdown.samples import CALL_SID, CALLER, NOW

URL = "https://example.com/ringdown"


@pytest.fixture
def line(command_line: CommandLine) -> CommandLine:
    write(command_line, DOCUMENT)
    return command_line


def receivers(line: CommandLine) -> Receivers:
    return line.with_store(lambda store: read_receivers(store.documents))


@contextmanager
def a_hook(status: int = 204) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A receiver's URL, and the headers and body of the requests it got."""
    got: list[dict[str, str]] = []

    class Posted(Requests):
        def do_POST(self) -> None:
            got.append({**self.headers, "body": self.body().decode()})
            self.reply(status)

    with serving(Posted) as url:
        yield f"{url}/", got


def test_a_url_is_told_with_a_secret_that_is_shown_once(line: CommandLine) -> None:
    ran = line.run("webhooks", "set", URL)
    assert ran.status == 0
    [receiver] = receivers(line).receivers
    assert ran.said == (
        f"{URL} gets call.ended and call.outcome, starting with the next call.\n"
        f"Give the receiver this secret, which won't be shown again: {receiver.secret}\n"
    )
    assert receiver.secret not in line.run("webhooks", "list").all
    assert receiver.secret not in line.run("webhooks", "list", "--json").all


def test_other_events_keep_the_secret_and_a_new_one_is_asked_for(
    line: CommandLine,
) -> None:
    line.run("webhooks", "set", URL)
    [first] = receivers(line).receivers
    ran = line.run("webhooks", "set", URL, "--events", "call.outcome")
    [second] = receivers(line).receivers
    assert ran.said == f"{URL} gets call.outcome, starting with the next call.\n"
    assert (second.secret, second.events) == (first.secret, ("call.outcome",))
    line.run("webhooks", "set", URL, "--new-secret")
    [third] = receivers(line).receivers
    assert third.secret != first.secret


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://example.com/", "The URL must begin with https:// (http is for this machine only)"),
        ("https://169.254.169.254/", "The URL leads to the machine's metadata"),
        ("nowhere", "The URL must begin with https://"),
    ],
)
def test_a_url_that_may_not_be_told_is_refused(line: CommandLine, url: str, told: str) -> None:
    ran = line.run("webhooks", "set", url)
    assert ran.status == 1
    assert told in ran.complained
    assert receivers(line) == Receivers()


def test_there_are_at_most_ten(line: CommandLine) -> None:
    for n in range(MOST_RECEIVERS):
        assert line.run("webhooks", "set", f"{URL}/{n}").status == 0
    ran = line.run("webhooks", "set", URL)
    assert ran.status == 1
    assert "ringdown webhooks remove URL" in ran.complained


def test_a_url_is_removed(line: CommandLine) -> None:
    line.run("webhooks", "set", URL)
    assert line.run("webhooks", "remove", URL).said == f"{URL} won't be notified any more.\n"
    again = line.run("webhooks", "remove", URL)
    assert again.status == 1
    assert again.complained == f"{URL} isn't a webhook of this line. Webhooks: none.\n"
    assert "No URL is notified of ended calls" in line.run("webhooks", "list").complained


def test_the_list_shows_what_never_arrived(line: CommandLine) -> None:
    line.run("webhooks", "set", URL)
    lost = LostWebhook(
        caller=CALLER,
        call_sid=CALL_SID,
        event="call.ended",
        url=URL,
        problem="It answered with HTTP 500.",
        given_up_at=NOW,
        expires_at=NOW,
    )
    line.with_store(lambda store: store.documents.write("lost_webhooks/1", lost))
    ran = line.run("webhooks", "list")
    assert ran.said.splitlines()[1].split() == [URL, "call.ended", "call.outcome", "1"]
    assert ran.complained == (
        f"call.ended of {CALL_SID} never reached {URL} (gave up 2026-11-02 09:30 UTC):"
        " It answered with HTTP 500.\n"
    )
    [shown] = json.loads(line.run("webhooks", "list", "--json").said)["lost"]
    assert shown["call_sid"] == CALL_SID


def test_a_test_is_signed_and_says_what_became_of_it(line: CommandLine) -> None:
    with a_hook() as (good, got), a_hook(500) as (bad, _):
        line.run("webhooks", "set", good)
        alone = line.run("webhooks", "test")
        line.run("webhooks", "set", bad)
        both = line.run("webhooks", "test")
        one = line.run("webhooks", "test", good)
    assert (alone.status, alone.said) == (0, f"{good} accepted the test.\n")
    assert (both.status, both.said) == (1, f"{good} accepted the test.\n")
    assert both.complained == f"{bad} didn't accept the test. It answered with HTTP 500.\n"
    assert one.status == 0
    assert len(got) == 3
    assert json.loads(got[0]["body"])["type"] == "webhook.test"
    headers = {name.lower() for name in got[0]}
    assert headers >= {"webhook-id", "webhook-timestamp", "webhook-signature"}


def test_without_a_webhook_there_is_nothing_to_test(line: CommandLine) -> None:
    ran = line.run("webhooks", "test")
    assert ran.status == 1
    assert "ringdown webhooks set URL" in ran.complained


def test_settings_that_cannot_be_read_are_told_of(line: CommandLine) -> None:
    line.with_store(lambda store: store.documents.write(WEBHOOKS, {"receivers": 7}))
    ran = line.run("webhooks", "list")
    assert ran.status == 1
    assert "settings/webhooks" in ran.complained
