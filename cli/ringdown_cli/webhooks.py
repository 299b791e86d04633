"""`ringdown webhooks`: the URLs that are notified of ended calls."""

import argparse
import secrets

import msgspec

from ringdown.documents import to_record
from ringdown.errors import InvalidDocument
from ringdown.stores import Store
from ringdown.stores.paths import LOST_WEBHOOKS, WEBHOOKS
from ringdown.tools.url import problem_with_url
from ringdown.webhooks import (
    EVENTS,
    MOST_RECEIVERS,
    LostWebhook,
    Receiver,
    Receivers,
    Trial,
    read_receivers,
)
from ringdown.webhooks.signature import new_secret
from ringdown_cli.command import BROKEN, DONE, CannotGoOn, Commands, Group, Surroundings
from ringdown_cli.store_choice import chosen_store
from ringdown_cli.terminal import Style, Terminal
from ringdown_cli.wording import json_text

_LOST_SHOWN = 10


def add_webhook_commands(groups: Commands) -> None:
    group = Group(groups, "webhooks", "notify other systems when a call ends")
    setting = group.add(
        "set",
        set_webhook,
        "send ended calls to a URL, or change which events it gets",
        examples=(
            "webhooks set https://example.com/ringdown",
            "webhooks set https://example.com/ringdown --events call.outcome",
            "webhooks set https://example.com/ringdown --new-secret",
        ),
    )
    _add_url(setting)
    setting.add_argument("--events", nargs="+", choices=EVENTS, help="which events (default: all)")
    setting.add_argument(
        "--new-secret", action="store_true", help="sign with a new secret from now on"
    )
    listing = group.add(
        "list", list_webhooks, "list the URLs, and failed deliveries", examples=("webhooks list",)
    )
    listing.add_argument("--json", action="store_true", help="print JSON, without the secrets")
    testing = group.add(
        "test",
        try_webhooks,
        "send a signed webhook.test from this machine",
        examples=("webhooks test", "webhooks test https://example.com/ringdown"),
    )
    _add_url(testing, nargs="?", help="only this one (default: all)")
    removing = group.add(
        "remove",
        remove_webhook,
        "stop sending to a URL",
        examples=("webhooks remove https://example.com/ringdown",),
    )
    _add_url(removing)


def _add_url(
    parser: argparse.ArgumentParser, *, nargs: str | None = None, help: str = "where to post to"
) -> None:
    parser.add_argument("url", metavar="URL", nargs=nargs, help=help)


async def set_webhook(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    url, events = arguments.url, tuple(arguments.events or EVENTS)
    problem = problem_with_url(url)
    if problem is not None:
        raise CannotGoOn(f"The URL {problem}.")
    async with chosen_store(arguments.store, surroundings) as store:
        receivers = await _receivers(store)
        before = receivers.at(url)
        is_new = before is None or arguments.new_secret
        secret = new_secret() if before is None or arguments.new_secret else before.secret
        receivers = receivers.having(Receiver(url=url, secret=secret, events=events))
        if len(receivers.receivers) > MOST_RECEIVERS:
            raise CannotGoOn(
                f"There are {MOST_RECEIVERS} URLs already. To remove one: ringdown webhooks remove"
                " URL"
            )
        await store.documents.write(WEBHOOKS, receivers)
    terminal = surroundings.terminal
    terminal.say(f"{url} gets {' and '.join(events)}, starting with the next call.")
    if is_new:
        terminal.say(f"Give the receiver this secret, which won't be shown again: {secret}")
    terminal.note(f"To try it: ringdown webhooks test {url}")
    return DONE


async def list_webhooks(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    terminal = surroundings.terminal
    async with chosen_store(arguments.store, surroundings) as store:
        receivers = (await _receivers(store)).receivers
        lost = await _lost(store)
    if arguments.json:
        shown = [{"url": each.url, "events": each.events} for each in receivers]
        terminal.say(json_text({"webhooks": shown, "lost": msgspec.to_builtins(lost)}))
        return DONE
    if not receivers:
        terminal.complain(
            "No URL is notified of ended calls. To add one: ringdown webhooks set URL"
        )
    else:
        rows = [
            (each.url, " ".join(each.events), str(sum(one.url == each.url for one in lost)))
            for each in receivers
        ]
        styles = [Style.BAD if row[2] != "0" else Style.PLAIN for row in rows]
        terminal.table(("url", "events", "lost"), rows, styles=styles)
    for one in lost[:_LOST_SHOWN]:
        when = f"{one.given_up_at:%Y-%m-%d %H:%M} UTC"
        terminal.complain(
            f"{one.event} of {one.call_sid} never reached {one.url} (gave up {when}): {one.problem}"
        )
    return DONE


async def try_webhooks(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    from ringdown.webhooks.sender import Sender  # loads an HTTP client

    async with chosen_store(arguments.store, surroundings) as store:
        receivers = await _receivers(store)
    if arguments.url is not None:
        receivers = Receivers(receivers=(_at(receivers, arguments.url),))
    if not receivers.receivers:
        raise CannotGoOn("No webhook to test. To add one: ringdown webhooks set URL")
    sender, status, now = Sender(), DONE, surroundings.now()
    id, body = f"webhook_test_{secrets.token_hex(8)}", msgspec.json.encode(Trial(timestamp=now))
    try:
        for receiver in receivers.receivers:
            failure = await sender.send(receiver, id, body, now)
            _say_result(surroundings.terminal, receiver, failure and failure.problem)
            status = status if failure is None else BROKEN
    finally:
        await sender.close()
    return status


def _say_result(terminal: Terminal, receiver: Receiver, problem: str | None) -> None:
    if problem is None:
        terminal.say(f"{receiver.url} accepted the test.")
    else:
        terminal.complain(f"{receiver.url} didn't accept the test. {problem}")


async def remove_webhook(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings) as store:
        receivers = await _receivers(store)
        _at(receivers, arguments.url)
        await store.documents.write(WEBHOOKS, receivers.without(arguments.url))
    surroundings.terminal.say(f"{arguments.url} won't be notified any more.")
    return DONE


def _at(receivers: Receivers, url: str) -> Receiver:
    """Return the receiver at `url`. Raises CannotGoOn if there is none."""
    receiver = receivers.at(url)
    if receiver is None:
        known = ", ".join(each.url for each in receivers.receivers) or "none"
        raise CannotGoOn(f"{url} isn't a webhook of this line. Webhooks: {known}.")
    return receiver


async def _receivers(store: Store) -> Receivers:
    try:
        return await read_receivers(store.documents)
    except InvalidDocument as error:
        raise CannotGoOn(f"{error}. Correct it, or delete the document.") from None


async def _lost(store: Store) -> list[LostWebhook]:
    """Return the failed deliveries, newest first. Unreadable ones are left out."""
    lost = []
    for path, document in (await store.documents.list(LOST_WEBHOOKS)).items():
        try:
            lost.append(to_record(LostWebhook, document, where=path))
        except InvalidDocument:
            continue
    return sorted(lost, key=lambda one: one.given_up_at, reverse=True)
